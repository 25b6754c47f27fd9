/** Invocations: how many outbound requests each has sent, and how many of them are under way. */

import type { Call } from '../core/invocation.ts';
import { EgressFailure } from './failure.ts';

export interface InvocationLimits {
  /** At once. */
  readonly requests: number;
  /** In all, each redirect being one. */
  readonly subrequests: number;
}

interface Counts {
  underWay: number;
  total: number;
}

export class Invocations {
  readonly #limits: InvocationLimits;
  /** Forgotten with the call. */
  readonly #counts = new WeakMap<Call, Counts>();

  constructor(limits: InvocationLimits) {
    this.#limits = limits;
  }

  /** Throws TOO_MANY_REQUESTS. Whoever ends it calls {@link leave}. */
  enter(call: Call): void {
    const counts = this.#of(call);
    if (counts.underWay >= this.#limits.requests)
      throw tooMany(`more than ${this.#limits.requests} outbound requests of one invocation at once`);
    counts.underWay++;
  }

  leave(call: Call): void {
    this.#of(call).underWay--;
  }

  /** Throws TOO_MANY_REQUESTS. */
  countHop(call: Call): void {
    const counts = this.#of(call);
    if (counts.total >= this.#limits.subrequests)
      throw tooMany(`more than ${this.#limits.subrequests} outbound requests in one invocation`);
    counts.total++;
  }

  #of(call: Call): Counts {
    const known = this.#counts.get(call);
    if (known !== undefined) return known;
    const made = { underWay: 0, total: 0 };
    this.#counts.set(call, made);
    return made;
  }
}

const tooMany = (message: string): EgressFailure => new EgressFailure('TOO_MANY_REQUESTS', message);
