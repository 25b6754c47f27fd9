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
import { HAND_OVER } from '../../lib/hand-over.ts';
import { IdTable } from '../../lib/id-table.ts';
import { CHUNK_BYTES, FrameType, type OpenMeta } from '../../wire/frames.ts';
import { In, INLINE_UNITS, MAX_META_UNITS, Out } from '../isolate/mailbox.ts';
import { answerMessage, sendAsk } from './asks.ts';
import { transferred, type GuestArgument } from './crossing.ts';
import { GuestTimers } from './guest-timers.ts';
import type { ReadyIsolate } from './isolate-pool.ts';
import { loadCode } from './load-code.ts';
import { readRecords, type RecordReader } from './records.ts';
import { ReplySender } from './reply-sender.ts';
import type { SandboxOwner } from './sandbox-owner.ts';
import { Services } from './services/services.ts';

interface ExecutorCall {
  readonly id: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  /** What the host has heard: nothing yet, the head, or the outcome. */
  state: 'open' | 'streaming' | 'done';
  sender: ReplySender | null;
  /** The guest has settled while the sender still has bytes to send. */
  settled: boolean;
}

/** A turn with nobody's call in it may last this long. */
const STRAY_TURN_MS = 250;
/** And so long the loading of code that no call waits for. */
const STRAY_LOAD_MS = 5_000;
/** A disposed isolate that is still running after this long can't be stopped. */
const DISPOSE_MS = 400;
const DRAIN = { result: { copy: true } } as const;

export class IsolateSandbox {
  readonly id: number;
  readonly #owner: SandboxOwner<IsolateSandbox>;
  readonly #meta: OpenMeta;
  readonly #calls = new IdTable<ExecutorCall>();
  readonly #timers = new GuestTimers((id) => this.#post(`[${In.TIMER},${id}]`));
  readonly #services = new Services(
    (request, buffers, outcome) => {
      const indexes = buffers.map((bytes) => this.#beside(transferred(bytes)));
      this.#post(`[${In.SERVICE},${request},[${indexes.join(',')}],${outcome}]`);
    },
    (call) => this.#calls.has(call),
  );
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

  constructor(owner: SandboxOwner<IsolateSandbox>, id: number, meta: OpenMeta, payload: Uint8Array) {
    this.#owner = owner;
    this.id = id;
    this.#meta = meta;
    void this.#load(payload);
  }

  call(id: number, metaText: string, bodyKind: number, remainingMs: number, body: Buffer): void {
    const now = performance.now();
    this.#calls.set(id, {
      id,
      timeoutMs: remainingMs,
      deadlineMs: now + remainingMs,
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
    if (call.sender !== null) return this.#settle(call);
    this.#post(`[${In.CANCEL},${id}]`);
  }

