/**
 * Isolates that are ready: created and bootstrapped from a code cache, before any user code is in them. A new sandbox
 * takes one and costs only its own code.
 */

import ivm from 'isolated-vm';
import type { CodeCache } from './code-cache.ts';
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
  readonly caches: Readonly<Record<CodeCache, Uint8Array>>;
}

interface CompileOptions {
  readonly filename: string;
  readonly cachedData: ivm.ExternalCopy<ArrayBuffer>;
}

/** The memory limit of a ready isolate is fixed, so only sandboxes of the default size can take one. */
const READY_MEMORY_MB = 128;
/** The request that took one is served first. */
const REFILL_MS = 2;

export class IsolatePool {
  readonly #code: string;
  readonly #options: Readonly<Record<CodeCache, CompileOptions>>;
  readonly #ready: Record<CodeCache, ReadyIsolate[]> = { lean: [], full: [] };
  /** What is to be made: in the place of one that was taken, one of the kind that was wanted. */
  readonly #missing: CodeCache[] = ['lean', 'full'];
  #filling = false;

  constructor({ code, caches }: GuestSource) {
    this.#code = code;
    this.#options = { lean: optionsOf(caches.lean), full: optionsOf(caches.full) };
  }

  /** A ready isolate of that size, where there is one; else a new one, made on this thread: somebody waits for it. */
  take(memoryMb: number, cache: CodeCache): ReadyIsolate {
    const ready =
      memoryMb === READY_MEMORY_MB ? (this.#ready[cache].pop() ?? this.#ready[other(cache)].pop()) : undefined;
    if (ready !== undefined) this.#missing.push(cache);
    setTimeout(() => void this.fill(), REFILL_MS);
    return ready ?? this.#create(memoryMb, cache);
  }

  /** Makes what is missing on other threads: nobody waits. */
  async fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      for (let cache = this.#missing[0]; cache !== undefined; cache = this.#missing[0]) {
        this.#ready[cache].push(await this.#prepare(cache));
        this.#missing.shift();
      }
    } finally {
      this.#filling = false;
    }
  }

  #create(memoryMb: number, cache: CodeCache): ReadyIsolate {
    const [isolate, onCatastrophe] = newIsolate(memoryMb);
    const context = isolate.createContextSync();
    const script = isolate.compileScriptSync(this.#code, this.#options[cache]);
    const port = script.runSync(context, { reference: true });
    return { isolate, context, port, onCatastrophe };
  }

  async #prepare(cache: CodeCache): Promise<ReadyIsolate> {
    const [isolate, onCatastrophe] = newIsolate(READY_MEMORY_MB);
    const context = await isolate.createContext();
    const script = await isolate.compileScript(this.#code, this.#options[cache]);
    const port = await script.run(context, { reference: true });
    return { isolate, context, port: port as unknown as Port, onCatastrophe };
  }
}

const other = (cache: CodeCache): CodeCache => (cache === 'lean' ? 'full' : 'lean');

const optionsOf = (cache: Uint8Array): CompileOptions => ({
  filename: 'cordon:guest',
  cachedData: new ivm.ExternalCopy(ownBuffer(cache)),
});

function newIsolate(memoryMb: number): [ivm.Isolate, { current: () => void }] {
  const onCatastrophe = { current: () => undefined };
  return [
    new ivm.Isolate({ memoryLimit: memoryMb, onCatastrophicError: () => onCatastrophe.current() }),
    onCatastrophe,
  ];
}
