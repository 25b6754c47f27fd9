/**
 * Rejections: the promises of a turn that were rejected, and whom nobody has asked for their outcome.
 *
 * The engine tells only its host, which makes nothing of it. So every way in which lowered code can reject a promise tells
 * this book, and so does every reaction to a rejection that runs: what is left at the end of a turn is unhandled. Code
 * that was not lowered awaits without us, so there the book stays closed.
 */

import type { GuestCall } from './call.ts';

export interface Rejection {
  readonly promise: object;
  readonly reason: unknown;
  /** Null where it belongs to no invocation. */
  readonly call: GuestCall | null;
}

type Book = Map<object, Rejection>;
type Told = WeakMap<object, Rejection>;

/** Not those of primordials.ts, which is not evaluated yet: it takes what this makes of Promise. */
const { apply } = Reflect;
const { set: write, delete: strike, forEach } = Map.prototype as Book;
const sizeOf = Object.getOwnPropertyDescriptor(Map.prototype, 'size')?.get as (this: Book) => number;
const { set: remember, get: recall, delete: forget } = WeakMap.prototype as Told;

export class Rejections {
  #isOpen = false;
  #unhandled: Book = new Map();
  readonly #told: Told = new WeakMap();
  /** Who hears that a promise which was told of as unhandled has been handled after all. */
  onHandled: (rejection: Rejection) => void = () => undefined;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** From now on the code that runs is lowered. */
  open(): void {
    this.#isOpen = true;
  }

  get any(): boolean {
    return this.#isOpen && apply(sizeOf, this.#unhandled, []) > 0;
  }

  /** `promise` has just been rejected. */
  rejected(promise: object, reason: unknown, call: GuestCall | null): void {
    if (!this.#isOpen) return;
    apply(write, this.#unhandled, [promise, { promise, reason, call }]);
  }

  /** A reaction to its rejection runs. */
  handled(promise: object): void {
    if (!this.#isOpen) return;
    if (apply(strike, this.#unhandled, [promise])) return;
    const told = apply(recall, this.#told, [promise]);
    if (told === undefined) return;
    apply(forget, this.#told, [promise]);
    this.onHandled(told);
  }

  /** Those that are unhandled by now, in the order in which they were rejected. They are taken out. */
  take(each: (rejection: Rejection) => void): void {
    const taken = this.#unhandled;
    this.#unhandled = new Map();
    const tell = (rejection: Rejection): void => {
      apply(remember, this.#told, [rejection.promise, rejection]);
      each(rejection);
    };
    apply(forEach, taken, [tell]);
  }
}
