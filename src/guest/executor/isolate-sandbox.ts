/**
 * IsolateSandbox: one version in one V8 isolate, on the executor's side of the mailbox.
 *
 * One turn is in flight at a time: the messages that wait are delivered together, and what the isolate has to say is
 * drained in the same hop between threads. The watchdog asks {@link IsolateSandbox.check} whether a turn or a call has
 * outlived its time; a turn that does not end is stopped by disposing of the isolate.
 */

import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import ivm from 'isolated-vm';
import type { Limits } from '../../core/limits.ts';
import { HAND_OVER } from '../../lib/hand-over.ts';
import { IdTable } from '../../lib/id-table.ts';
import { FrameType, type OpenMeta } from '../../wire/frames.ts';
import { In, INLINE_UNITS, Out } from '../isolate/mailbox.ts';
import { answerMessage } from './asks.ts';
import { cacheFor } from './code-cache.ts';
import { CallOutlet, type ExecutorCall } from './call-outlet.ts';
import { CpuCount } from './cpu-count.ts';
import { transferred, type GuestArgument } from './crossing.ts';
import { GuestTimers } from './guest-timers.ts';
import type { IsolatePool, ReadyIsolate } from './isolate-pool.ts';
import { loadCode } from './load-code.ts';
import { readRecords, type RecordReader } from './records.ts';
import type { ExecutorSandbox, SandboxOwner } from './sandbox-owner.ts';
import { Services } from './services/services.ts';
import { UncaughtLog } from './uncaught-log.ts';
import { Unloading } from './unloading.ts';

/** A turn with nobody's call in it may last this long. */
const STRAY_TURN_MS = 250;
/** And so long the loading of code that no call waits for. */
const STRAY_LOAD_MS = 5_000;
/** A disposed isolate that is still running after this long can't be stopped. */
const DISPOSE_MS = 400;
const NS_PER_MS = 1e6;
const DRAIN = { result: { copy: true } } as const;

export class IsolateSandbox implements ExecutorSandbox {
  readonly id: number;
  readonly #owner: SandboxOwner<IsolateSandbox>;
  readonly #pool: IsolatePool;
  readonly #meta: OpenMeta;
  readonly #calls = new IdTable<ExecutorCall>();
  readonly #timers: GuestTimers;
  readonly #cpu = new CpuCount();
  readonly #services = new Services(
    (request, buffers, outcome) => {
      const indexes = buffers.map((bytes) => this.#beside(transferred(bytes)));
      this.#post(`[${In.SERVICE},${request},[${indexes.join(',')}],${outcome}]`);
    },
    (call) => this.#calls.has(call),
  );
  readonly #uncaughtLog = new UncaughtLog();
  readonly #unloading: Unloading;
  readonly #outlet: CallOutlet;
  readonly #progress = new Int32Array(new SharedArrayBuffer(8));
  #inbox: string[] = [];
  #arguments: GuestArgument[] = [];
  #ready: ReadyIsolate | null = null;
  /** When the turn in flight began; 0 between turns. */
  #turnSinceMs = 0;
  /** By when a disposed isolate must have stopped. */
  #deadline: NodeJS.Timeout | null = null;
  #pumpScheduled = false;
  #loaded = false;
  #gone = false;

