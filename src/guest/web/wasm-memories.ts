/** WasmMemories: the memories of WebAssembly that are alive, and what they hold. */

import { arrayBufferLength, getOwnPropertyDescriptor, isObject, push, uncurry } from './primordials.ts';

const deref = uncurry(WeakRef.prototype.deref as (this: WeakRef<object>) => object | undefined);
const has = uncurry(WeakSet.prototype.has);
const addTo = uncurry(WeakSet.prototype.add as (this: WeakSet<object>, value: object) => unknown);
const NativeWeakRef = WeakRef;

interface Entry {
  readonly owner: WeakRef<object>;
  /** Null where the owner is a memory, which can be asked. */
  readonly fixedBytes: number | null;
}

export class WasmMemories {
  readonly #bufferOf: (memory: object) => ArrayBuffer;
  readonly #known: WeakSet<object> = new WeakSet();
  #entries: Entry[] = [];

  /** `prototype` is the engine's, of memories. */
  constructor(prototype: object) {
    const getter = getOwnPropertyDescriptor(prototype, 'buffer')?.get;
    this.#bufferOf = uncurry(getter as (this: object) => ArrayBuffer);
  }

  /** Returns whether it is a memory, and new. */
  add(value: unknown): boolean {
    if (!isObject(value) || !this.#isMemory(value) || has(this.#known, value)) return false;
    const memory = value;
    addTo(this.#known, memory);
    push(this.#entries, { owner: new NativeWeakRef(memory), fixedBytes: null });
    return true;
  }

  addFixed(owner: object, fixedBytes: number): void {
    push(this.#entries, { owner: new NativeWeakRef(owner), fixedBytes });
  }

  /** Forgets those that are gone. */
  heldBytes(): number {
    const alive: Entry[] = [];
    let bytes = 0;
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry;
      const owner = deref(entry.owner);
      if (owner === undefined) continue;
      push(alive, entry);
      bytes += entry.fixedBytes ?? arrayBufferLength(this.#bufferOf(owner));
    }
    this.#entries = alive;
    return bytes;
  }

  #isMemory(value: object): boolean {
    try {
      this.#bufferOf(value);
      return true;
    } catch {
      return false;
    }
  }
}
