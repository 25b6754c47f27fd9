/**
 * Isolates that are ready: created, bootstrapped from the warm code cache, and exercised once, before any user code is
 * in them. A new sandbox takes one and costs only its own code.
 */

import ivm from 'isolated-vm';
import { ownBuffer } from './crossing.ts';

/** The bootstrap's port; see `guest/isolate/bootstrap.ts`. */
export type Port = ivm.Reference<(...args: unknown[]) => unknown>;

export interface ReadyIsolate {
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly port: Port;
  /** V8 gave up on this isolate; its thread never comes back. Set by whoever has taken it. */
  onCatastrophe: () => void;
}

export interface GuestSource {
  readonly code: string;
  readonly cache: Uint8Array;
}

/** The memory limit of a ready isolate is fixed, so only sandboxes of the default size can take one. */
const READY_MEMORY_MB = 128;

export class IsolatePool {
  readonly #source: GuestSource;
  readonly #cache: ivm.ExternalCopy<ArrayBuffer>;
  readonly #size: number;
  readonly #ready: ReadyIsolate[] = [];
  #filling = false;

  constructor(source: GuestSource, size: number) {
    this.#source = source;
    this.#size = size;
    this.#cache = new ivm.ExternalCopy(ownBuffer(source.cache));
  }

  /** A ready isolate at once, where there is one of that size; else a promise of a new one. */
  take(memoryMb: number): ReadyIsolate | Promise<ReadyIsolate> {
    const ready = memoryMb === READY_MEMORY_MB ? this.#ready.pop() : undefined;
    // The pool is filled again when the event loop is idle, not while the request that emptied it waits.
    setTimeout(() => void this.fill(), 5);
    return ready ?? this.#create(memoryMb);
  }

  async fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      while (this.#ready.length < this.#size) this.#ready.push(await this.#create(READY_MEMORY_MB));
    } finally {
      this.#filling = false;
    }
  }

  async #create(memoryMb: number): Promise<ReadyIsolate> {
    const isolate = new ivm.Isolate({ memoryLimit: memoryMb, onCatastrophicError: () => ready.onCatastrophe() });
    const context = await isolate.createContext();
    const script = await isolate.compileScript(this.#source.code, {
      filename: 'cordon:guest',
      cachedData: this.#cache,
    });
    const port = (await script.run(context, { reference: true })) as unknown as Port;
    const ready: ReadyIsolate = { isolate, context, port, onCatastrophe: () => undefined };
    return ready;
  }
}
