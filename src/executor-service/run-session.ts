/**
 * RunSession: the far end of one stream that another host has opened here. Its sandboxes are versions that the supervisor of
 * this service runs; its calls are the supervisor's calls.
 *
 * Whoever holds the key may run code here, so that its frames are no attack from outside; they are checked and bounded all the
 * same, because a mistake there must not end this process.
 */

import type { Socket } from 'node:net';
import { Fault } from '../core/faults.ts';
import type { Artifact, FunctionVersion } from '../core/function.ts';
import type { Invoker, LogEntry } from '../core/invocation.ts';
import type { TierName } from '../core/tier.ts';
import { Connection } from '../wire/connection.ts';
import { FrameType, MAX_FRAME_TO_GUEST, type LogMeta } from '../wire/frames.ts';
import { askNumber, parseMeta, ProtocolError, readCredit } from '../wire/meta.ts';
import { readRemoteOpen, versionOf, type RemoteOpenMeta } from '../wire/remote/open-meta.ts';
import type { ContentStore } from './content-store.ts';
import { numberIn } from './run-ask.ts';
import { RunCall } from './run-call.ts';
import { readCall } from './run-request.ts';

export interface RunHost {
  readonly invoker: Invoker;
  readonly contents: ContentStore;
  /** The wall for versions that ask for none; the session of one that asks for another is told that it is not here. */
  readonly tiers: { readonly own: TierName; has(tier: TierName): boolean };
  /** A version will not be called again. */
  retire(version: FunctionVersion): void;
  /** Whose each version is, for the lines of its log. */
  readonly sandboxes: WeakMap<FunctionVersion, RunSandbox>;
  /** Something of the wire that should not have come, for the operator. */
  report(line: string): void;
}

const MAX_SANDBOXES = 10_000;
const MAX_CALLS = 100_000;
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;
/** How long past its time a call may be ended by what runs it, which knows more. */
const GRACE_MS = 1_200;

export class RunSession {
  readonly #connection: Connection;
  readonly #host: RunHost;
  readonly #sandboxes = new Map<number, RunSandbox>();
  readonly #calls = new Map<number, RunCall>();
  /** Sandboxes whose content is under way, by its hash; the first one has asked for it. */
  readonly #wanting = new Map<string, RunSandbox[]>();
  readonly #onClosed: () => void;
  /** performance.now() of the last frame that came. */
  #heardMs: number = performance.now();

