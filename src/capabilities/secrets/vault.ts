/**
 * Vault: writes variables and reads them back, secrets sealed.
 *
 * Envelope encryption: a data key seals a secret for its own tenant, function, name and hosts, and the master key wraps
 * the data key. A row that was copied to another name or tenant, or given other hosts, does not open. Keys rotate while
 * everything goes on: at each moment every row is sealed by a key that is there.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../core/faults.ts';
import type { StoredKey, StoredVariable, VariableRecord, VariableStore } from '../../core/variable.ts';
import { DataKeys, newestFirst } from './data-keys.ts';
import type { DataKey } from './data-keys.ts';
import type { KeyWrapper } from './master-key.ts';
import { SealError, seal, unseal } from './seal.ts';
import type { SealContext } from './seal.ts';

export interface VaultOptions {
  readonly store: VariableStore;
  readonly master: KeyWrapper;
  /** Of earlier starts: what they wrapped is wrapped by `master` when the vault opens. */
  readonly previous?: readonly KeyWrapper[];
  /** How long a rotation leaves other nodes to notice that a key is retired before it is removed; 1,000 ms by default. */
  readonly graceMs?: number;
}

export interface Draft extends VariableRecord {
  /** In the clear. */
  readonly text: string;
}

export interface Rotation {
  /** The key that seals from now on. */
  readonly keyId: string;
  /** Secrets that were sealed anew. */
  readonly resealed: number;
  /** Keys that are gone. */
  readonly removedKeys: number;
  /** `tenant/function/name` of what no key opens; its keys stay. */
  readonly unreadable: readonly string[];
}

const LOT = 100;
const GRACE_MS = 1_000;
/** How often a write or a lot may meet one of another node before that is an error. */
const MAX_ATTEMPTS = 20;

/** Rejects with a {@link StartError} where the master key is not the one of the database. */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const keys = new DataKeys(options.store, options.master, options.previous ?? []);
  await keys.rewrap();
  return new Vault(options.store, keys, options.graceMs ?? GRACE_MS);
}

export class Vault {
  readonly #store: VariableStore;
  readonly #keys: DataKeys;
  readonly #graceMs: number;
  #rotating: Promise<Rotation> | null = null;

  constructor(store: VariableStore, keys: DataKeys, graceMs: number) {
    this.#store = store;
    this.#keys = keys;
    this.#graceMs = graceMs;
  }

  async put(drafts: readonly Draft[]): Promise<void> {
    if (!drafts.some(({ isSecret }) => isSecret)) return this.#store.put(drafts.map(plainOf));
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const key = await this.#keys.current();
      await this.#store.put(drafts.map((draft) => (draft.isSecret ? sealedOf(draft, key) : plainOf(draft))));
      // A rotation that ended in between has not seen these rows: its key is about to go, or gone.
      if (await this.#keys.isCurrent(key.id)) return;
    }
    throw new Error('the data key changed again and again while secrets were written');
  }

  /** The value. Rejects with INTERNAL where no key opens it. */
  async open(row: StoredVariable): Promise<string> {
    try {
      return await this.#open(row);
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      throw new Fault('INTERNAL', `The secret ${placeOf(row)} can't be opened: ${error.message}. Set it again`);
    }
  }

  /** A new data key; everything is sealed anew, and the keys before it are removed. A second call joins the first. */
  rotate(): Promise<Rotation> {
    this.#rotating ??= this.#rotate().finally(() => {
      this.#rotating = null;
    });
    return this.#rotating;
  }

  async #rotate(): Promise<Rotation> {
    const { id: keyId } = await this.#keys.make();
    const keys = [...(await this.#keys.load())].sort(newestFirst);
    // A newer one is of a rotation on another node, which retires this one.
    const old = keys.slice(keys.findIndex(({ id }) => id === keyId) + 1);
    for (const key of old) await this.#keys.retire(key);
    const unreadable = new Set<string>();
    let resealed = await this.#resealAll(old, unreadable);
    await delay(this.#graceMs);
    resealed += await this.#resealAll(old, unreadable);
    const emptied = await this.#withoutRows(old);
    for (const { id } of emptied) await this.#keys.remove(id);
    return { keyId, resealed, removedKeys: emptied.length, unreadable: [...unreadable].sort() };
  }

  async #resealAll(keys: readonly StoredKey[], unreadable: Set<string>): Promise<number> {
    let resealed = 0;
    for (const { id } of keys) resealed += await this.#resealFrom(id, unreadable);
    return resealed;
  }

  async #resealFrom(keyId: string, unreadable: Set<string>): Promise<number> {
    let resealed = 0;
    for (let idle = 0; idle < MAX_ATTEMPTS;) {
      const rows = await this.#store.sealedBy(keyId, LOT + unreadable.size);
      const left = rows.filter((row) => !unreadable.has(placeOf(row)));
      if (left.length === 0) return resealed;
      const done = await this.#resealLot(left, unreadable);
      resealed += done;
      idle = done === 0 ? idle + 1 : 0;
    }
    throw new Error(`rows that are sealed by the data key ${keyId} change faster than they can be sealed anew`);
  }

  async #resealLot(rows: readonly StoredVariable[], unreadable: Set<string>): Promise<number> {
    const key = await this.#keys.current();
    const pairs: { before: StoredVariable; after: StoredVariable }[] = [];
    for (const before of rows) {
      try {
        const text = await this.#open(before);
        pairs.push({ before, after: sealedOf({ ...before, text }, key) });
      } catch (error) {
        if (!(error instanceof SealError)) throw error;
        unreadable.add(placeOf(before));
      }
    }
    return pairs.length === 0 ? 0 : this.#store.reseal(pairs);
  }

  async #withoutRows(keys: readonly StoredKey[]): Promise<StoredKey[]> {
    const found = await Promise.all(keys.map(async (key) => (await this.#store.sealedBy(key.id, 1)).length));
    return keys.filter((_, index) => found[index] === 0);
  }

  async #open(row: StoredVariable): Promise<string> {
    if (row.keyId === null) return Buffer.from(row.value).toString('utf8');
    const key = await this.#keys.find(row.keyId);
    if (key === null) throw new SealError(`its data key ${row.keyId} is not there`);
    return unseal(key, contextOf(row, row.keyId), row.value).toString('utf8');
  }
}

function plainOf({ text, ...record }: Draft): StoredVariable {
  return { ...record, keyId: null, value: Buffer.from(text) };
}

function sealedOf({ text, ...record }: Draft, { id, bytes }: DataKey): StoredVariable {
  return { ...record, keyId: id, value: seal(bytes, contextOf(record, id), Buffer.from(text)) };
}

/** The hosts too: whoever can write to the database must not be able to send a secret elsewhere. */
function contextOf({ tenant, functionName, name, hosts }: VariableRecord, keyId: string): SealContext {
  return ['variable', tenant, functionName, name, hosts, keyId];
}

const placeOf = ({ tenant, functionName, name }: VariableRecord): string =>
  functionName === null ? `${tenant}/${name}` : `${tenant}/${functionName}/${name}`;
