/** performance: a clock as coarse as the host makes it. */

import { host } from './engine.ts';
import { EventTarget } from './events.ts';
import { now } from './primordials.ts';

class Performance extends EventTarget {
  readonly #origin: number = now() - host.nowMs();

  now(): number {
    return host.nowMs();
  }

  get timeOrigin(): number {
    return this.#origin;
  }

  toJSON(): { timeOrigin: number } {
    return { timeOrigin: this.#origin };
  }

  override get [Symbol.toStringTag](): string {
    return 'Performance';
  }
}

export const performance: Performance = new Performance();
export { Performance };
