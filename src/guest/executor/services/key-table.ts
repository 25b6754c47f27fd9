/**
 * KeyTable: the keys of one sandbox. The isolate has a number for each, and a sealed copy that nobody but this table can
 * open; so a key that has not been used for long is dropped here, and comes back with its next use.
 */

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  KeyObject,
  randomBytes,
  type webcrypto,
} from 'node:crypto';
import type { KeyReference } from './service-request.ts';

type CryptoKey = webcrypto.CryptoKey;

/** What the isolate is told of a key; the algorithm is JSON. */
export type KeyRecord = readonly [
  id: number,
  type: string,
  extractable: boolean,
  algorithm: string,
  usages: string,
  sealed: number,
];

interface Sealed {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: object;
  readonly usages: webcrypto.KeyUsage[];
  /** In base64: a secret, or DER. */
  readonly material: string;
}

const MAX_KEYS = 256;
const MAX_MATERIAL_BYTES = 64 * 1024;
/** A private operation takes the cube of it. */
const MAX_MODULUS_BITS = 8192;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class KeyTable {
  /** The one that was used last is the last. */
  readonly #keys = new Map<number, CryptoKey>();
  readonly #secret = randomBytes(32);
  #last = 0;

  /** Pushes its sealed copy to `buffers`. Throws a DOMException for a key that is too large to be used here. */
  add(key: CryptoKey, buffers: Uint8Array[]): KeyRecord {
    requireModulus(key);
    const id = ++this.#last;
    const sealed = this.#seal(key);
    this.#keep(id, key);
    const { type, extractable, algorithm, usages } = key;
    return [id, type, extractable, algorithmJson(algorithm), usages.join(','), buffers.push(sealed) - 1];
  }

  /** Throws a DOMException where it is none of this sandbox's keys. */
  find({ id, sealed }: KeyReference): CryptoKey {
    const key = this.#keys.get(id);
    if (key === undefined) return this.#keep(id, this.#open(sealed));
    this.#keys.delete(id);
    this.#keys.set(id, key);
    return key;
  }

  clear(): void {
    this.#keys.clear();
    this.#secret.fill(0);
  }

  #keep(id: number, key: CryptoKey): CryptoKey {
    this.#keys.set(id, key);
    if (this.#keys.size > MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value as number);
    return key;
  }

  #seal(key: CryptoKey): Uint8Array {
    const material = materialOf(key);
    if (material.length > MAX_MATERIAL_BYTES)
      throw new DOMException(`A key may have ${MAX_MATERIAL_BYTES} bytes, not ${material.length}`, 'NotSupportedError');
    const { type, extractable, algorithm, usages } = key;
    const sealed: Sealed = {
      type,
      extractable,
      algorithm: JSON.parse(algorithmJson(algorithm)) as object,
      usages,
      material: material.toString('base64'),
    };
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#secret, nonce);
    const text = cipher.update(JSON.stringify(sealed), 'utf8');
    return Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()]);
  }

  #open(bytes: Uint8Array): CryptoKey {
    if (bytes.length <= NONCE_BYTES + TAG_BYTES) throw foreignKey();
    const decipher = createDecipheriv('aes-256-gcm', this.#secret, bytes.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    let text: string;
    try {
      text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw foreignKey();
    }
    const { algorithm, extractable, usages, ...sealed } = JSON.parse(text) as Sealed;
    return keyObjectOf(sealed).toCryptoKey(algorithm as never, extractable, usages);
  }
}

const foreignKey = (): DOMException => new DOMException('The key is none of this sandbox', 'InvalidAccessError');

function requireModulus(key: CryptoKey): void {
  const { modulusLength = 0 } = key.algorithm as { readonly modulusLength?: number };
  if (modulusLength > MAX_MODULUS_BITS)
    throw new DOMException(`An RSA key may have ${MAX_MODULUS_BITS} bits, not ${modulusLength}`, 'NotSupportedError');
}

function algorithmJson(algorithm: object): string {
  return JSON.stringify(algorithm, (_name, value: unknown) => (value instanceof Uint8Array ? [...value] : value));
}

function materialOf(key: CryptoKey): Buffer {
  const object = keyObjectFrom(key);
  if (object.type === 'secret') return object.export();
  return object.export({ format: 'der', type: object.type === 'public' ? 'spki' : 'pkcs8' });
}

/** Node warns that what can't be exported is given out here; it goes no further than the seal. */
function keyObjectFrom(key: CryptoKey): KeyObject {
  const { noDeprecation } = process;
  process.noDeprecation = true;
  try {
    return KeyObject.from(key);
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
}

function keyObjectOf({ type, material }: Pick<Sealed, 'type' | 'material'>): KeyObject {
  const key = Buffer.from(material, 'base64');
  if (type === 'secret') return createSecretKey(key);
  if (type === 'public') return createPublicKey({ key, format: 'der', type: 'spki' });
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}
