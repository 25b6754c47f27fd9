/** NativeLog: the lines that a function writes, each for the invocation that runs, within what one may write. */

import type { FrameSender } from '../../wire/connection.ts';
import { FrameType } from '../../wire/frames.ts';
import { currentCall } from './context.ts';

/** What a line costs besides its text. */
const LINE_UNITS = 16;
/** The host cuts a longer line. */
const MAX_LINE_UNITS = 16 * 1024;

export class NativeLog {
  readonly #sender: FrameSender;
  readonly #sandbox: number;
  readonly #maxUnits: number;
  #strayUnits = 0;

  constructor(sender: FrameSender, sandbox: number, maxUnits: number) {
    this.#sender = sender;
    this.#sandbox = sandbox;
    this.#maxUnits = maxUnits;
  }

  write(level: string, message: string): void {
    const call = currentCall();
    const cost = message.length + LINE_UNITS;
    const used = (call === null ? this.#strayUnits : call.logUnits) + cost;
    if (call === null) this.#strayUnits = used;
    else call.logUnits = used;
    const over = used - this.#maxUnits;
    if (over > cost) return;
    const line =
      over > 0
        ? ['warn', `The log of this invocation is longer than ${this.#maxUnits} bytes; the rest is dropped`]
        : [level, message.slice(0, MAX_LINE_UNITS)];
    const isHeard = call !== null && !call.isOver;
    this.#sender.sendMeta(
      isHeard ? FrameType.LOG : FrameType.SANDBOX_LOG,
      isHeard ? call.id : this.#sandbox,
      JSON.stringify(line),
      null,
    );
  }
}
