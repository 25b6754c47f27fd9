/**
 * Exits: the streams out of the sandbox. Each is a connection to the host's proxy, an ask of the invocation that opens
 * it, and closes with it.
 */

import type { AskStream } from './ask-stream.ts';
import type { NativeCall } from './call.ts';
import { currentCall } from './context.ts';

export class Exits {
  readonly #running: () => NativeCall | null;

  /** `running` tells on whose behalf code runs that belongs to no invocation, or to one that is over. */
  constructor(running: () => NativeCall | null) {
    this.#running = running;
  }

  /** For code that opens a connection now; null where no invocation runs. */
  open(): AskStream | null {
    return currentCall()?.stream('egress') ?? this.openForAny();
  }

  /** For what can't be told whose it is, such as a connection of another process. */
  openForAny(): AskStream | null {
    return this.#running()?.stream('egress') ?? null;
  }
}
