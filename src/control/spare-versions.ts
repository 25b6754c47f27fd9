/**
 * Spare versions: those that somebody asked for by number and that no route holds, for as long as there is room.
 *
 * Numbers come from URLs that anybody may write, so both what is there and what is not is remembered within bounds.
 */

import type { Assembled } from './assembler.ts';

interface Entry {
  readonly found: Promise<Assembled | null>;
  /** Null: not there yet. */
  assembled: Assembled | null;
  bytes: number;
}

export interface SpareBounds {
  readonly maxVersions: number;
  readonly maxBytes: number;
  /** Numbers that are known not to exist. */
  readonly maxAbsent: number;
}

const BOUNDS: SpareBounds = { maxVersions: 256, maxBytes: 64 * 1024 * 1024, maxAbsent: 1_024 };

export class SpareVersions {
  readonly #bounds: SpareBounds;
  readonly #dropped: (spare: Assembled) => void;
  /** By `tenant/name@number`, least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #absent = new Set<string>();
  #bytes = 0;

  /** `dropped` hears of each that leaves, unless it was taken. */
  constructor(dropped: (spare: Assembled) => void, bounds: SpareBounds = BOUNDS) {
    this.#dropped = dropped;
    this.#bounds = bounds;
  }

  /** Loads it once, however many ask. Null: there is none. */
  async get(functionKey: string, number: number, load: () => Promise<Assembled | null>): Promise<Assembled | null> {
    const key = `${functionKey}@${number}`;
    if (this.#absent.has(key)) return null;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.found;
    }
    const entry: Entry = { found: load(), assembled: null, bytes: 0 };
    this.#entries.set(key, entry);
    try {
      return this.#arrived(key, entry, await entry.found);
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  /** Those of one function that have arrived, by number; nothing is kept of it. They are the caller's now. */
  takeAll(functionKey: string): Map<number, Assembled> {
    const taken = new Map<number, Assembled>();
    const prefix = `${functionKey}@`;
    for (const key of this.#absent) if (key.startsWith(prefix)) this.#absent.delete(key);
    for (const [key, entry] of this.#entries) {
      if (!key.startsWith(prefix)) continue;
      this.#remove(key, entry);
      if (entry.assembled !== null) taken.set(entry.assembled.stored.number, entry.assembled);
    }
    return taken;
  }

  /** Those whose key begins so: of a tenant (`tenant/`), or all. */
  dropAll(prefix: string): void {
    for (const key of this.#absent) if (key.startsWith(prefix)) this.#absent.delete(key);
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) this.#drop(key, entry);
  }

  /** What was dropped meanwhile is given to who waits for it, and not kept. */
  #arrived(key: string, entry: Entry, assembled: Assembled | null): Assembled | null {
    if (this.#entries.get(key) !== entry) return assembled;
    if (assembled === null) {
      this.#entries.delete(key);
      this.#absent.add(key);
      if (this.#absent.size > this.#bounds.maxAbsent) this.#absent.delete(this.#absent.keys().next().value as string);
      return null;
    }
    entry.assembled = assembled;
    entry.bytes = sizeOf(assembled);
    this.#bytes += entry.bytes;
    this.#makeRoom(entry);
    return assembled;
  }

  #makeRoom(newest: Entry): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#bounds.maxVersions && this.#bytes <= this.#bounds.maxBytes) return;
      if (entry !== newest && entry.assembled !== null) this.#drop(key, entry);
    }
  }

  #drop(key: string, entry: Entry): void {
    this.#remove(key, entry);
    if (entry.assembled !== null) this.#dropped(entry.assembled);
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function sizeOf({ stored: { artifact } }: Assembled): number {
  return artifact.code.length + (artifact.cache?.length ?? 0);
}
