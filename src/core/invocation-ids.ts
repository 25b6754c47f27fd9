/** Invocation ids: unique over restarts, unguessable as a set, and cheap: a random prefix and a count. */

import { randomBytes } from 'node:crypto';

export class InvocationIds {
  readonly #prefix: string = randomBytes(8).toString('hex');
  #count = 0;

  next(): string {
    return `${this.#prefix}-${(++this.#count).toString(36)}`;
  }
}
