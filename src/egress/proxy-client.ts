/**
 * Proxy client: one connection of a sandbox to the proxy. It says on whose behalf it is, and ends one that takes too long
 * to say what it wants.
 */

import type { Duplex } from 'node:stream';
import type { CapabilityCaller } from '../core/capability.ts';

/** On whose behalf the sandbox at the other end runs now; null while it runs nothing, and then nothing may leave. */
export type CurrentCaller = () => CapabilityCaller | null;

export class ProxyClient {
  readonly caller: CurrentCaller;
  readonly #headMs: number;
  readonly #onSilent: () => void;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;
  /** Requests whose heads have come and that are not answered yet. */
  #unanswered = 0;

  /** `onSilent` is called where no head has come for so long, while none is being answered. */
  constructor(socket: Duplex, caller: CurrentCaller, headMs: number, onSilent: () => void) {
    this.caller = caller;
    this.#headMs = headMs;
    this.#onSilent = onSilent;
    socket.once('close', () => {
      this.#isOver = true;
      this.#stopWaiting();
    });
    this.#wait();
  }

  /** A head has come. */
  onHead(): void {
    this.#unanswered++;
    this.#stopWaiting();
  }

  /** The answer to one has gone; never, for a tunnel. */
  onAnswered(): void {
    if (--this.#unanswered === 0) this.#wait();
  }

  #wait(): void {
    if (!this.#isOver) this.#timer = setTimeout(this.#onSilent, this.#headMs).unref();
  }

  #stopWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
