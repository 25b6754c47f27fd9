/** Ring: the newest lines of one function, in memory, so that a reader who keeps up never touches the disk. */

import type { LogLine, LogQuery } from '../core/log-line.ts';

export class Ring {
  readonly #size: number;
  readonly #maxChars: number;
  readonly #lines: LogLine[] = [];
  #chars = 0;
  /** Every line of the function with a greater id is here. */
  #completeAfterId: number;

  constructor(size: number, maxChars: number, completeAfterId: number) {
    this.#size = size;
    this.#maxChars = maxChars;
    this.#completeAfterId = completeAfterId;
  }

  push(line: LogLine): void {
    this.#lines.push(line);
    this.#chars += line.message.length;
    // Twice the size before it is cut, so that a push costs no shift of the whole.
    if (this.#lines.length >= 2 * this.#size || this.#chars >= 2 * this.#maxChars) this.#cut();
  }

  /** The answer, where the ring holds all of it. */
  read({ afterId, limit }: LogQuery): LogLine[] | null {
    if (afterId === null) return this.#lines.length >= limit ? this.#lines.slice(this.#lines.length - limit) : null;
    if (afterId < this.#completeAfterId) return null;
    const start = this.#lines.findIndex(({ id }) => id > afterId);
    return start === -1 ? [] : this.#lines.slice(start, start + limit);
  }

  #cut(): void {
    let keep = 0;
    let chars = 0;
    while (keep < this.#size && keep < this.#lines.length) {
      const line = this.#lines[this.#lines.length - 1 - keep]!;
      if (chars + line.message.length > this.#maxChars) break;
      chars += line.message.length;
      keep += 1;
    }
    const gone = this.#lines.splice(0, this.#lines.length - keep);
    this.#completeAfterId = gone.at(-1)?.id ?? this.#completeAfterId;
    this.#chars = chars;
  }
}
