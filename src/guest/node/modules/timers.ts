/** node:timers: timers as objects. None keeps a sandbox alive, so `ref` and `unref` change nothing. */

import { requireFunction } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import * as promises from './timers-promises.ts';

type Callback = (...args: unknown[]) => void;

class Timer {
  #id: number;
  #isReferenced = true;
  readonly #start: () => number;

  constructor(start: () => number) {
    this.#start = start;
    this.#id = start();
  }

  ref(): this {
    this.#isReferenced = true;
    return this;
  }

  unref(): this {
    this.#isReferenced = false;
    return this;
  }

  hasRef(): boolean {
    return this.#isReferenced;
  }

  /** Begins its delay again. */
  refresh(): this {
    web.clearTimeout(this.#id);
    this.#id = this.#start();
    return this;
  }

  close(): this {
    web.clearTimeout(this.#id);
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.#id;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export class Timeout extends Timer {}
export class Immediate extends Timer {}

export function setTimeout(callback: Callback, delayMs?: number, ...args: unknown[]): Timeout {
  requireFunction('callback', callback);
  return new Timeout(() => web.setTimeout(callback, delayMs, ...args));
}

export function setInterval(callback: Callback, delayMs?: number, ...args: unknown[]): Timeout {
  requireFunction('callback', callback);
  return new Timeout(() => web.setInterval(callback, delayMs, ...args));
}

export function setImmediate(callback: Callback, ...args: unknown[]): Immediate {
  requireFunction('callback', callback);
  return new Immediate(() => web.setTimeout(callback, 0, ...args));
}

/** Takes what any of the above returned, and a global timer's number. */
export function clearTimeout(timer: unknown): void {
  if (timer instanceof Timer) timer.close();
  else if (typeof timer === 'number' || typeof timer === 'string') web.clearTimeout(Number(timer));
}

export { clearTimeout as clearImmediate, clearTimeout as clearInterval, promises };

const all: object = {
  clearImmediate: clearTimeout,
  clearInterval: clearTimeout,
  clearTimeout,
  promises,
  setImmediate,
  setInterval,
  setTimeout,
};

export default all;
