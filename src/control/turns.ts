/** Turns: work on one thing is done one after another, in the order in which it came. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** What one piece of work rejects with is its caller's; the next begins all the same. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work, work);
    this.#last.set(key, turn);
    const done = (): void => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    turn.then(done, done);
    return turn;
  }

  /** Where something is under way or waits. */
  keys(): IterableIterator<string> {
    return this.#last.keys();
  }
}
