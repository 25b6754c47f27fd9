/**
 * Uncaught: what becomes of a rejection that nobody handled: an event for who listens, and a line in the log of its
 * invocation unless one of them prevents that.
 *
 * User code hears of it in a turn of its own, before what the turn of the rejection had to say leaves the isolate: so the
 * line still comes before the end of an invocation that ends with it.
 */

import type { WebControls } from '../web/index.ts';
import type { GuestCall } from './call.ts';
import { runAs } from './context.ts';
import { describeError } from './describe-error.ts';
import type { Rejection, Rejections } from './rejections.ts';

/** Listeners that reject again are told so often, and hold up their invocation no longer. */
const MAX_ROUNDS = 8;
/** What rejects outside of any invocation has no deadline that would end it. */
const MAX_STRAY_EVENTS = 100;

export interface UncaughtOutlet {
  readonly web: Pick<WebControls, 'rejected'>;
  /** Whether the host still listens to this call. */
  isHeard(call: GuestCall): boolean;
  log(level: 'error', message: string): void;
}

export class Uncaught {
  readonly #rejections: Rejections;
  readonly #outlet: UncaughtOutlet;
  #rounds = 0;
  #strayEvents = 0;

  constructor(rejections: Rejections, outlet: UncaughtOutlet) {
    this.#rejections = rejections;
    this.#outlet = outlet;
  }

  /** A turn is over. Returns true if {@link tell} is due in another, before anything leaves. */
  endTurn(): boolean {
    const isDue = this.#rejections.any && this.#rounds < MAX_ROUNDS;
    this.#rounds = isDue ? this.#rounds + 1 : 0;
    return isDue;
  }

  tell(): void {
    if (this.#rejections.any) this.#rejections.take((rejection) => this.#tellOf(rejection));
  }

  #tellOf({ promise, reason, call }: Rejection): void {
    runAs(call, () => {
      const isPrevented = this.#mayFire(call) && this.#outlet.web.rejected(promise, reason);
      if (!isPrevented) this.#outlet.log('error', `Uncaught (in promise) ${describe(reason)}`);
    });
  }

  #mayFire(call: GuestCall | null): boolean {
    return call === null ? this.#strayEvents++ < MAX_STRAY_EVENTS : this.#outlet.isHeard(call);
  }
}

export function describe(error: unknown): string {
  const { message, stack } = describeError(error);
  return stack ?? message;
}
