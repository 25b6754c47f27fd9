/** CryptoKey: the isolate's name for a key. The key itself is its executor's; what it keeps of it here is sealed. */

import { defineInterface, illegalConstructor } from './interface.ts';
import { definePlatformKind } from './platform-objects.ts';
import { isArray, isObject, keysOf, parse, put, split, Uint8Array } from './primordials.ts';

/** As the executor describes it; the algorithm is JSON, the usages are joined by commas. */
export type KeyRecord = readonly [
  id: number,
  type: string,
  extractable: boolean,
  algorithm: string,
  usages: string,
  sealed: number,
];

const MAKE: object = {};

export class CryptoKey {
  readonly #record: KeyRecord;
  readonly #sealed: Uint8Array;
  #algorithm: unknown = null;
  #usages: string[] | null = null;

  constructor(token: unknown = undefined, record: unknown = undefined, sealed: unknown = undefined) {
    if (token !== MAKE) throw illegalConstructor();
    this.#record = record as KeyRecord;
    this.#sealed = sealed as Uint8Array;
  }

  get type(): string {
    return this.#record[1];
  }

  get extractable(): boolean {
    return this.#record[2];
  }

  get algorithm(): unknown {
    return (this.#algorithm ??= algorithmOf(this.#record[3]));
  }

  get usages(): unknown {
    if (this.#usages !== null) return this.#usages;
    const names = this.#record[4];
    return (this.#usages = names === '' ? [] : split(names, ','));
  }

  static isA(value: unknown): value is CryptoKey {
    return isObject(value) && #record in value;
  }

  static idOf(key: CryptoKey): number {
    return key.#record[0];
  }

  static sealedOf(key: CryptoKey): Uint8Array {
    return key.#sealed;
  }

  static copyOf(key: CryptoKey): CryptoKey {
    return new CryptoKey(MAKE, key.#record, key.#sealed);
  }
}

export const isCryptoKey: (value: unknown) => value is CryptoKey = CryptoKey.isA;
export const idOf: (key: CryptoKey) => number = CryptoKey.idOf;
export const sealedOf: (key: CryptoKey) => Uint8Array = CryptoKey.sealedOf;
const { copyOf } = CryptoKey;
for (const name of ['isA', 'idOf', 'sealedOf', 'copyOf'])
  delete (CryptoKey as unknown as Record<string, unknown>)[name];

export const makeKey = (record: KeyRecord, sealed: Uint8Array): CryptoKey => new CryptoKey(MAKE, record, sealed);

/** The exponent is the one list that an algorithm has. */
function algorithmOf(json: string): unknown {
  const algorithm = parse(json) as Record<string, unknown>;
  const names = keysOf(algorithm);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = algorithm[name];
    if (isArray(value)) put(algorithm, name, new Uint8Array(value as number[]));
  }
  return algorithm;
}

defineInterface(CryptoKey, 'CryptoKey');
definePlatformKind({ isA: isCryptoKey, clone: copyOf as (key: object) => object });
