/** LogAllowance: how much one invocation may log by a way that no guest watches over. */

import type { LogEntry } from '../core/invocation.ts';

/** What a line costs besides its text. */
const LINE_UNITS = 16;

export class LogAllowance {
  #of = 0;
  #units = 0;

  /** What of a line is kept, of the one whose number it is: all, the notice that there is too much, or nothing. */
  take(entry: LogEntry, of: number, mostUnits: number): LogEntry | null {
    if (of !== this.#of) this.#units = 0;
    this.#of = of;
    const cost = entry.message.length + LINE_UNITS;
    this.#units += cost;
    const over = this.#units - mostUnits;
    if (over <= 0) return entry;
    if (over > cost) return null;
    const message = `The log of this invocation is longer than ${mostUnits} bytes; the rest is dropped`;
    return { ...entry, level: 'warn', message };
  }
}
