/** LentAsk: an ask on behalf of a call that did not come by the call's own connection. The call's limits and end are its own. */

import type {
  Capabilities,
  CapabilityCall,
  CapabilityCaller,
  CapabilityExchange,
  CapabilityRefusal,
  CapabilitySink,
} from '../core/capability.ts';

/** What an ask tells the call that it is one of. */
export interface AskOwner {
  over(): void;
  /** So many bytes of a body are about to pass; not null: they may not. */
  moved(bytes: number): CapabilityRefusal | null;
}

const CANCELLED: CapabilityRefusal = { code: 'CANCELLED', message: 'the invocation is over' };
const FAILED: CapabilityRefusal = { code: 'INTERNAL', message: 'the host failed to begin it' };

export class LentAsk implements CapabilitySink, CapabilityExchange {
  readonly #owner: AskOwner;
  /** Null once it has heard its last word. */
  #sink: CapabilitySink | null;
  #exchange: CapabilityExchange | null = null;

  constructor(sink: CapabilitySink, owner: AskOwner) {
    this.#sink = sink;
    this.#owner = owner;
  }

  start(capabilities: Capabilities, caller: CapabilityCaller, call: CapabilityCall): void {
    try {
      this.#exchange = capabilities.start(caller, call, this);
    } catch {
      this.refuseLater(FAILED);
    }
  }

  /** Whoever began it has to have it in hand first. */
  refuseLater(refusal: CapabilityRefusal): void {
    queueMicrotask(() => this.fail(refusal));
  }

  head(meta: unknown): void {
    this.#sink?.head(meta);
  }

  data(chunk: Uint8Array): boolean {
    if (this.#sink === null) return true;
    const refusal = this.#owner.moved(chunk.length);
    if (refusal === null) return this.#sink.data(chunk);
    this.#stop(refusal);
    return true;
  }

  end(): void {
    this.#finish()?.end();
  }

  fail(refusal: CapabilityRefusal): void {
    this.#finish()?.fail(refusal);
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#sink === null) return true;
    const refusal = this.#owner.moved(chunk.length);
    if (refusal === null) return this.#exchange?.write(chunk, onDrain) ?? true;
    this.#stop(refusal);
    return true;
  }

  endBody(): void {
    if (this.#sink !== null) this.#exchange?.endBody();
  }

  resume(): void {
    if (this.#sink !== null) this.#exchange?.resume();
  }

  /** The invocation is over, or whoever asked has left. */
  cancel(): void {
    this.#stop(CANCELLED);
  }

  #stop(refusal: CapabilityRefusal): void {
    const sink = this.#finish();
    if (sink === null) return;
    try {
      this.#exchange?.cancel();
    } catch {
      // One that fails must not keep the others from being cancelled.
    }
    sink.fail(refusal);
  }

  #finish(): CapabilitySink | null {
    const sink = this.#sink;
    this.#sink = null;
    if (sink !== null) this.#owner.over();
    return sink;
  }
}
