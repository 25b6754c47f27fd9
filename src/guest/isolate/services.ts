/**
 * GuestServices: what an isolate asks of its own executor. A few at a time: the others wait here, in memory that the
 * isolate's limit counts.
 */

import type { ServiceListener } from '../web/host.ts';
import { dictionary } from '../web/primordials.ts';
import type { GuestCall } from './call.ts';
import { runAs } from './context.ts';
import { Out, type Outbox, type ServiceMessage } from './mailbox.ts';

interface Request {
  /** On whose behalf; null outside of any invocation. */
  readonly call: GuestCall | null;
  /** JSON: what comes after its number. */
  readonly text: string;
  readonly body: Uint8Array | null;
  readonly listener: ServiceListener;
  /** The one that was asked after it, while both wait. */
  next: Request | null;
}

/** The executor answers no more of them at a time. */
const MAX_RUNNING = 8;

export class GuestServices {
  readonly #outbox: Outbox;
  readonly #isOver: (call: GuestCall) => boolean;
  /** Sent and not answered, by number. */
  readonly #sent = dictionary<Request>();
  #last = 0;
  #running = 0;
  #firstWaiting: Request | null = null;
  #lastWaiting: Request | null = null;

  constructor(outbox: Outbox, isOver: (call: GuestCall) => boolean) {
    this.#outbox = outbox;
    this.#isOver = isOver;
  }

  begin(call: GuestCall | null, text: string, body: Uint8Array | null, listener: ServiceListener): void {
    const request: Request = { call, text, body, listener, next: null };
    if (this.#lastWaiting === null) this.#firstWaiting = request;
    else this.#lastWaiting.next = request;
    this.#lastWaiting = request;
    this.#send();
  }

  /** `bytes` finds what the message refers to. */
  deliver(message: ServiceMessage, bytes: (index: number) => Uint8Array): void {
    const request = this.#sent[message[1]];
    if (request === undefined) return;
    delete this.#sent[message[1]];
    this.#running--;
    this.#send();
    const { call, listener } = request;
    if (call !== null && this.#isOver(call)) return;
    const outcome = message[3];
    const buffers = dictionary<Uint8Array>();
    for (let i = 0; i < message[2].length; i++) buffers[i] = bytes(message[2][i] as number);
    runAs(call, () => {
      if (outcome[0] === 1) listener.done(outcome[1], buffers);
      else listener.fail(outcome[1], outcome[2]);
    });
  }

  #send(): void {
    while (this.#running < MAX_RUNNING && this.#firstWaiting !== null) {
      const request: Request = this.#firstWaiting;
      this.#firstWaiting = request.next;
      if (request.next === null) this.#lastWaiting = null;
      const { call, text, body } = request;
      if (call !== null && this.#isOver(call)) continue;
      this.#running++;
      const number = ++this.#last;
      this.#sent[number] = request;
      this.#outbox.put(Out.SERVICE, call === null ? 0 : call.id, `[${number},${text}]`, body);
    }
  }
}
