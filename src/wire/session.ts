/**
 * HostSession: the host's end of one executor's connection. Every tier that starts something of ours on the far side
 * uses it, so that streams, credit, cancel, deadlines and sizes are decided here, once.
 *
 * Ids of sandboxes and calls are given out by the host and looked up in this connection's own tables. A frame that names
 * another, comes in the wrong state, or says more than it may is a breach: the session ends and the executor is killed.
 */

import type { Socket } from 'node:net';
import type { Capabilities, CapabilityCall, CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, LogEntry, ResponseSink } from '../core/invocation.ts';
import { limitText, type Limits } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import type { Sandbox, SandboxEvents } from '../core/tier.ts';
import { IdTable } from '../lib/id-table.ts';
import { AnswerAllowance } from './answer-allowance.ts';
import type { AskHost } from './asks.ts';
import { HostCall } from './call.ts';
import { Connection } from './connection.ts';
import { EXECUTOR, type FarSide } from './far-side.ts';
import { FrameType, MAX_FRAME_TO_HOST, type CallMeta, type PrincipalMeta } from './frames.ts';
import { HostSandbox } from './host-sandbox.ts';
import { LogAllowance } from './log-allowance.ts';
import { parseMeta, ProtocolError } from './meta.ts';
import { readFault, readLog } from './verdicts.ts';

export interface SessionEvents {
  /** The first frame of a healthy executor. */
  onReady(): void;
  /**
   * The far side broke the protocol, closed the connection, or says that it can't be trusted any more. Called at most once;
   * when it returns, the session has ended and everything in flight has failed.
   */
  onBroken(reason: string, culprit: FunctionVersion | null): void;
  onOverrun(version: FunctionVersion): void;
  onLog(version: FunctionVersion, invocation: string | null, entry: LogEntry): void;
  onClosed(): void;
  /**
   * The far side has closed the connection, perhaps because it is dying. Whoever takes this ends the session, soon, when
   * it knows why; without it that is the same as {@link onBroken}.
   */
  onLost?(): void;
  /** It takes no more calls, and finishes those it has. */
  onDraining?(): void;
}

/** Sandboxes that are closed and may still log. */
const MAX_CLOSED = 64;
/** And for how long: a version holds its code, which a tenant must not make the host keep by deploying again and again. */
const CLOSED_MS = 1_000;

/** Log text that one connection may send in a second; more is an attack on the host, not logging. */
const LOG_BYTES_A_SECOND = 16 * 1024 * 1024;

/** What a socket says of a far side that has ended with something unread, or while something was written to it. */
const GONE = /EPIPE|ECONNRESET/;

/** For whoever asks on behalf of a call by another way than the connection. */
export interface LiveCall {
  readonly version: FunctionVersion;
  readonly invocation: string;
  /** The same limits hold as for what the connection asks for; it is cancelled when the call is over. */
  ask(call: CapabilityCall, sink: CapabilitySink): CapabilityExchange;
}

export class HostSession {
  readonly #connection: Connection;
  readonly #events: SessionEvents;
  readonly #askHost: AskHost;
  readonly #far: FarSide;
  readonly #sandboxes = new Map<number, HostSandbox>();
  /** Those closed last: a function may log something when it hears of that. */
  readonly #closed = new Map<number, { readonly version: FunctionVersion; readonly sinceMs: number }>();
  readonly #calls = new IdTable<HostCall>();
  #nextSandbox = 1;
  #nextCall = 1;
  #unansweredSinceMs: number | null = null;
  #logBytes = 0;
  #logSecond = 0;
  readonly #outside = new LogAllowance();
  #broken = false;
  #ended = false;