  constructor(owner: SandboxOwner<IsolateSandbox>, pool: IsolatePool, id: number, meta: OpenMeta, payload: Uint8Array) {
    this.#owner = owner;
    this.#pool = pool;
    this.id = id;
    this.#meta = meta;
    this.#outlet = new CallOutlet({
      // Not yet the host's while this process warms up.
      get sender() {
        return owner.sender;
      },
      responseBytes: meta.responseBytes,
      forget: (call) => this.#forget(call),
    });
    this.#unloading = new Unloading(meta.cpuMs, (message) => this.#post(message));
    this.#timers = new GuestTimers(meta.pendingTimers, (timer) => this.#post(`[${In.TIMER},${timer}]`));
    void this.#load(payload);
  }

  call(id: number, metaText: string, bodyKind: number, remainingMs: number, body: Buffer): void {
    const now = performance.now();
    if (this.#calls.size === 0) this.#cpu.start(this.#ranMs(), now);
    this.#calls.set(id, {
      id,
      timeoutMs: remainingMs,
      deadlineMs: now + remainingMs,
      cpuMs: 0,
      state: 'open',
      sender: null,
      settled: false,
    });
    this.#post(
      `[${In.CALL},${id},${bodyKind === 0 ? 'null' : bodyKind === 2 ? '-1' : this.#bodyRef(body)},${metaText}]`,
    );
  }

  data(id: number, chunk: Buffer): void {
    this.#post(`[${In.DATA},${id},${this.#beside(transferred(chunk))}]`);
  }

  /** One frame of the answer to what a call has asked for. */
  answer(type: number, id: number, payload: Buffer): void {
    this.#post(answerMessage(type, id, payload, (bytes) => this.#beside(transferred(bytes))));
  }

  endBody(id: number): void {
    this.#post(`[${In.END},${id}]`);
  }

  credit(id: number, bytes: number): void {
    const sender = this.#calls.get(id)?.sender;
    if (sender) sender.credit(bytes);
    else this.#post(`[${In.CREDIT},${id},${bytes}]`);
  }

  /** The caller has gone. Only the guest knows what that settles; a large reply under way is cut short here. */
  cancel(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (call.sender !== null) return this.#outlet.settle(call);
    this.#post(`[${In.CANCEL},${id}]`);
  }

  /** For how long its isolate ran since this was last asked. */
  ranSinceLastMs(): number {
    return this.#gone ? 0 : this.#cpu.sinceLast(this.#ranMs());
  }

  /** Ends what is over its time, or has used `cpuMs` more and is over that. Called by the watchdog every few milliseconds. */
  check(nowMs: number, cpuMs: number): void {
    if (this.#gone) return;
    if (this.#turnSinceMs !== 0 && this.#stuck(nowMs)) return;
    if (this.#calls.size > 0 && this.#overCpu(nowMs, cpuMs)) return;
    const calls = this.#calls.values();
    this.#unloading.warn(calls, nowMs);
    for (const call of calls) if (nowMs > call.deadlineMs) this.#expire(call, timeoutMessage(call));
  }

  close(): void {
    this.#unloading.close(() => {
      if (!this.#gone) this.#end();
    });
  }

  async #load(payload: Uint8Array): Promise<void> {
    let ready: ReadyIsolate;
    try {
      ready = this.#pool.take(this.#meta.memoryMb, cacheFor(payload.subarray(0, this.#meta.codeBytes)));
    } catch (error) {
      return this.#recycle('LOAD_FAILED', `No isolate could be made: ${String(error)}`, null);
    }
    this.#ready = ready;
    this.#cpu.start(this.#ranMs(), performance.now());
    ready.onCatastrophe.current = () => this.#lost();
    this.#turnSinceMs = performance.now();
    try {
      const { format: _, codeBytes: __, handler: kindOfHandler, handlerName: name, ...rest } = this.#meta;
      const spec = JSON.stringify({ ...rest, kind: kindOfHandler, name });
      ready.port.applyIgnored(undefined, [
        'load',
        HAND_OVER,
        spec,
        transferred(randomBytes(32)),
        new ivm.ExternalCopy(this.#progress.buffer).copyInto({ release: true }),
      ]);
      const { kind, value } = await loadCode(ready, this.#meta, payload);
      ready.port.applyIgnored(undefined, ['start', kind, value as string]);
    } catch (error) {
      return this.#failedTurn(error);
    }
    if (this.#gone) return this.#turnOver();
    this.#loaded = true;
    // The calls that waited are delivered in the same hop; without one, what the code wrote while it loaded is drained.
    this.#turn();
  }

  #post(message: string): void {
    if (this.#gone) return;
    this.#inbox.push(message);
    if (!this.#loaded || this.#pumpScheduled || this.#turnSinceMs !== 0) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      if (this.#inbox.length > 0 && this.#turnSinceMs === 0) this.#turn();
    });
  }

  #turn(): void {
    if (this.#gone || this.#ready === null) return;
    const { port } = this.#ready;
    const list = `[${this.#inbox.join(',')}]`;
    const beside = this.#arguments;
    this.#inbox = [];
    this.#arguments = [];
    this.#turnSinceMs = performance.now();
    // A string alone, as an argument or a result, leaks a little at every turn; one inside a copied list does not.
    const messages = [new ivm.ExternalCopy([list]).copyInto({ release: true }), ...beside];
    if (this.#meta.interleaves) port.applyIgnored(undefined, messages);
    else port.apply(undefined, messages).catch((error: unknown) => this.#uncaught(error));
    port.apply(undefined, [], DRAIN).then(
      (drained) => {
        this.#turnEnded(drained);
        if (this.#inbox.length > 0 && this.#turnSinceMs === 0) this.#turn();
      },
      (error: unknown) => this.#failedTurn(error),
    );
  }

  #uncaught(error: unknown): void {
    if (this.#gone || this.#ready?.isolate.isDisposed === true) return;
    this.#uncaughtLog.write(this.#owner.sender, this.id, this.#calls.oldest()?.id ?? 0, error);
  }

  #turnEnded(drained: unknown): void {
    this.#turnOver();
    if (this.#gone) return;
    try {
      readRecords(drained, (record) => {
        if (!this.#gone) this.#deliver(record);
      });
    } catch (error) {
      this.#recycle('SANDBOX_RECYCLED', `The mailbox of the sandbox broke: ${String(error)}`, null);
    }
  }

  #failedTurn(error: unknown): void {
    this.#turnOver();
    if (this.#gone) return;
    const culprit = this.#runningCall();
    if (this.#ready?.isolate.isDisposed === true) this.#recycle('OUT_OF_MEMORY', this.#memoryMessage(), culprit);
    else this.#recycle('SANDBOX_RECYCLED', `The mailbox of the sandbox broke: ${String(error)}`, culprit);
  }

  /** V8 could not even throw: it has run out of memory in one step. The thread is lost, and this process with it. */
  #lost(): void {
    if (!this.#gone) this.#recycle('OUT_OF_MEMORY', this.#memoryMessage(), this.#runningCall());
    this.#owner.onPoisoned(this, 'V8 reported a catastrophic error');
  }

  #memoryMessage(): string {
    return `The function used more than its ${this.#meta.memoryMb} MB of memory`;
  }

  #deliver(record: RecordReader): void {
    switch (record.kind) {
      case Out.TIMER:
        return this.#timers.start(record.id, Number(record.meta));
      case Out.TIMER_CLEAR:
        return this.#timers.clear(record.id);
      case Out.SANDBOX_LOG:
        return this.#owner.sender.sendMeta(FrameType.SANDBOX_LOG, this.id, record.meta, null);
      case Out.SERVICE:
        return this.#services.take(record);
      case Out.HEEDS_UNLOAD:
        return this.#unloading.heed();
      case Out.OVER_MEMORY:
        return this.#recycle('OUT_OF_MEMORY', this.#memoryMessage(), this.#runningCall(), 'memoryMb');
      case Out.AGAIN:
        return this.#post(`[${In.TIMER},0]`);
    }
    const call = this.#calls.get(record.id);
    if (call !== undefined) this.#outlet.deliver(call, record);
  }

  /** Charges CPU time, and ends the call that has used too much of it; returns whether that has ended the sandbox. */
  #overCpu(nowMs: number, usedMs: number): boolean {
    const isInTurn = this.#turnSinceMs !== 0;
    const isAlone = this.#calls.size === 1;
    const call = isAlone || isInTurn ? this.#runningCall() : null;
    const who = call === null ? 'nobody' : isAlone ? 'alone' : 'running';
    const chargedMs = this.#cpu.charge(usedMs, nowMs, who);
    if (call === null) return false;
    call.cpuMs += chargedMs;
    const { cpuMs } = this.#meta;
    if (call.cpuMs <= cpuMs) return false;
    const message = `Execution used more than ${cpuMs / 1000}s of CPU time`;
    if (isInTurn) this.#recycle('TIMED_OUT', message, call, 'cpuMs');
    else this.#expire(call, message, 'cpuMs');
    return isInTurn;
  }

  /** Ends a call that has used up what it may, between turns. */
  #expire(call: ExecutorCall, message: string, limit?: keyof Limits): void {
    if (call.state === 'done') this.#outlet.settle(call);
    else {
      this.#outlet.fault(call, 'TIMED_OUT', message, limit);
      this.#forget(call);
    }
    this.#post(`[${In.CANCEL},${call.id}]`);
  }

  /** Of the isolate, since it was made, up to this moment. */
  #ranMs(): number {
    const isolate = this.#ready?.isolate;
    return isolate === undefined || isolate.isDisposed ? 0 : Number(isolate.cpuTime) / NS_PER_MS;
  }

  /** Whether the turn in flight had to be stopped. */
  #stuck(nowMs: number): boolean {
    const culprit = this.#runningCall();
    const limitMs =
      culprit === null ? this.#turnSinceMs + (this.#loaded ? STRAY_TURN_MS : STRAY_LOAD_MS) : culprit.deadlineMs;
    if (nowMs <= limitMs) return false;
    this.#recycle(
      'TIMED_OUT',
      culprit === null ? 'Code outside of any invocation ran for too long' : timeoutMessage(culprit),
      culprit,
    );
    return true;
  }

  /** The call that the isolate says it is running; where it says nothing, the one that has waited longest. */
  #runningCall(): ExecutorCall | null {
    const running = (this.#progress[0] as number) >>> 0;
    if (running !== 0) return this.#calls.get(running) ?? null;
    return this.#calls.oldest() ?? null;
  }

  /** Ends the sandbox in the middle of things: the culprit has the fault, who had not begun is told so. */
  #recycle(code: string, message: string, culprit: ExecutorCall | null, limit?: keyof Limits): void {
    const begun = (this.#progress[1] as number) >>> 0;
    for (const call of this.#calls.values()) {
      if (call !== culprit || call.state === 'done' || code === 'SANDBOX_RECYCLED')
        this.#tellEnd(call, call.id <= begun);
      else this.#outlet.fault(call, code, message, limit);
    }
    this.#owner.sender.sendMeta(FrameType.GONE, this.id, JSON.stringify([code, message, null]), null);
    this.#end();
  }

  /** The end of a call that the sandbox is lost to. */
  #tellEnd(call: ExecutorCall, begun: boolean): void {
    const connection = this.#owner.sender;
    if (call.state === 'done') connection.send(FrameType.SETTLED, call.id);
    else if (call.state === 'open' && !begun) connection.send(FrameType.NOT_BEGUN, call.id);
    else this.#outlet.fault(call, 'SANDBOX_RECYCLED', 'The sandbox was recycled under this request');
  }

  #forget(call: ExecutorCall): void {
    this.#calls.delete(call.id);
    this.#services.callOver(call.id);
    this.#owner.onCallOver(call.id);
  }

  #end(): void {
    this.#gone = true;
    for (const call of this.#calls.values()) this.#forget(call);
    this.#timers.clearAll();
    this.#unloading.end();
    this.#services.end();
    this.#inbox = [];
    this.#arguments = [];
    this.#owner.onGone(this);
    this.#dispose();
  }

  #dispose(): void {
    const isolate = this.#ready?.isolate;
    if (isolate === undefined) return;
    if (!isolate.isDisposed) isolate.dispose();
    if (this.#turnSinceMs === 0) return;
    this.#owner.onStopping();
    this.#deadline = setTimeout(
      () => this.#owner.onPoisoned(this, 'an isolate went on running after it was disposed of'),
      DISPOSE_MS,
    );
  }

  /** The turn that was in flight is over, one way or another. */
  #turnOver(): void {
    this.#turnSinceMs = 0;
    if (this.#deadline === null) return;
    clearTimeout(this.#deadline);
    this.#deadline = null;
    this.#owner.onStopped();
  }

  #bodyRef(body: Buffer): string {
    const text = isUtf8(body) ? body.toString('utf8') : null;
    if (text !== null && text.length <= INLINE_UNITS) return JSON.stringify(text);
    return `${this.#beside(text ?? transferred(body))}`;
  }

  /** Where in the next turn's arguments it will be. */
  #beside(argument: GuestArgument): number {
    return this.#arguments.push(argument) - 1;
  }
}

const timeoutMessage = (call: ExecutorCall): string => `Execution timed out after ${call.timeoutMs / 1000}s`;
