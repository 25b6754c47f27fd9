/**
 * Algorithms as SubtleCrypto is given them: a name, or an object whose members depend on the name and on what is to be done.
 * They are read here, each once and in the standard's order; what they mean is for the executor to say.
 */

import { idOf, isCryptoKey, sealedOf } from './crypto-key.ts';
import {
  arrayBufferDetached,
  arrayBufferLength,
  bytesOf,
  copyBytes,
  dataViewBuffer,
  dataViewByteLength,
  dictionary,
  isObject,
  isView,
  split,
  stringify,
  toNumber,
  toUpperCase,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import type { ServiceCall } from './service-call.ts';

export type Operation = 'encrypt' | 'sign' | 'digest' | 'generate' | 'import' | 'derive' | 'derived';

type Reader = (value: unknown, call: ServiceCall) => string;

const READERS: Readonly<Record<string, Reader>> = {
  __proto__: null as never,
  bytes: (value, call) => call.refer(copyOf(value)),
  number: integerText,
  text: (value) => stringify(`${value as string}`),
  hash: (value, call) => algorithmText('digest', value, call),
  key: keyText,
};

/** `name:reader` for each member, in their order. Those of a sealed list serve for several algorithms. */
const GCM = 'additionalData:bytes iv:bytes tagLength:number';
const RSA = 'modulusLength:number publicExponent:bytes hash:hash';
const HMAC = 'hash:hash length:number';
const CURVE = 'namedCurve:text';
const LENGTH = 'length:number';
const CONTEXT = 'context:bytes';
const PUBLIC = 'public:key';
const CIPHERS = ['AES-CTR', 'AES-CBC', 'AES-GCM', 'AES-KW', 'AES-OCB'];
const RSAS = ['RSASSA-PKCS1-V1_5', 'RSA-PSS', 'RSA-OAEP'];

const MEMBERS: Readonly<Record<Operation, Record<string, string>>> = {
  encrypt: table({
    'RSA-OAEP': 'label:bytes',
    'AES-CTR': 'counter:bytes length:number',
    'AES-CBC': 'iv:bytes',
    'AES-GCM': GCM,
    'AES-OCB': GCM,
    'CHACHA20-POLY1305': GCM,
  }),
  sign: table({
    'RSA-PSS': 'saltLength:number',
    ECDSA: 'hash:hash',
    ED448: CONTEXT,
    'ML-DSA-44': CONTEXT,
    'ML-DSA-65': CONTEXT,
    'ML-DSA-87': CONTEXT,
  }),
  digest: table({}),
  generate: table({ HMAC, ECDSA: CURVE, ECDH: CURVE }, [CIPHERS, LENGTH], [RSAS, RSA]),
  import: table({ HMAC, ECDSA: CURVE, ECDH: CURVE }, [RSAS, 'hash:hash']),
  derive: table({
    ECDH: PUBLIC,
    X25519: PUBLIC,
    X448: PUBLIC,
    HKDF: 'hash:hash info:bytes salt:bytes',
    PBKDF2: 'hash:hash iterations:number salt:bytes',
  }),
  derived: table({ HMAC, ECDSA: CURVE, ECDH: CURVE }, [CIPHERS, LENGTH], [RSAS, 'hash:hash']),
};

/** As JSON. Throws the TypeErrors of Web IDL. */
export function algorithmText(operation: Operation, algorithm: unknown, call: ServiceCall): string {
  if (!isObject(algorithm)) return `{"d":{"name":${stringify(`${algorithm as string}`)}}}`;
  const given: unknown = (algorithm as { name?: unknown }).name;
  if (given === undefined) throw new TypeError('The algorithm has no name');
  const name = `${given as string}`;
  let text = `"name":${stringify(name)}`;
  const members = MEMBERS[operation][toUpperCase(name)];
  if (members === undefined) return `{"d":{${text}}}`;
  const list = split(members, ' ');
  for (let i = 0; i < list.length; i++) {
    const pair = split(list[i] as string, ':');
    const value = (algorithm as Record<string, unknown>)[pair[0] as string];
    if (value !== undefined) text += `,"${pair[0]}":${(READERS[pair[1] as string] as Reader)(value, call)}`;
  }
  return `{"d":{${text}}}`;
}

/** Throws a TypeError for what is no key. */
export function keyText(key: unknown, call: ServiceCall): string {
  if (!isCryptoKey(key)) throw new TypeError('What is given as a key is no CryptoKey');
  return call.referToKey(idOf(key), sealedOf(key));
}

/** Throws a TypeError for what is neither a buffer nor a view of one. */
export function requireSource(value: unknown): void {
  if (!isSource(value)) throw new TypeError('What is given as data is neither an ArrayBuffer nor a view of one');
}

export const isSource = (value: unknown): boolean => isObject(value) && (isView(value) || isBuffer(value));

/** Of a buffer that was transferred there is nothing. Throws as {@link requireSource} does. */
export function copyOf(value: unknown): Uint8Array {
  requireSource(value);
  if (arrayBufferDetached(bufferOf(value))) return new Uint8Array(0);
  return copyBytes(bytesOf(value) as Uint8Array);
}

/** In bytes. Throws as {@link requireSource} does. */
export function sizeOf(value: unknown): number {
  if (!isView(value)) return arrayBufferLength(value);
  return typedArrayName(value) === undefined ? dataViewByteLength(value) : typedArrayByteLength(value);
}

function bufferOf(value: unknown): ArrayBuffer {
  if (!isView(value)) return value as ArrayBuffer;
  return typedArrayName(value) === undefined ? dataViewBuffer(value) : typedArrayBuffer(value);
}

function isBuffer(value: unknown): boolean {
  try {
    arrayBufferDetached(value);
    return true;
  } catch {
    return false;
  }
}

/** Throws a TypeError for what no integer type of Web IDL takes. */
export function integerText(value: unknown): string {
  const number = toNumber(value);
  if (!(number > -MAX_INTEGER && number < MAX_INTEGER)) throw new TypeError('A number is not within its range');
  return stringify(number);
}

const MAX_INTEGER = 2 ** 53;

function table(
  own: Readonly<Record<string, string>>,
  ...shared: readonly (readonly [names: readonly string[], members: string])[]
): Record<string, string> {
  const members = dictionary<string>();
  for (const name of Object.keys(own)) members[name] = own[name] as string;
  for (const [names, list] of shared) for (const name of names) members[name] = list;
  return members;
}