  /** `capabilities` serves what calls ask for; without it they are refused. */
  constructor(socket: Socket, events: SessionEvents, capabilities: Capabilities | null, far: FarSide = EXECUTOR) {
    this.#events = events;
    this.#far = far;
    this.#connection = new Connection(socket, {
      maxFrameBytes: MAX_FRAME_TO_HOST,
      splitsData: true,
      onFrame: (type, stream, payload) => this.#receive(type, stream, payload),
      onClose: (reason) => {
        if (!this.#ended && (reason === null || GONE.test(reason)) && this.#events.onLost !== undefined)
          return this.#events.onLost();
        if (!this.#ended) this.#break(reason ?? 'it closed its connection', null);
        this.#events.onClosed();
      },
    });
    const connection = this.#connection;
    const allowance = new AnswerAllowance(connection);
    this.#askHost = { connection, capabilities, allowance, onLimit: (...hit) => this.#limitHit(...hit) };
  }

  open(version: FunctionVersion, events: SandboxEvents): Sandbox {
    const id = this.#nextSandbox++;
    const { meta, body } = this.#far.opening(version);
    this.#connection.sendMeta(FrameType.OPEN, id, JSON.stringify(meta), body);
    const sandbox = new HostSandbox(this, id, version, events);
    if (!this.#ended) this.#sandboxes.set(id, sandbox);
    return sandbox;
  }

  /** Sends a heartbeat, ends calls that are long past their deadline; returns how long the far side has been silent. */
  tick(nowMs: number): number {
    for (const call of this.#calls.values())
      if (nowMs > call.deadlineMs + this.#far.overrunGraceMs) this.#overrun(call);
    for (const [id, { sinceMs }] of this.#closed) {
      if (nowMs - sinceMs <= CLOSED_MS) break;
      this.#closed.delete(id);
    }
    const silentMs = this.#unansweredSinceMs === null ? 0 : nowMs - this.#unansweredSinceMs;
    if (this.#unansweredSinceMs === null) {
      this.#unansweredSinceMs = nowMs;
      this.#connection.send(FrameType.PING, 0);
    }
    return silentMs;
  }

  /** Fails everything in flight and forgets the connection. */
  end(cause: Fault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.destroy();
    const sandboxes = [...this.#sandboxes.values()];
    const calls = this.#calls.values();
    this.#sandboxes.clear();
    this.#calls.clear();
    for (const sandbox of sandboxes) sandbox.gone(cause);
    for (const call of calls) this.#lose(call, cause);
  }

  /** For {@link HostSandbox} only. */
  startCall(sandbox: HostSandbox, call: Call, sink: ResponseSink): HostCall {
    const id = this.#nextCall;
    this.#nextCall = id === 0xffffffff ? 1 : id + 1;
    const timeoutMs = sandbox.version.limits.timeoutMs;
    const hostCall = new HostCall(this.#connection, id, sandbox, call, sink, performance.now() + timeoutMs);
    if (!this.#sandboxes.has(sandbox.id)) {
      queueMicrotask(() => this.#refuse(hostCall));
      return hostCall;
    }
    this.#calls.set(id, hostCall);
    const body = call.body === 'stream' ? null : call.body;
    const bodyKind = call.body === 'stream' ? 2 : body === null || body.length === 0 ? 0 : 1;
    const meta: CallMeta = [
      sandbox.id,
      bodyKind,
      timeoutMs,
      call.method,
      call.url,
      call.headers,
      call.reply,
      call.clientAddress,
      call.id,
      call.query ?? null,
      principalMeta(call.principal),
    ];
    const text = JSON.stringify(call.upgrades === true ? [...meta, 1] : meta);
    this.#connection.sendMeta(FrameType.CALL, id, text, body);
    return hostCall;
  }

  /** For {@link HostSandbox} only: codes of the platform that the far side may end a call with. */
  get platformFaults(): ReadonlySet<string> {
    return this.#far.platformFaults;
  }

  /** An invocation that is under way here; undefined where there is none of that id. */
  live(invocation: string): LiveCall | undefined {
    const call = this.#calls.values().find((candidate) => candidate.call.id === invocation);
    if (call === undefined) return undefined;
    const { version } = call.sandbox;
    return { version, invocation, ask: (asked, sink) => call.lend(asked, sink, this.#askHost) };
  }

  /**
   * A line that reached the host beside the connection: the log of the call that runs, where exactly one does, else that of
   * the sandbox, where there is exactly one.
   */
  logOutside(entry: LogEntry): void {
    const [sandbox] = this.#sandboxes.values();
    if (this.#sandboxes.size !== 1 || sandbox === undefined) return;
    const [first, second] = this.#calls.values();
    const call = second === undefined ? (first ?? null) : null;
    const kept = this.#outside.take(entry, call?.id ?? 0, sandbox.version.limits.logBytes);
    if (kept === null) return;
    call?.log(kept);
    this.#events.onLog(sandbox.version, call?.call.id ?? null, kept);
  }

  /** Calls under way. */
  get inFlight(): number {
    let sum = 0;
    for (const sandbox of this.#sandboxes.values()) sum += sandbox.inFlight;
    return sum;
  }

  /** For {@link HostSandbox} only. */
  closeSandbox(sandbox: HostSandbox): void {
    if (!this.#sandboxes.delete(sandbox.id)) return;
    this.#closed.set(sandbox.id, { version: sandbox.version, sinceMs: performance.now() });
    if (this.#closed.size > MAX_CLOSED) for (const [id] of this.#closed.entries().take(1)) this.#closed.delete(id);
    this.#connection.send(FrameType.CLOSE, sandbox.id);
    this.#loseCallsOf(sandbox, new Fault('SANDBOX_RECYCLED', 'The sandbox was closed under this request'));
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    if (this.#ended) return;
    try {
      this.#dispatch(type, stream, payload);
    } catch (error) {
      const culprit = this.#calls.get(stream)?.sandbox.version ?? null;
      // What a frame makes the host do must never end the host: a mistake of ours costs this executor alone.
      const reason =
        error instanceof ProtocolError ? error.message : `the host failed on a frame of type ${type}: ${String(error)}`;
      this.#break(reason, culprit);
    }
  }

  /** Nothing that comes from there is believed any more. */
  #break(reason: string, culprit: FunctionVersion | null): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#events.onBroken(reason, culprit);
    this.end(new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox was ended under this request'));
  }

  #dispatch(type: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.REPLY:
      case FrameType.HEAD:
      case FrameType.DATA:
      case FrameType.END:
      case FrameType.CREDIT:
      case FrameType.FAULT:
      case FrameType.SETTLED:
      case FrameType.NOT_BEGUN: {
        const call = this.#calls.get(stream);
        if (call !== undefined) return this.#deliver(call, type, payload);
        return requireMade(type, 'call', stream, this.#nextCall);
      }
      case FrameType.ASK:
      case FrameType.ASK_DATA:
      case FrameType.ASK_END:
      case FrameType.ASK_CANCEL:
      case FrameType.ASK_CREDIT: {
        const call = this.#calls.get(stream);
        if (call !== undefined) return call.ask(type, payload, this.#askHost);
        return requireMade(type, 'call', stream, this.#nextCall);
      }
      case FrameType.LOG:
        return this.#logOfCall(stream, payload);
      case FrameType.SANDBOX_LOG:
        return this.#logOfSandbox(stream, payload);
      case FrameType.PONG:
        this.#unansweredSinceMs = null;
        return;
      case FrameType.GONE:
        return this.#sandboxGone(stream, payload);
      case FrameType.READY:
        return this.#events.onReady();
      case FrameType.NEED_CONTENT:
        return this.#sendContent(stream);
      case FrameType.DRAINING:
        return this.#events.onDraining?.();
      case FrameType.BROKEN: {
        const { message } = readFault(parseMeta(payload));
        return this.#break(message, this.#sandboxes.get(stream)?.version ?? null);
      }
      default:
        throw new ProtocolError(`a frame of the unknown type ${type}`);
    }
  }

  /** Once for each sandbox, or a far side that asks on and on would fill the host's memory. */
  #sendContent(id: number): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return requireMade(FrameType.NEED_CONTENT, 'sandbox', id, this.#nextSandbox);
    const { content } = this.#far;
    if (content === null || sandbox.hasContent) throw new ProtocolError(`the content of sandbox ${id} out of turn`);
    sandbox.hasContent = true;
    this.#connection.sendBytes(FrameType.CONTENT, id, content(sandbox.version));
  }

  #deliver(call: HostCall, type: number, payload: Buffer): void {
    const settled = call.receive(type, payload);
    if (!settled) return;
    this.#calls.delete(call.id);
    call.sandbox.settled(call);
  }

  #sandboxGone(id: number, payload: Buffer): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return requireMade(FrameType.GONE, 'sandbox', id, this.#nextSandbox);
    const { code, message } = readFault(parseMeta(payload));
    const cause = new Fault(code, message);
    this.#sandboxes.delete(id);
    // Each of its calls gets an answer of its own: some of them the executor has not even seen.
    sandbox.gone(cause);
  }

  /** A call to a sandbox that is gone: its sandbox learns of it later, as it would from the far side. */
  #refuse(call: HostCall): void {
    call.unsent();
    call.sandbox.settled(call);
  }

  #loseCallsOf(sandbox: HostSandbox, cause: Fault): void {
    if (sandbox.inFlight === 0) return;
    for (const call of this.#calls.values()) {
      if (call.sandbox !== sandbox) continue;
      this.#calls.delete(call.id);
      this.#lose(call, cause);
    }
  }

  #lose(call: HostCall, cause: Fault): void {
    call.lost(cause);
    call.sandbox.settled(call);
  }

  #overrun(call: HostCall): void {
    const { version } = call.sandbox;
    call.lost(new Fault('TIMED_OUT', `Execution timed out after ${version.limits.timeoutMs / 1000}s`));
    this.#events.onOverrun(version);
  }

  #logOfCall(id: number, payload: Buffer): void {
    const call = this.#calls.get(id);
    this.#countLog(payload);
    if (call === undefined) return requireMade(FrameType.LOG, 'call', id, this.#nextCall);
    const entry = readLog(parseMeta(payload));
    call.log(entry);
    this.#events.onLog(call.sandbox.version, call.call.id, entry);
  }

  #logOfSandbox(id: number, payload: Buffer): void {
    const version = this.#sandboxes.get(id)?.version ?? this.#closed.get(id)?.version;
    this.#countLog(payload);
    if (version === undefined) return requireMade(FrameType.SANDBOX_LOG, 'sandbox', id, this.#nextSandbox);
    this.#events.onLog(version, null, readLog(parseMeta(payload)));
  }

  /** The guest has an error of it; the log says so too, because code may swallow errors. */
  #limitHit(id: number, name: keyof Limits): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const { version } = call.sandbox;
    const message = `A limit was reached: ${limitText(name, version.limits)}`;
    const entry: LogEntry = { level: 'warn', message, timeMs: Date.now() };
    call.log(entry);
    this.#events.onLog(version, call.call.id, entry);
  }

  #countLog(payload: Buffer): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#logSecond) {
      this.#logSecond = second;
      this.#logBytes = 0;
    }
    this.#logBytes += payload.length;
    if (this.#logBytes > LOG_BYTES_A_SECOND) throw new ProtocolError('a flood of log lines');
  }
}

/** Nobody in particular is nothing to send. */
const principalMeta = ({ role, id, email, roles }: Principal): PrincipalMeta | null =>
  role === 'anonymous' ? null : [id, email, roles, role];

/** A sandbox or call that has ended may still have had frames under way; what was never made can't. */
function requireMade(type: number, kind: 'call' | 'sandbox', id: number, next: number): void {
  if (id === 0 || id >= next) throw new ProtocolError(`frame ${type} for ${kind} ${id}, which was never made`);
}
