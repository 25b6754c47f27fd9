/**
 * CallRelay: what a guest says of one call, as frames to the host.
 *
 * A record that comes out of turn is dropped: a hostile guest must not make the executor break the protocol.
 */

import type { Limits } from '../../core/limits.ts';
import type { FrameSender } from '../../wire/connection.ts';
import { CHUNK_BYTES, FrameType, type FaultMeta } from '../../wire/frames.ts';
import { MAX_META_UNITS, Out } from '../isolate/mailbox.ts';
import { sendAsk } from './asks.ts';
import type { RecordReader } from './records.ts';
import { ReplySender } from './reply-sender.ts';

export interface CallRelayOptions {
  readonly id: number;
  readonly sender: FrameSender;
  readonly responseBytes: number;
  /** No more frames of this call will be sent. Called once. */
  onOver(): void;
}

export class CallRelay {
  readonly #options: CallRelayOptions;
  /** What the host has heard: nothing yet, the head, or the outcome. */
  #state: 'open' | 'streaming' | 'done' = 'open';
  /** Sends a large reply. */
  #reply: ReplySender | null = null;
  /** The guest has settled while the reply still has bytes to send. */
  #settled = false;
  #isOver = false;

  constructor(options: CallRelayOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  deliver(record: RecordReader): void {
    const { kind, meta, body } = record;
    const { id, sender } = this.#options;
    if (this.#isOver || meta.length > MAX_META_UNITS) return;
    switch (kind) {
      case Out.REPLY:
        if (this.#state === 'open') this.#answer(meta, body);
        return;
      case Out.HEAD:
        if (this.#state !== 'open') return;
        this.#state = 'streaming';
        return sender.sendMeta(FrameType.HEAD, id, meta, null);
      case Out.DATA:
        if (this.#isStreaming() && body instanceof Uint8Array && body.length <= CHUNK_BYTES)
          sender.sendBytes(FrameType.DATA, id, body);
        return;
      case Out.END:
        if (!this.#isStreaming()) return;
        this.#state = 'done';
        return sender.send(FrameType.END, id);
      case Out.FAULT:
        if (this.#state === 'done' || this.#reply !== null) return;
        sender.sendMeta(FrameType.FAULT, id, meta, null);
        return this.#over();
      case Out.SETTLED:
        this.#settled = true;
        if (this.#reply === null) this.settle();
        return;
      case Out.LOG:
        return sender.sendMeta(FrameType.LOG, id, meta, null);
      case Out.CREDIT:
        return sender.sendNumber(FrameType.CREDIT, id, Number(meta) >>> 0);
      default:
        if (kind >= Out.ASK && kind <= Out.ASK_CREDIT) sendAsk(sender, id, record);
    }
  }

  /** Whether it was for a reply that is sent from here; else the guest is to hear of it. */
  credit(bytes: number): boolean {
    if (this.#reply === null) return false;
    this.#reply.credit(bytes);
    return true;
  }

  /** The caller has gone. Whether that was all; else the guest is to hear of it, and settles. */
  cancel(): boolean {
    if (this.#reply === null) return false;
    this.settle();
    return true;
  }

  settle(): void {
    if (this.#isOver) return;
    this.#over();
    this.#options.sender.send(FrameType.SETTLED, this.#options.id);
  }

  /** Ends the call, whatever it was doing. Its outcome, where it has one already, stays. */
  fail(code: string, message: string, limit?: keyof Limits): void {
    if (this.#state === 'done') return this.settle();
    if (this.#isOver) return;
    const meta: FaultMeta = limit === undefined ? [code, message, null] : [code, message, null, limit];
    this.#options.sender.sendMeta(FrameType.FAULT, this.#options.id, JSON.stringify(meta), null);
    this.#over();
  }

  /** The guest saw nothing of it: the host may send it elsewhere. */
  notBegun(): void {
    if (this.#isOver) return;
    this.#options.sender.send(FrameType.NOT_BEGUN, this.#options.id);
    this.#over();
  }

  /** It is of no more use to anybody. */
  drop(): void {
    if (!this.#isOver) this.#over();
  }

  #isStreaming(): boolean {
    return this.#state === 'streaming' && this.#reply === null;
  }

  #answer(meta: string, body: string | Uint8Array | null): void {
    const { id, sender, responseBytes } = this.#options;
    this.#settled = meta.endsWith(',1]');
    if (body === null || body.length * 3 <= CHUNK_BYTES) {
      this.#state = 'done';
      sender.sendMeta(FrameType.REPLY, id, meta, body);
      if (this.#settled) this.#over();
      return;
    }
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    if (bytes.length > responseBytes)
      return this.fail(
        'RESPONSE_TOO_LARGE',
        `The response body has ${bytes.length} bytes, more than ${responseBytes}; stream it instead`,
      );
    this.#state = 'streaming';
    const reply = new ReplySender(sender, id, meta, bytes, () => {
      this.#reply = null;
      this.#state = 'done';
      if (this.#settled) this.settle();
    });
    // It may have been sent whole in the constructor.
    if ((this.#state as string) === 'streaming') this.#reply = reply;
  }

  #over(): void {
    this.#isOver = true;
    this.#options.onOver();
  }
}
