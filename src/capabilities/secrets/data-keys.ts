/**
 * Data keys: what secrets are sealed by. They lie in the database, each wrapped by the master key, so that a change of the
 * master key touches these few and no secret.
 */

import { randomBytes } from 'node:crypto';
import { StartError } from '../../core/start-error.ts';
import type { StoredKey, VariableStore } from '../../core/variable.ts';
import { KEY_BYTES } from '../../lib/key-bytes.ts';
import type { KeyWrapper } from './master-key.ts';
import { keyIdOf } from './seal.ts';

export type KeyStore = Pick<VariableStore, 'keys' | 'putKey' | 'removeKey'>;

export interface DataKey {
  readonly id: string;
  readonly bytes: Buffer;
}

export class DataKeys {
  readonly #store: KeyStore;
  readonly #master: KeyWrapper;
  readonly #previous: readonly KeyWrapper[];
  /** Unwrapped; those that were removed stay, for rows that were read before. */
  readonly #opened = new Map<string, Buffer>();

  constructor(store: KeyStore, master: KeyWrapper, previous: readonly KeyWrapper[]) {
    this.#store = store;
    this.#master = master;
    this.#previous = previous;
  }

  /** The ids of the keys that are there. Rejects with a {@link StartError} where one of them does not unwrap. */
  async load(): Promise<readonly StoredKey[]> {
    const keys = await this.#store.keys();
    await Promise.all(keys.map((key) => this.#unwrap(key)));
    return keys;
  }

  /** Wraps by the master key what one before it has wrapped; how many those were. */
  async rewrap(): Promise<number> {
    const old = (await this.load()).filter((key) => key.masterKeyId !== this.#master.id);
    for (const key of old) await this.#keep(this.#opened.get(key.id) as Buffer, key.createdMs, key.retiredMs);
    return old.length;
  }

  /** Null where the database has no such key. */
  async find(id: string): Promise<Buffer | null> {
    const opened = this.#opened.get(id);
    if (opened !== undefined) return opened;
    // Another node may have made it.
    await this.load();
    return this.#opened.get(id) ?? null;
  }

  /** The key that seals now: the newest that is not retired, made where there is none. */
  async current(): Promise<DataKey> {
    const newest = (await this.load()).filter(({ retiredMs }) => retiredMs === null).sort(newestFirst)[0];
    return newest === undefined ? this.make() : { id: newest.id, bytes: this.#opened.get(newest.id) as Buffer };
  }

  /** A key that becomes the current one. */
  async make(): Promise<DataKey> {
    const newestMs = Math.max(0, ...(await this.#store.keys()).map(({ createdMs }) => createdMs));
    const bytes = randomBytes(KEY_BYTES);
    // Later than all others, also where the clock of another node is ahead.
    const { id } = await this.#keep(bytes, Math.max(Date.now(), newestMs + 1), null);
    return { id, bytes };
  }

  /** Whether it is there and seals. */
  async isCurrent(id: string): Promise<boolean> {
    return (await this.#store.keys()).some((key) => key.id === id && key.retiredMs === null);
  }

  async retire(key: StoredKey): Promise<void> {
    await this.#store.putKey({ ...key, retiredMs: key.retiredMs ?? Date.now() });
  }

  async remove(id: string): Promise<void> {
    await this.#store.removeKey(id);
  }

  async #keep(bytes: Buffer, createdMs: number, retiredMs: number | null): Promise<StoredKey> {
    const id = idOf(bytes);
    const sealed = await this.#master.wrap(bytes);
    const key: StoredKey = { id, masterKeyId: this.#master.id, sealed, createdMs, retiredMs };
    await this.#store.putKey(key);
    this.#opened.set(id, bytes);
    return key;
  }

  async #unwrap({ id, masterKeyId, sealed }: StoredKey): Promise<void> {
    if (this.#opened.has(id)) return;
    const wrapper = [this.#master, ...this.#previous].find((candidate) => candidate.id === masterKeyId);
    if (wrapper === undefined) throw wrongMasterKey(masterKeyId, this.#master.id);
    let bytes: Buffer;
    try {
      bytes = await wrapper.unwrap(sealed);
    } catch (error) {
      throw new StartError(
        `The data key ${id} can't be opened by the master key ${masterKeyId}: ${(error as Error).message}`,
      );
    }
    // The id is a hash of the key, so that neither a row nor a key service can pass one key off as another.
    if (idOf(bytes) !== id) throw new StartError(`The data key ${id} is not the key that it is said to be`);
    this.#opened.set(id, bytes);
  }
}

const idOf = (bytes: Uint8Array): string => keyIdOf('data key', bytes);

export const newestFirst: (a: StoredKey, b: StoredKey) => number = (a: StoredKey, b: StoredKey): number =>
  b.createdMs - a.createdMs || (a.id < b.id ? 1 : -1);

function wrongMasterKey(expected: string, found: string): StartError {
  return new StartError(
    `The secrets in the database are sealed by the master key ${expected}, but this is the master key ${found}: ` +
      'give the former by CORDON_MASTER_KEY or CORDON_MASTER_KEY_FILE or, to change to the latter, by CORDON_PREVIOUS_MASTER_KEY_FILE',
  );
}
