/** CloseEvent: how a WebSocket ended. */

import { dictionaryOf, Event } from './event.ts';
import { defineInterface, requireArguments } from './interface.ts';
import { domString, toNumber, toWellFormed } from './primordials.ts';

export class CloseEvent extends Event {
  readonly #wasClean: boolean;
  readonly #code: number;
  readonly #reason: string;

  constructor(type: unknown, init: Record<string, unknown> | null | undefined = undefined) {
    requireArguments(arguments.length, 1, 'new CloseEvent()');
    super(type, init);
    const { code, reason, wasClean } = dictionaryOf<Record<string, unknown>>(init);
    this.#code = code === undefined ? 0 : toNumber(code) & 0xffff;
    this.#reason = reason === undefined ? '' : toWellFormed(domString(reason));
    this.#wasClean = Boolean(wasClean);
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }
}

defineInterface(CloseEvent, 'CloseEvent');
