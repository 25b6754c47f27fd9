/** GuestLog: the lines that an isolate writes, each for the invocation that runs, within what one may write. */

import { listJson } from '../web/list-json.ts';
import type { GuestCall } from './call.ts';
import { currentCall } from './context.ts';
import { Out, type Outbox } from './mailbox.ts';

/** What a line costs besides its text. */
const LINE_UNITS = 16;

export class GuestLog {
  readonly #outbox: Outbox;
  readonly #isHeard: (call: GuestCall) => boolean;
  #maxUnits = 0;
  #strayUnits = 0;

  /** `isHeard` says whether the host will still take a line for this call. */
  constructor(outbox: Outbox, isHeard: (call: GuestCall) => boolean) {
    this.#outbox = outbox;
    this.#isHeard = isHeard;
  }

  /** For each invocation, and for all that belongs to none. */
  limit(maxUnits: number): void {
    this.#maxUnits = maxUnits;
  }

  write(level: string, message: string): void {
    const call = currentCall();
    const used = (call === null ? this.#strayUnits : call.logUnits) + message.length + LINE_UNITS;
    if (call === null) this.#strayUnits = used;
    else call.logUnits = used;
    const over = used - this.#maxUnits;
    if (over > message.length + LINE_UNITS) return;
    const line =
      over > 0
        ? listJson(['warn', `The log of this invocation is longer than ${this.#maxUnits} bytes; the rest is dropped`])
        : listJson([level, message]);
    if (call === null || !this.#isHeard(call)) this.#outbox.putLine(Out.SANDBOX_LOG, 0, line);
    else this.#outbox.putLine(Out.LOG, call.id, line);
  }
}
