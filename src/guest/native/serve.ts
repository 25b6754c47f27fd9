/**
 * The native guest: a function in a whole Node, at the far end of a channel of frames. A worker thread serves one, and so
 * does the agent of a container: all that differs is the channel.
 */

import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { Connection } from '../../wire/connection.ts';
import { FrameType, MAX_FRAME_TO_GUEST, type CallMeta, type OpenMeta } from '../../wire/frames.ts';
import { metaBody, parseMeta } from '../../wire/meta.ts';
import { setEngine } from '../web/engine.ts';
import type { WebHost } from '../web/host.ts';
import { installConsole, type Log } from './console.ts';
import { bindContext, currentCall } from './context.ts';
import { describeError } from './describe-error.ts';
import { Door } from './door.ts';
import { Exits } from './exits.ts';
import { fetch } from './fetch.ts';
import { NativeLog } from './log.ts';
import { installNetwork } from './network.ts';
import { installProcess } from './process.ts';
import { NativeSandbox } from './sandbox.ts';
import { installThreads } from './threads.ts';
import { installTimers } from './timers.ts';
import { installRequest } from './web/request.ts';
import { installResponse } from './web/response.ts';

export interface NativeOptions {
  /** Whether there is a loopback of this sandbox's own, for programs that the function starts. */
  readonly hasNetwork: boolean;
  /** A folder that the function may write to. */
  readonly scratch: string;
  /** The process is its own, with all that it may start. */
  readonly ownsProcess?: boolean;
  /** A call is about to be handed to the function. */
  onBegun?(call: number): void;
  /** The function has ended its process (or thread); what was to be sent has been written to the channel. */
  exit(code: number): never;
  /** The host is gone. */
  onClose(): void;
}

/** One channel, one sandbox. Returns at once; the code of the one who opens it is what keeps the process alive. */
export function serveNative(channel: Duplex, options: NativeOptions): void {
  void new NativeGuest(channel, options);
}

/** Stands for the proxy where nothing listens. */
const UNUSED_PORT = 1;

interface HeldFrame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

class NativeGuest {
  readonly #options: NativeOptions;
  readonly #connection: Connection;
  readonly #exits = new Exits(() => this.#sandbox?.running ?? null);
  /** Opened early: a version that comes need not wait for it. */
  readonly #door: Promise<Door | null>;
  #sandbox: NativeSandbox | null = null;
  #sandboxId = 0;
  /** What came while the code loads. */
  #held: HeldFrame[] | null = [];

  constructor(channel: Duplex, options: NativeOptions) {
    this.#options = options;
    this.#door = options.hasNetwork ? Door.open(this.#exits) : Promise.resolve(null);
    this.#connection = new Connection(channel, {
      maxFrameBytes: MAX_FRAME_TO_GUEST,
      freesPayloads: true,
      onFrame: (type, stream, payload) => this.#receive(type, stream, payload),
      onClose: () => options.onClose(),
    });
    this.#connection.send(FrameType.READY, 0);
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    if (type === FrameType.PING) return this.#connection.send(FrameType.PONG, stream);
    if (type === FrameType.OPEN) return this.#open(stream, payload);
    if (type === FrameType.CLOSE) return;
    if (this.#held !== null) return void this.#held.push({ type, stream, payload: Buffer.from(payload) });
    if (type === FrameType.CALL) return this.#call(stream, payload);
    this.#sandbox?.receive(type, stream, payload);
  }

  #open(id: number, payload: Buffer): void {
    const meta = parseMeta(payload) as OpenMeta;
    if (this.#sandbox !== null) {
      const reason = ['SANDBOX_RECYCLED', 'This process serves another sandbox already', null];
      return this.#connection.sendMeta(FrameType.GONE, id, JSON.stringify(reason), null);
    }
    const sandbox = new NativeSandbox(this.#connection, meta);
    this.#sandbox = sandbox;
    this.#sandboxId = id;
    const code = metaBody(payload).toString('utf8', 0, meta.codeBytes);
    void this.#load(sandbox, meta, code).then(() => this.#loaded());
  }

  async #load(sandbox: NativeSandbox, meta: OpenMeta, code: string): Promise<void> {
    this.#furnish(sandbox, meta, await this.#door);
    await sandbox.load(code, this.#options.scratch);
  }

  #loaded(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const { type, stream, payload } of held) this.#receive(type, stream, payload);
  }

  #call(id: number, payload: Buffer): void {
    const meta = parseMeta(payload) as CallMeta;
    if (meta[0] !== this.#sandboxId) return this.#connection.send(FrameType.NOT_BEGUN, id);
    this.#options.onBegun?.(id);
    this.#sandbox?.begin(id, meta, meta[1] === 1 ? wholeBody(metaBody(payload)) : null);
  }

  /** What the function finds around itself. */
  #furnish(sandbox: NativeSandbox, meta: OpenMeta, door: Door | null): void {
    const log = new NativeLog(this.#connection, this.#sandboxId, meta.logBytes);
    const write: Log = (level, message): void => log.write(level, message);
    // Timers, randomness and the like are Node's own here.
    const host: Pick<WebHost, 'bindContext' | 'ask' | 'log'> = {
      bindContext,
      ask: (kind, text, body, listener) => currentCall()?.ask(kind, text, body, listener) ?? null,
      log: write,
    };
    setEngine(host as WebHost);
    installRequest();
    installResponse();
    globalThis.fetch = fetch;
    installListeners();
    installTimers(meta.pendingTimers);
    installConsole(write);
    installNetwork({
      exits: this.#exits,
      hasLoopback: this.#options.hasNetwork,
      proxyPort: door?.port ?? UNUSED_PORT,
    });
    if (door !== null) installThreads();
    const uncaught = (error: unknown): void => {
      if (sandbox.failCurrent(error)) return;
      const { message, stack } = describeError(error);
      write('error', `Uncaught ${stack ?? message}`);
    };
    process.on('uncaughtException', uncaught);
    process.on('unhandledRejection', uncaught);
    installProcess({
      env: { ...meta.env, ...door?.variables },
      scratch: this.#options.scratch,
      log: write,
      ownsProcess: this.#options.ownsProcess === true,
      exit: (code) => {
        sandbox.failCurrent(new Error(`The function called process.exit(${code})`));
        this.#connection.flush();
        return this.#options.exit(code);
      },
    });
  }
}

/** Text where it is text: the adapter takes it as it is. */
function wholeBody(body: Buffer): string | ArrayBuffer {
  return isUtf8(body) ? body.toString('utf8') : new Uint8Array(body).buffer;
}

/** Node's global scope is no event target, and code for others takes it for one. */
function installListeners(): void {
  const events = new EventTarget();
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const)
    Object.defineProperty(globalThis, name, { value: events[name].bind(events), configurable: true, writable: true });
}
