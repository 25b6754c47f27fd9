/** WasmRun: one call of a sandbox, in a copy of its program: what waits for it, and what it has to say. */

import { isUtf8 } from 'node:buffer';
import type { Limits } from '../../../core/limits.ts';
import type { OpenMeta } from '../../../wire/frames.ts';
import { In, INLINE_UNITS, Out } from '../../isolate/mailbox.ts';
import type { Drained } from '../../quickjs/program.ts';
import { answerMessage } from '../asks.ts';
import type { CallRelay } from '../call-relay.ts';
import { GuestTimers } from '../guest-timers.ts';
import { readRecords, type RecordReader } from '../records.ts';
import { Services } from '../services/services.ts';
import type { Stop } from './messages.ts';

export interface WasmRunOptions {
  readonly id: number;
  readonly meta: OpenMeta;
  readonly relay: CallRelay;
  readonly timeoutMs: number;
  /** Something waits to be delivered. */
  onPosted(run: WasmRun): void;
}

export interface Delivery {
  readonly messages: string;
  readonly beside: readonly (string | Uint8Array)[];
}

/** What the guest says where the engine's own error ended the handler. */
const OUT_OF_MEMORY = /^\["(?:HANDLER_THREW|LOAD_FAILED)","InternalError: out of memory"/;
/** And what there is where no memory was left for that error. */
const NO_ERROR =
  /^\["(?:HANDLER_THREW|LOAD_FAILED)","(?:The code threw (?:null|something that cannot be described)|InternalError: Invalid error message)"/;
const MB = 1024 * 1024;

export class WasmRun {
  readonly id: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly relay: CallRelay;
  readonly #meta: OpenMeta;
  readonly #onPosted: (run: WasmRun) => void;
  readonly #timers: GuestTimers;
  #services: Services | null = null;
  #inbox: string[] = [];
  #beside: (string | Uint8Array)[] = [];
  #memoryBytes = 0;
  /** A turn of it has been sent to a thread. */
  wasSent = false;
  /** A turn of it is in flight. */
  isInTurn = false;
  /** When the watchdog first saw the turn in flight running; 0 where it has not. */
  seenRunningMs = 0;
  usedCpuMs = 0;

  constructor({ id, meta, relay, timeoutMs, onPosted }: WasmRunOptions) {
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.deadlineMs = performance.now() + timeoutMs;
    this.relay = relay;
    this.#meta = meta;
    this.#onPosted = onPosted;
    this.#timers = new GuestTimers(meta.pendingTimers, (timer) => this.post(`[${In.TIMER},${timer}]`));
  }

  get isWaiting(): boolean {
    return this.#inbox.length > 0 && !this.isInTurn;
  }

  get cpuLeftMs(): number {
    return this.#meta.cpuMs - this.usedCpuMs;
  }

  begin(metaText: string, bodyKind: number, body: Buffer): void {
    const reference = bodyKind === 0 ? 'null' : bodyKind === 2 ? '-1' : this.#bodyRef(body);
    this.post(`[${In.CALL},${this.id},${reference},${metaText}]`);
  }

  data(chunk: Buffer): void {
    this.post(`[${In.DATA},${this.id},${this.#besideBytes(chunk)}]`);
  }

  answer(type: number, payload: Buffer): void {
    this.post(answerMessage(type, this.id, payload, (bytes) => this.#besideBytes(bytes)));
  }

  post(message: string): void {
    this.#inbox.push(message);
    this.#onPosted(this);
  }

  /** What waits is now the caller's to deliver. */
  take(): Delivery {
    const delivery = { messages: `[${this.#inbox.join(',')}]`, beside: this.#beside };
    this.#inbox = [];
    this.#beside = [];
    return delivery;
  }

  /** Its copy of the engine has ended, in the middle of a turn. */
  stopped({ reason, message }: Stop, memoryBytes: number): void {
    this.#memoryBytes = memoryBytes;
    if (reason === 'time') this.relay.fail('TIMED_OUT', ...this.overrun());
    else if (reason === 'memory' || this.#isFull) this.relay.fail('OUT_OF_MEMORY', memoryMessage(this.#meta));
    else this.relay.fail('HANDLER_THREW', message);
  }

  /** Throws where the records are not well-formed. */
  hear(drained: Drained, memoryBytes: number): void {
    this.#memoryBytes = memoryBytes;
    readRecords(drained, (record) => this.#deliver(record));
  }

  /** The call is over. */
  end(): void {
    this.#timers.clearAll();
    this.#services?.end();
    this.#inbox = [];
    this.#beside = [];
  }

  /** What its time was up by. */
  overrun(): readonly [message: string, limit?: keyof Limits] {
    if (this.cpuLeftMs > 0) return [`Execution timed out after ${this.timeoutMs / 1000}s`];
    return [`Execution used more than ${this.#meta.cpuMs / 1000}s of CPU time`, 'cpuMs'];
  }

  #deliver(record: RecordReader): void {
    if (this.relay.isOver) return;
    switch (record.kind) {
      case Out.TIMER:
        return this.#timers.start(record.id, Number(record.meta) || 0);
      case Out.TIMER_CLEAR:
        return this.#timers.clear(record.id);
      case Out.SERVICE:
        return (this.#services ??= this.#openServices()).take(record);
      case Out.AGAIN:
        return this.post(`[${In.TIMER},0]`);
      case Out.FAULT:
        if (!this.#isOutOfMemory(record.meta)) break;
        return this.relay.fail('OUT_OF_MEMORY', memoryMessage(this.#meta));
      case Out.SANDBOX_LOG:
        // The code was loaded for this call alone.
        record.kind = Out.LOG;
    }
    this.relay.deliver(record);
  }

  /** A large allocation fails long before the memory is full. */
  #isOutOfMemory(fault: string): boolean {
    return OUT_OF_MEMORY.test(fault) || (NO_ERROR.test(fault) && this.#isFull);
  }

  /** What fails then without a word fails of that. */
  get #isFull(): boolean {
    return this.#memoryBytes * 2 > this.#meta.memoryMb * MB;
  }

  #openServices(): Services {
    return new Services(
      (request, buffers, outcome) => {
        if (this.relay.isOver) return;
        const indexes = buffers.map((bytes) => this.#besideBytes(bytes));
        this.post(`[${In.SERVICE},${request},[${indexes.join(',')}],${outcome}]`);
      },
      (call) => call === this.id && !this.relay.isOver,
    );
  }

  #bodyRef(body: Buffer): string {
    const text = isUtf8(body) ? body.toString('utf8') : null;
    if (text !== null && text.length <= INLINE_UNITS) return JSON.stringify(text);
    return `${text === null ? this.#besideBytes(body) : this.#beside.push(text) - 1}`;
  }

  /** A copy, since it becomes the thread's. */
  #besideBytes(bytes: Uint8Array): number {
    return this.#beside.push(new Uint8Array(bytes)) - 1;
  }
}

export const memoryMessage = ({ memoryMb }: OpenMeta): string =>
  `The function used more than its ${memoryMb} MB of memory`;