  constructor(socket: Socket, host: RunHost, onClosed: () => void) {
    this.#host = host;
    this.#onClosed = onClosed;
    this.#connection = new Connection(socket, {
      maxFrameBytes: MAX_FRAME_TO_GUEST,
      splitsData: true,
      onFrame: (type, stream, payload) => this.#receive(type, stream, payload),
      onClose: () => this.#closed(),
    });
    this.#connection.send(FrameType.READY, 0);
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  /** Ends calls that are long past their time; ends itself where the host has been silent for so long, or reads nothing. */
  tick(nowMs: number, silenceMs: number): void {
    for (const call of [...this.#calls.values()]) {
      if (nowMs <= call.startedMs + call.timeoutMs + GRACE_MS) continue;
      call.overdue(new Fault('TIMED_OUT', `Execution timed out after ${call.timeoutMs / 1000}s`));
    }
    if (nowMs - this.#heardMs > silenceMs || this.#connection.backlogBytes > MAX_BACKLOG_BYTES) this.destroy();
  }

  /** It takes no more calls. */
  drain(): void {
    this.#connection.send(FrameType.DRAINING, 0);
  }

  destroy(): void {
    this.#connection.flush();
    this.#connection.destroy();
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    this.#heardMs = performance.now();
    try {
      this.#dispatch(type, stream, payload);
    } catch (error) {
      const reason = error instanceof ProtocolError ? error.message : String(error);
      this.#host.report(`a stream was ended: ${reason}`);
      const meta = JSON.stringify(['SANDBOX_RECYCLED', reason, null]);
      this.#connection.sendMeta(FrameType.BROKEN, 0, meta, null);
      this.destroy();
    }
  }

  #dispatch(type: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.CALL:
        return this.#call(stream, payload);
      case FrameType.OPEN:
        return this.#open(stream, payload);
      case FrameType.CONTENT:
        return this.#content(stream, payload);
      case FrameType.CLOSE:
        return this.#close(stream);
      case FrameType.PING:
        return this.#connection.send(FrameType.PONG, 0);
      case FrameType.DATA:
        return this.#calls.get(stream)?.receive(payload);
      case FrameType.END:
        return this.#calls.get(stream)?.endReceived();
      case FrameType.CREDIT:
        return this.#calls.get(stream)?.credit(readCredit(payload));
      case FrameType.CANCEL:
        return this.#calls.get(stream)?.cancel();
      case FrameType.ANSWER_HEAD:
      case FrameType.ANSWER_FAIL:
        return this.#calls.get(stream)?.answerTo(numberIn(payload), type, payload);
      case FrameType.ANSWER_DATA:
      case FrameType.ANSWER_END:
      case FrameType.ANSWER_CREDIT:
        return this.#calls.get(stream)?.answerTo(askNumber(payload), type, payload);
      default:
        throw new ProtocolError(`a frame of the unknown type ${type}`);
    }
  }

  #open(id: number, payload: Buffer): void {
    const meta = readRemoteOpen(parseMeta(payload));
    if (this.#sandboxes.has(id) || this.#sandboxes.size >= MAX_SANDBOXES)
      throw new ProtocolError(`sandbox ${id} a second time, or one more than ${MAX_SANDBOXES}`);
    const sandbox = new RunSandbox(id, meta, this.#connection);
    this.#sandboxes.set(id, sandbox);
    const tier = meta.tier ?? this.#host.tiers.own;
    if (!this.#host.tiers.has(tier)) return this.#refuse(sandbox, tier);
    const artifact = this.#host.contents.find(meta.content);
    if (artifact === null) this.#wants(sandbox);
    else this.#ready(sandbox, artifact);
  }

  #content(id: number, payload: Buffer): void {
    const sandbox = this.#sandboxes.get(id);
    // It was closed while its content was under way.
    if (sandbox === undefined) return;
    const { content } = sandbox.meta;
    const waiting = this.#wanting.get(content.hash);
    if (waiting?.[0] !== sandbox) throw new ProtocolError(`the content of sandbox ${id}, which did not ask for it`);
    const artifact = this.#host.contents.add(content, payload);
    this.#wanting.delete(content.hash);
    for (const other of waiting) this.#ready(other, artifact);
  }

  /** It is asked for once: the first sandbox asks for all of them. */
  #wants(sandbox: RunSandbox): void {
    const { hash } = sandbox.meta.content;
    const waiting = this.#wanting.get(hash);
    if (waiting !== undefined) return void waiting.push(sandbox);
    this.#wanting.set(hash, [sandbox]);
    this.#connection.send(FrameType.NEED_CONTENT, sandbox.id);
  }

  /** Where the one that asked is gone, so may be its answer: the next one asks. */
  #wantsNoMore(sandbox: RunSandbox): void {
    const { hash } = sandbox.meta.content;
    const waiting = this.#wanting.get(hash) ?? [];
    if (!waiting.includes(sandbox)) return;
    const others = waiting.filter((other) => other !== sandbox);
    this.#wanting.set(hash, others);
    const [next] = others;
    if (next === undefined) this.#wanting.delete(hash);
    else if (waiting[0] === sandbox) this.#connection.send(FrameType.NEED_CONTENT, next.id);
  }

  #ready(sandbox: RunSandbox, artifact: Artifact): void {
    const version = versionOf(sandbox.meta, sandbox.meta.tier ?? this.#host.tiers.own, artifact);
    sandbox.version = version;
    this.#host.sandboxes.set(version, sandbox);
    for (const call of sandbox.waiting.splice(0)) this.#start(sandbox, call);
  }

  #refuse(sandbox: RunSandbox, tier: TierName): void {
    const meta = JSON.stringify(['TIER_UNAVAILABLE', `The tier ${tier} does not work on the executor`, null]);
    sandbox.refusal = new Fault('TIER_UNAVAILABLE', `The tier ${tier} does not work on the executor`);
    this.#connection.sendMeta(FrameType.GONE, sandbox.id, meta, null);
  }

  #call(id: number, payload: Buffer): void {
    const {
      sandbox: of,
      remainingMs,
      request,
    } = readCall(payload, (number) => this.#sandboxes.get(number)?.meta.tenant ?? '');
    const sandbox = this.#sandboxes.get(of);
    if (sandbox === undefined) return this.#connection.send(FrameType.NOT_BEGUN, id);
    if (this.#calls.has(id) || this.#calls.size >= MAX_CALLS)
      throw new ProtocolError(`call ${id} a second time, or one more than ${MAX_CALLS}`);
    const call = new RunCall(this.#connection, id, request, remainingMs, () => {
      this.#calls.delete(id);
      sandbox.calls.delete(call);
    });
    this.#calls.set(id, call);
    sandbox.calls.add(call);
    if (sandbox.refusal !== null) call.fail(sandbox.refusal);
    else if (sandbox.version === null) sandbox.waiting.push(call);
    else this.#start(sandbox, call);
  }

  #start(sandbox: RunSandbox, call: RunCall): void {
    if (!this.#calls.has(call.stream)) return;
    this.#host.invoker.invoke(sandbox.version as FunctionVersion, call, call);
  }

  #close(id: number): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    this.#sandboxes.delete(id);
    this.#wantsNoMore(sandbox);
    this.#end(sandbox);
  }

  /** The host has failed its calls already. */
  #end(sandbox: RunSandbox): void {
    for (const call of [...sandbox.calls]) call.lost();
    if (sandbox.version !== null) this.#host.retire(sandbox.version);
  }

  #closed(): void {
    // The far end may have closed its half only.
    this.#connection.destroy();
    for (const sandbox of this.#sandboxes.values()) this.#end(sandbox);
    this.#sandboxes.clear();
    this.#calls.clear();
    this.#onClosed();
  }
}

/** One sandbox as its host sees it: a version of its own here. */
export class RunSandbox {
  readonly id: number;
  readonly meta: RemoteOpenMeta;
  readonly #connection: Connection;
  /** Null until its content is here. */
  version: FunctionVersion | null = null;
  /** Why it can't run. */
  refusal: Fault | null = null;
  readonly calls: Set<RunCall> = new Set();
  /** Calls that came before the content. */
  readonly waiting: RunCall[] = [];

  constructor(id: number, meta: RemoteOpenMeta, connection: Connection) {
    this.id = id;
    this.meta = meta;
    this.#connection = connection;
  }

  /** A line of the function's console; `invocation` is null while its code loads. */
  writeLog(invocation: string | null, entry: LogEntry): void {
    for (const call of this.calls) if (call.id === invocation) return call.writeLog(entry);
    if (invocation !== null) return;
    const meta: LogMeta = [entry.level, entry.message];
    this.#connection.sendMeta(FrameType.SANDBOX_LOG, this.id, JSON.stringify(meta), null);
  }
}
