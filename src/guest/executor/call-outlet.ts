/** CallOutlet: what the calls of one isolate have to say, as frames to the host. */

import type { Limits } from '../../core/limits.ts';
import type { FrameSender } from '../../wire/connection.ts';
import { CHUNK_BYTES, FrameType, type FaultMeta } from '../../wire/frames.ts';
import { MAX_META_UNITS, Out } from '../isolate/mailbox.ts';
import { sendAsk } from './asks.ts';
import type { RecordReader } from './records.ts';
import { ReplySender } from './reply-sender.ts';

export interface ExecutorCall {
  readonly id: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  cpuMs: number;
  /** What the host has heard: nothing yet, the head, or the outcome. */
  state: 'open' | 'streaming' | 'done';
  sender: ReplySender | null;
  /** The guest has settled while the sender still has bytes to send. */
  settled: boolean;
}

/** The sandbox that they are calls of. */
export interface OutletOwner {
  readonly sender: FrameSender;
  readonly responseBytes: number;
  /** Nothing more is to be said of it. */
  forget(call: ExecutorCall): void;
}

export class CallOutlet {
  readonly #owner: OutletOwner;

  constructor(owner: OutletOwner) {
    this.#owner = owner;
  }

  /** Passes a record on, unless it comes out of turn: a hostile isolate must not make the executor break the protocol. */
  deliver(call: ExecutorCall, record: RecordReader): void {
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
      this.#owner.forget(call);
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
      if (settled) this.#owner.forget(call);
      return;
    }
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    if (bytes.length > this.#owner.responseBytes) {
      this.fault(
        call,
        'RESPONSE_TOO_LARGE',
        `The response body has ${bytes.length} bytes, more than ${this.#owner.responseBytes}; stream it instead`,
      );
      this.#owner.forget(call);
      return;
    }
    call.settled = settled;
    call.state = 'streaming';
    call.sender = new ReplySender(connection, call.id, meta, bytes, () => {
      call.sender = null;
      call.state = 'done';
      if (call.settled) this.settle(call);
    });
    // It may have been sent whole in the constructor, before the callback could clear the field.
    if ((call.state as string) === 'done') call.sender = null;
  }

  #guestSettled(call: ExecutorCall): void {
    call.settled = true;
    if (call.sender === null) this.settle(call);
  }

  settle(call: ExecutorCall): void {
    this.#owner.forget(call);
    this.#owner.sender.send(FrameType.SETTLED, call.id);
  }

  fault(call: ExecutorCall, code: string, message: string, limit?: keyof Limits): void {
    const meta: FaultMeta = limit === undefined ? [code, message, null] : [code, message, null, limit];
    this.#owner.sender.sendMeta(FrameType.FAULT, call.id, JSON.stringify(meta), null);
  }
}
