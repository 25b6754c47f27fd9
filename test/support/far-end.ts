/** The far end of a HostSession, scripted with raw bytes: it says whatever a test wants, right or wrong. */

import type { Socket } from 'node:net';
import type { Capabilities } from '../../src/core/capability.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { LogEntry } from '../../src/core/invocation.ts';
import { FrameType, type FaultMeta, type HeadMeta, type LogMeta } from '../../src/wire/frames.ts';
import { HostSession, type SessionEvents } from '../../src/wire/session.ts';
import { socketPair } from './socket-pair.ts';

export interface ReceivedFrame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export class FarEnd {
  readonly frames: ReceivedFrame[] = [];
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #seen = 0;
  #closed = false;
  readonly #markers: (() => void)[] = [];
  #pong: () => void = () => undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** The next frame of this type that no earlier call has returned. */
  async next(type: FrameType): Promise<ReceivedFrame> {
    for (;;) {
      for (; this.#seen < this.frames.length; this.#seen++) {
        const received = this.frames[this.#seen] as ReceivedFrame;
        if (received.type !== type) continue;
        this.#seen++;
        return received;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when the host has handled everything that was sent so far, or has closed the connection. */
  async handled(): Promise<void> {
    if (this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#markers.push(resolve);
    this.send(FrameType.READY, 0);
    await promise;
  }

  /** The same, and what the host has sent by then has arrived here. The clock of its heartbeat begins anew. */
  async settle(session: HostSession): Promise<void> {
    await this.handled();
    if (this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pong = resolve;
    session.tick(0);
    await promise;
    this.send(FrameType.PONG, 0);
    await this.handled();
  }

  /** For the host of this far end: it has handled a READY. */
  onReady(): void {
    this.#markers.shift()?.();
  }

  onClosed(): void {
    this.#closed = true;
    for (const resolve of this.#markers.splice(0)) resolve();
    this.#pong();
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  send(type: number, stream: number, payload: Uint8Array | string = ''): void {
    this.raw(frame(type, stream, payload));
  }

  meta(
    type: number,
    stream: number,
    meta: HeadMeta | FaultMeta | LogMeta | string,
    body: Uint8Array | string = '',
  ): void {
    this.send(type, stream, metaPayload(typeof meta === 'string' ? meta : JSON.stringify(meta), body));
  }

  reply(call: number, body: string, settled: 0 | 1 = 1, status = 200): void {
    this.meta(FrameType.REPLY, call, [status, ['content-type', 'text/plain'], settled], body);
  }

  credit(call: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(bytes);
    this.send(FrameType.CREDIT, call, payload);
  }

  /** One call of a capability; `bodyKind` 2 leaves its body to {@link askFrame}. */
  ask(call: number, number: number, meta: unknown = {}, bodyKind: 0 | 1 | 2 = 0, body: string = ''): void {
    this.meta(FrameType.ASK, call, JSON.stringify([number, 'fetch', bodyKind, meta]), body);
  }

  /** A frame of an ask that has no meta: its number, and what follows it. */
  askFrame(type: number, call: number, number: number, rest: Uint8Array | string | number = ''): void {
    this.send(type, call, askPayload(number, rest));
  }

  /** Reads nothing more. */
  deaf(): void {
    this.#socket.pause();
  }

  end(): void {
    this.#socket.end();
  }

  #receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 9) {
      const end = 4 + this.#bytes.readUInt32LE(0);
      if (this.#bytes.length < end) break;
      this.frames.push({
        type: this.#bytes[4] as number,
        stream: this.#bytes.readUInt32LE(5),
        payload: this.#bytes.subarray(9, end),
      });
      if (this.#bytes[4] === FrameType.PING) this.#pong();
      this.#bytes = this.#bytes.subarray(end);
    }
    this.#wake();
  }
}

export function frame(type: number, stream: number, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload as string);
  const header = Buffer.alloc(9);
  header.writeUInt32LE(body.length + 5, 0);
  header[4] = type;
  header.writeUInt32LE(stream, 5);
  return Buffer.concat([header, body]);
}

export function metaPayload(meta: string, body: Uint8Array | string = ''): Buffer {
  const text = Buffer.from(meta, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, Buffer.from(body as string)]);
}

export function askPayload(number: number, rest: Uint8Array | string | number = ''): Buffer {
  const head = Buffer.alloc(typeof rest === 'number' ? 8 : 4);
  head.writeUInt32LE(number);
  if (typeof rest !== 'number') return Buffer.concat([head, Buffer.from(rest as string)]);
  head.writeUInt32LE(rest, 4);
  return head;
}

export interface Heard {
  readonly broken: { readonly reason: string; readonly culprit: FunctionVersion | null }[];
  readonly overruns: FunctionVersion[];
  readonly logs: { readonly invocation: string | null; readonly entry: LogEntry }[];
  ready: number;
  closed: number;
}

export interface Rig {
  readonly session: HostSession;
  readonly far: FarEnd;
  readonly heard: Heard;
  /** Resolves with the reason when the session has told of a breach. */
  readonly broken: Promise<string>;
  /** Resolves when both ends have handled what was on its way. */
  settle(): Promise<void>;
  close(): void;
}

/** `capabilities` serves what the far end asks for. */
export async function startSession(capabilities: Capabilities | null = null): Promise<Rig> {
  const [near, farSocket] = await socketPair();
  const far = new FarEnd(farSocket);
  const heard: Heard = { broken: [], overruns: [], logs: [], ready: 0, closed: 0 };
  const { promise: broken, resolve } = Promise.withResolvers<string>();
  const events: SessionEvents = {
    onReady: () => {
      heard.ready++;
      far.onReady();
    },
    onBroken: (reason, culprit) => {
      heard.broken.push({ reason, culprit });
      resolve(reason);
    },
    onOverrun: (version) => void heard.overruns.push(version),
    onLog: (_version, invocation, entry) => void heard.logs.push({ invocation, entry }),
    onClosed: () => {
      heard.closed++;
      far.onClosed();
    },
  };
  const session = new HostSession(near, events, capabilities);
  return {
    session,
    far,
    heard,
    broken,
    settle: () => far.settle(session),
    close: () => {
      near.destroy();
      farSocket.destroy();
    },
  };
}
