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
  readonly onCatastrophe: { current: () => void };
}

export interface GuestSource {
  readonly code: string;
  readonly cache: Uint8Array;
}

/** The memory limit of a ready isolate is fixed, so only sandboxes of the default size can take one. */
const READY_MEMORY_MB = 128;
/** The request that took one is served first. */
const REFILL_MS = 2;

export class IsolatePool {
  readonly #source: GuestSource;
  readonly #options: { readonly filename: string; readonly cachedData: ivm.ExternalCopy<ArrayBuffer> };
  readonly #size: number;
  readonly #ready: ReadyIsolate[] = [];
  #filling = false;

  constructor(source: GuestSource, size: number) {
    this.#source = source;
    this.#size = size;
    this.#options = { filename: 'cordon:guest', cachedData: new ivm.ExternalCopy(ownBuffer(source.cache)) };
  }

  /** A ready isolate of that size, where there is one; else a new one, made on this thread: somebody waits for it. */
  take(memoryMb: number): ReadyIsolate {
    const ready = memoryMb === READY_MEMORY_MB ? this.#ready.pop() : undefined;
    setTimeout(() => void this.fill(), REFILL_MS);
    return ready ?? this.#create(memoryMb);
  }

  /** Makes what is missing on other threads: nobody waits. */
  async fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      while (this.#ready.length < this.#size) this.#ready.push(await this.#prepare());
    } finally {
      this.#filling = false;
    }
  }

  #create(memoryMb: number): ReadyIsolate {
    const [isolate, onCatastrophe] = newIsolate(memoryMb);
    const context = isolate.createContextSync();
    const port = isolate.compileScriptSync(this.#source.code, this.#options).runSync(context, { reference: true });
    return { isolate, context, port: port, onCatastrophe };
  }

  async #prepare(): Promise<ReadyIsolate> {
    const [isolate, onCatastrophe] = newIsolate(READY_MEMORY_MB);
    const context = await isolate.createContext();
    const script = await isolate.compileScript(this.#source.code, this.#options);
    const port = await script.run(context, { reference: true });
    return { isolate, context, port: port as unknown as Port, onCatastrophe };
  }
}

function newIsolate(memoryMb: number): [ivm.Isolate, { current: () => void }] {
  const onCatastrophe = { current: () => undefined };
  return [
    new ivm.Isolate({ memoryLimit: memoryMb, onCatastrophicError: () => onCatastrophe.current() }),
    onCatastrophe,
  ];
}
