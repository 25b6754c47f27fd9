/**
 * SandboxThread: one version in one worker thread, on the executor's side of the port.
 *
 * Frames pass as they are; what is read of them is how far each call has come, so that somebody can still say it when the
 * thread is stuck or gone. A thread that does not answer a ping after a deadline has passed is stuck, and is ended.
 */

import type { Worker } from 'node:worker_threads';
import { Connection } from '../../../wire/connection.ts';
import { FrameType, MAX_FRAME_TO_HOST, type OpenMeta } from '../../../wire/frames.ts';
import type { StartedThread, ThreadProgress } from './thread-start.ts';

/** What a thread needs of the process that it lives in. */
export interface ThreadOwner {
  readonly sender: Connection;
  takeThread(memoryMb: number): StartedThread;
  /** No more frames of this call will be sent, and none are of use. */
  onCallOver(id: number): void;
  onGone(thread: SandboxThread): void;
  /** The thread can't be stopped: nothing in this process can be relied on any more. */
  onPoisoned(thread: SandboxThread, reason: string): void;
}

interface ThreadCall {
  readonly id: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  /** What the host has heard: nothing yet, the head, or the outcome. */
  state: 'open' | 'streaming' | 'done';
  /** Nobody waits for its outcome. */
  cancelled: boolean;
}

/**
 * How long a thread may leave a ping unanswered once a deadline has passed: so much of its own time, where the kernel tells
 * that, as on a busy machine it may not have had any; and so much of everybody's.
 */
const STUCK_CPU_MS = 100;
const STUCK_MS = 1_000;
/** And without any call, or before its code has loaded. */
const STRAY_MS = 2_000;
const LOAD_MS = 5_000;
const PING_EVERY_MS = 500;
/** A terminated thread that is still running after this long can't be stopped. */
const TERMINATE_MS = 400;
/** What a thread that ended has sent comes within this time. */
const LAST_WORDS_MS = 200;

export class SandboxThread {
  readonly id: number;
  readonly #owner: ThreadOwner;
  readonly #memoryMb: number;
  readonly #worker: Worker;
  readonly #connection: Connection;
  readonly #progress: ThreadProgress;
  readonly #calls = new Map<number, ThreadCall>();
  /** Since when a ping is unanswered; null where none is. */
  #pingedMs: number | null = null;
  #pingedCpuMs = 0;
  #pingAgainMs = 0;
  /** Since when a call is over its time and the thread has not answered. */
  #expiredMs: number | null = null;
  #isLoaded = false;
  #isGone = false;
  #endedHalves = 0;
  #endReason: readonly [code: string, message: string] | null = null;