  /** Ends what is over its time. Called by the watchdog every few milliseconds. */
  check(nowMs: number): void {
    if (this.#gone) return;
    if (this.#turnSinceMs !== 0 && this.#stuck(nowMs)) return;
    for (const call of this.#calls.values()) {
      if (nowMs <= call.deadlineMs) continue;
      if (call.state !== 'done') this.#fault(call, 'TIMED_OUT', timeoutMessage(call));
      this.#forget(call);
      this.#post(`[${In.CANCEL},${call.id}]`);
    }
  }

  close(): void {
    if (this.#gone) return;
    this.#end();
  }

  async #load(payload: Uint8Array): Promise<void> {
    let ready: ReadyIsolate;
    try {
      ready = this.#owner.takeIsolate(this.#meta.memoryMb);
    } catch (error) {
      return this.#recycle('LOAD_FAILED', `No isolate could be made: ${String(error)}`, null);
    }
    this.#ready = ready;
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
    port.applyIgnored(undefined, [new ivm.ExternalCopy([list]).copyInto({ release: true }), ...beside]);
    port.apply(undefined, [], DRAIN).then(
      (drained) => {
        this.#turnEnded(drained);
        if (this.#inbox.length > 0 && this.#turnSinceMs === 0) this.#turn();
      },
      (error: unknown) => this.#failedTurn(error),
    );
  }

  #turnEnded(drained: unknown): void {
    this.#turnOver();
    if (this.#gone) return;
    try {
      readRecords(drained, (record) => this.#deliver(record));
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
    }
    const call = this.#calls.get(record.id);
    if (call !== undefined) this.#deliverTo(call, record);
  }

  /** Passes a record on, unless it comes out of turn: a hostile isolate must not make the executor break the protocol. */
  #deliverTo(call: ExecutorCall, record: RecordReader): void {
    const { kind, meta, body } = record;
    const connection = this.#owner.sender;
    if (meta.length > MAX_META_UNITS) return;
    if (kind >= Out.ASK) return sendAsk(connection, call.id, record);
    if (kind === Out.REPLY && call.state === 'open') return this.#reply(call, meta, body);
    if (kind === Out.HEAD && call.state === 'open') {
      call.state = 'streaming';
      return connection.sendMeta(FrameType.HEAD, call.id, meta, null);
    }
    if (kind === Out.DATA && call.state === 'streaming' && body instanceof Uint8Array && body.length <= CHUNK_BYTES)
      return connection.sendBytes(FrameType.DATA, call.id, body);
    if (kind === Out.END && call.state === 'streaming') {
      call.state = 'done';
      return connection.send(FrameType.END, call.id);
    }
    if (kind === Out.FAULT && call.state !== 'done' && call.sender === null) {
      connection.sendMeta(FrameType.FAULT, call.id, meta, null);
      this.#forget(call);
      return;
    }
    if (kind === Out.SETTLED) return this.#guestSettled(call);
    if (kind === Out.LOG) return connection.sendMeta(FrameType.LOG, call.id, meta, null);
    if (kind === Out.CREDIT) return connection.sendNumber(FrameType.CREDIT, call.id, Number(meta) >>> 0);
  }

  #reply(call: ExecutorCall, meta: string, body: string | Uint8Array | null): void {
    const connection = this.#owner.sender;
    const settled = meta.endsWith(',1]');
    if (body === null || body.length * 3 <= CHUNK_BYTES) {
      call.state = 'done';
      connection.sendMeta(FrameType.REPLY, call.id, meta, body);
      if (settled) this.#forget(call);
      return;
    }
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    if (bytes.length > this.#meta.responseBytes) {
      this.#fault(
        call,
        'RESPONSE_TOO_LARGE',
        `The response body has ${bytes.length} bytes, more than ${this.#meta.responseBytes}; stream it instead`,
      );
      this.#forget(call);
      return;
    }
    call.settled = settled;
    call.state = 'streaming';
    call.sender = new ReplySender(connection, call.id, meta, bytes, () => {
      call.sender = null;
      call.state = 'done';
      if (call.settled) this.#settle(call);
    });
    // It may have been sent whole in the constructor, before the callback could clear the field.
    if ((call.state as string) === 'done') call.sender = null;
  }

  #guestSettled(call: ExecutorCall): void {
    call.settled = true;
    if (call.sender === null) this.#settle(call);
  }

  #settle(call: ExecutorCall): void {
    this.#forget(call);
    this.#owner.sender.send(FrameType.SETTLED, call.id);
  }

  #fault(call: ExecutorCall, code: string, message: string): void {
    this.#owner.sender.sendMeta(FrameType.FAULT, call.id, JSON.stringify([code, message, null]), null);
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
  #recycle(code: string, message: string, culprit: ExecutorCall | null): void {
    const begun = (this.#progress[1] as number) >>> 0;
    for (const call of this.#calls.values())
      this.#tellEnd(call, call === culprit ? code : 'SANDBOX_RECYCLED', message, call.id <= begun);
    this.#owner.sender.sendMeta(FrameType.GONE, this.id, JSON.stringify([code, message, null]), null);
    this.#end();
  }

  #tellEnd(call: ExecutorCall, code: string, message: string, begun: boolean): void {
    const connection = this.#owner.sender;
    if (call.state === 'done') connection.send(FrameType.SETTLED, call.id);
    else if (call.state === 'open' && !begun && code === 'SANDBOX_RECYCLED')
      connection.send(FrameType.NOT_BEGUN, call.id);
    else this.#fault(call, code, code === 'SANDBOX_RECYCLED' ? 'The sandbox was recycled under this request' : message);
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
