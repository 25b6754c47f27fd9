/** Collector: the sink of a run whose outcome is wanted whole. What the far side sends has bounds here too. */

import { Fault } from '../core/faults.ts';
import type { Exchange, LogEntry, ResponseSink } from '../core/invocation.ts';
import type { Limits } from '../core/limits.ts';

/** Hears one of the two, once; nothing after cancel(). */
export interface Collecting {
  onResponse(status: number, headers: readonly string[], body: Uint8Array): void;
  onFault(fault: Fault): void;
}

export class Collector implements ResponseSink {
  /** In their order, up to the limit. */
  readonly logs: LogEntry[] = [];
  readonly #limits: Pick<Limits, 'responseBytes' | 'logBytes'>;
  readonly #owner: Collecting;
  #status = 200;
  #headers: readonly string[] = [];
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #logUnits = 0;
  #exchange: Exchange | null = null;
  #over = false;
  #cancelled = false;

  constructor(limits: Pick<Limits, 'responseBytes' | 'logBytes'>, owner: Collecting) {
    this.#limits = limits;
    this.#owner = owner;
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelled = true;
    this.#exchange?.cancel();
  }

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#cancelled) exchange.cancel();
  }

  complete(status: number, headers: readonly string[], body: Uint8Array): void {
    if (this.#over) return;
    if (body.length > this.#limits.responseBytes) return this.#tooLarge();
    this.#over = true;
    this.#owner.onResponse(status, headers, body);
  }

  head(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
    this.#chunks = [];
    this.#bytes = 0;
  }

  /** The far side keeps to the limits by itself, unless it was taken over. */
  data(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#limits.responseBytes) this.#chunks.push(chunk);
    else this.#tooLarge();
    return true;
  }

  end(): void {
    this.complete(this.#status, this.#headers, Buffer.concat(this.#chunks));
  }

  fail(fault: Fault): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.onFault(fault);
  }

  log(entry: LogEntry): void {
    if (this.#over) return;
    this.#logUnits += entry.message.length;
    if (this.#logUnits <= this.#limits.logBytes) this.logs.push(entry);
  }

  #tooLarge(): void {
    this.#chunks = [];
    this.#exchange?.cancel();
    this.fail(new Fault('RESPONSE_TOO_LARGE', `The result is larger than ${this.#limits.responseBytes} bytes`));
  }
}