  /** `payload` is that of the OPEN frame, `meta` is what it says. */
  constructor(owner: ThreadOwner, id: number, meta: OpenMeta, payload: Buffer) {
    this.#owner = owner;
    this.id = id;
    this.#memoryMb = meta.memoryMb;
    const { worker, channel, progress } = owner.takeThread(meta.memoryMb);
    this.#worker = worker;
    this.#progress = progress;
    this.#worker.on('error', (error) => this.#failed(error));
    this.#worker.on('exit', () => this.#halfEnded());
    this.#connection = new Connection(channel, {
      maxFrameBytes: MAX_FRAME_TO_HOST,
      freesPayloads: true,
      onFrame: (type, stream, frame) => this.#receive(type, stream, frame),
      onClose: () => this.#halfEnded(),
    });
    this.forward(FrameType.OPEN, id, payload);
    this.#ping(performance.now());
  }

  call(id: number, remainingMs: number, payload: Buffer): void {
    const deadlineMs = performance.now() + remainingMs;
    this.#calls.set(id, { id, timeoutMs: remainingMs, deadlineMs, state: 'open', cancelled: false });
    this.forward(FrameType.CALL, id, payload);
  }

  /** Passes on a frame from the host. */
  forward(type: number, stream: number, payload: Buffer): void {
    const call = type === FrameType.CANCEL ? this.#calls.get(stream) : undefined;
    if (call !== undefined) call.cancelled = true;
    this.#connection.sendBytes(type as FrameType, stream, payload);
  }

  /** Ends what is over its time. Called by the watchdog every few milliseconds. */
  check(nowMs: number): void {
    for (const call of this.#calls.values()) {
      // The calls of one version have one time limit, so they expire in the order in which they came.
      if (nowMs <= call.deadlineMs) break;
      // Behind one that does not yield, it may not have begun: soon it is known.
      if (this.#expiredMs !== null && !this.#hasBegun(call)) continue;
      if (call.state === 'done') this.#owner.sender.send(FrameType.SETTLED, call.id);
      else this.#fault(call, 'TIMED_OUT', `Execution timed out after ${call.timeoutMs / 1000}s`);
      this.#forget(call);
      this.#connection.send(FrameType.CANCEL, call.id);
      if (this.#expiredMs !== null) continue;
      // What it does from now on counts.
      this.#expiredMs = nowMs;
      this.#ping(nowMs);
    }
    if (this.#pingedMs === null) {
      if (nowMs > this.#pingAgainMs) this.#ping(nowMs);
    } else if (this.#isStuck(nowMs, this.#pingedMs)) {
      const message = 'The function did not yield when its time was over';
      this.#recycle(
        'TIMED_OUT',
        this.#expiredMs === null ? 'Code outside of any invocation ran for too long' : message,
      );
    }
  }

  /** The process will end: what the thread has not begun goes elsewhere. */
  giveBack(): void {
    for (const call of [...this.#calls.values()]) {
      if (this.#hasBegun(call)) continue;
      this.#owner.sender.send(FrameType.NOT_BEGUN, call.id);
      this.#forget(call);
    }
  }

  close(): void {
    if (!this.#isGone) this.#end();
  }

  #hasBegun({ id, state }: ThreadCall): boolean {
    return state !== 'open' || id <= this.#progress.begun;
  }

  #ping(nowMs: number): void {
    this.#pingedMs = nowMs;
    this.#pingedCpuMs = this.#progress.cpuMs() ?? 0;
    this.#pingAgainMs = nowMs + PING_EVERY_MS;
    this.#connection.send(FrameType.PING, 0);
  }

  #isStuck(nowMs: number, pingedMs: number): boolean {
    const waitedMs = nowMs - pingedMs;
    if (!this.#isLoaded && this.#progress.begun === 0) return waitedMs > LOAD_MS;
    if (this.#expiredMs !== null)
      return waitedMs > STUCK_MS || (this.#progress.cpuMs() ?? 0) - this.#pingedCpuMs > STUCK_CPU_MS;
    return this.#calls.size === 0 && waitedMs > STRAY_MS;
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    if (this.#isGone) return;
    if (type === FrameType.PONG) {
      this.#pingedMs = null;
      this.#expiredMs = null;
      this.#isLoaded = true;
      return;
    }
    if (type === FrameType.SANDBOX_LOG) return this.#owner.sender.relay(type, this.id, payload);
    const call = this.#calls.get(stream);
    if (call !== undefined && this.#comesInTurn(call, type, payload)) {
      this.#owner.sender.relay(type as FrameType, stream, payload);
      if (type === FrameType.FAULT || type === FrameType.SETTLED || type === FrameType.NOT_BEGUN) this.#forget(call);
      else if (type === FrameType.REPLY && isSettled(payload)) this.#forget(call);
    }
  }

  /** Whether the host may hear this now: a function that forges frames ends itself, not its executor. Moves its state on. */
  #comesInTurn(call: ThreadCall, type: number, payload: Buffer): boolean {
    switch (type) {
      case FrameType.REPLY:
      case FrameType.HEAD:
        if (call.state !== 'open' || payload.length < 4) return false;
        call.state = type === FrameType.HEAD ? 'streaming' : 'done';
        return true;
      case FrameType.DATA:
        return call.state === 'streaming';
      case FrameType.END:
        if (call.state !== 'streaming') return false;
        call.state = 'done';
        return true;
      case FrameType.FAULT:
        return call.state !== 'done';
      case FrameType.NOT_BEGUN:
        return call.state === 'open';
      case FrameType.SETTLED:
        return call.state === 'done' || call.cancelled;
      case FrameType.LOG:
      case FrameType.CREDIT:
        return true;
      default:
        return type >= FrameType.ASK && type <= FrameType.ASK_CREDIT;
    }
  }

  /** The thread says why it ends. */
  #failed(error: unknown): void {
    const { code, message } = error as { code?: unknown; message?: unknown };
    this.#endReason ??=
      code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? ['OUT_OF_MEMORY', `The function used more than its ${this.#memoryMb} MB of memory`]
        : ['SANDBOX_RECYCLED', `The thread of the function failed: ${String(message)}`];
  }

  /** Thread and port end in either order, and the one may have something to say after the other. */
  #halfEnded(): void {
    if (++this.#endedHalves === 2) this.#ended();
    else setTimeout(() => this.#ended(), LAST_WORDS_MS);
  }

  /** The thread is there no more. */
  #ended(): void {
    const [code, message] = this.#endReason ?? ['SANDBOX_RECYCLED', 'The function ended its own thread'];
    if (!this.#isGone) this.#recycle(code, message);
  }

  /** Ends the sandbox in the middle of things: the culprit has the fault, who had not begun is told so. */
  #recycle(code: string, message: string): void {
    const culprit = code === 'OUT_OF_MEMORY' ? this.#lastBegun() : null;
    for (const call of this.#calls.values()) {
      if (call.state === 'done') this.#owner.sender.send(FrameType.SETTLED, call.id);
      else if (call === culprit) this.#fault(call, code, message);
      else if (!this.#hasBegun(call)) this.#owner.sender.send(FrameType.NOT_BEGUN, call.id);
      else this.#fault(call, 'SANDBOX_RECYCLED', 'The sandbox was recycled under this request');
    }
    this.#owner.sender.sendMeta(FrameType.GONE, this.id, JSON.stringify([code, message, null]), null);
    this.#end();
  }

  /** The call that was handed over last is the likeliest to have been running. */
  #lastBegun(): ThreadCall | null {
    let last: ThreadCall | null = null;
    for (const call of this.#calls.values()) if (call.state !== 'done' && this.#hasBegun(call)) last = call;
    return last;
  }

  #fault({ id }: ThreadCall, code: string, message: string): void {
    this.#owner.sender.sendMeta(FrameType.FAULT, id, JSON.stringify([code, message, null]), null);
  }

  #forget({ id }: ThreadCall): void {
    this.#calls.delete(id);
    this.#owner.onCallOver(id);
  }

  #end(): void {
    this.#isGone = true;
    for (const call of [...this.#calls.values()]) this.#forget(call);
    this.#owner.onGone(this);
    const deadline = setTimeout(
      () => this.#owner.onPoisoned(this, 'a thread went on running after it was terminated'),
      TERMINATE_MS,
    );
    void this.#worker.terminate().then(() => {
      clearTimeout(deadline);
      this.#connection.destroy();
    });
  }
}

/** A reply's meta ends with whether anything of its invocation is left running. */
function isSettled(payload: Buffer): boolean {
  const end = 4 + payload.readUInt32LE(0);
  return payload.toString('latin1', end - SETTLED.length, end) === SETTLED;
}

const SETTLED = ',1]';
