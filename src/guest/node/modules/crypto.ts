/**
 * node:crypto: hashes, HMACs and random values, computed in the function's own engine. Ciphers, signatures and keys are
 * those of `webcrypto`; a Hash is no stream.
 */

import { codedError, invalidArgument, outOfRange, requireFunction, requireString } from '../lib/errors.ts';
import { hashes, type Hasher } from '../lib/hashes.ts';
import { web } from '../lib/web.ts';
import { Buffer } from './buffer.ts';

type Callback<T> = (error: Error | null, value: T) => void;

export const webcrypto: typeof web.crypto = web.crypto;
export const subtle: unknown = web.crypto.subtle;

const MAX_RANDOM_BYTES = 2 ** 31 - 1;
/** As many as the web's generator fills at once. */
const QUOTA_BYTES = 65_536;

function bytesOf(name: string, data: unknown, encoding?: string): Uint8Array {
  if (typeof data === 'string')
    return Buffer.from(data, encoding === undefined || encoding === 'buffer' ? 'utf8' : encoding);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw invalidArgument(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

function output(digest: Uint8Array, encoding: string | undefined): Uint8Array | string {
  const buffer = Buffer.from(digest.buffer, digest.byteOffset, digest.length);
  return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
}

/** What hashes are known as: case and dashes don't matter, and OpenSSL puts "RSA-" before some. */
function hasherOf(algorithm: unknown): Hasher {
  requireString('algorithm', algorithm);
  const name = algorithm
    .toLowerCase()
    .replace(/^rsa-/, '')
    .replace(/^sha-(?=\d)/, 'sha');
  if (!Object.hasOwn(hashes, name)) throw codedError('ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`);
  return hashes[name]!;
}

interface State {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
  clone(): State;
}

class Digest {
  #state: State | null;

  constructor(state: State) {
    this.#state = state;
  }

  update(data: unknown, encoding?: string): this {
    this.#open().update(bytesOf('data', data, encoding));
    return this;
  }

  digest(encoding?: string): Uint8Array | string {
    const state = this.#open();
    this.#state = null;
    return output(state.digest(), encoding);
  }

  protected clone(): State {
    return this.#open().clone();
  }

  #open(): State {
    if (this.#state === null) throw codedError('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    return this.#state;
  }
}

export class Hash extends Digest {
  copy(): Hash {
    return new Hash(this.clone());
  }
}

export class Hmac extends Digest {}

export const createHash = (algorithm: string): Hash => new Hash(hasherOf(algorithm).create());

export function createHmac(algorithm: string, key: unknown): Hmac {
  const hasher = hasherOf(algorithm);
  return new Hmac(hasher.createHmac(bytesOf('key', key)));
}

/** In one go. */
export function hash(algorithm: string, data: unknown, outputEncoding = 'hex'): Uint8Array | string {
  return output(hasherOf(algorithm).create().update(bytesOf('data', data)).digest(), outputEncoding);
}

export const getHashes = (): string[] => Object.keys(hashes);

function fillRandom(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += QUOTA_BYTES)
    web.crypto.getRandomValues(bytes.subarray(at, at + QUOTA_BYTES));
}

function requireSize(size: unknown): asserts size is number {
  if (typeof size !== 'number') throw invalidArgument('size', 'of type number', size);
  if (!(size >= 0 && size <= MAX_RANDOM_BYTES)) throw outOfRange('size', `>= 0 && <= ${MAX_RANDOM_BYTES}`, size);
}

/** What is given a callback hears of it in a turn of its own. */
function give<T>(callback: Callback<T> | undefined, value: T): T | undefined {
  if (callback === undefined) return value;
  requireFunction('callback', callback);
  web.queueMicrotask(() => callback(null, value));
  return undefined;
}

export function randomBytes(size: number, callback?: Callback<Uint8Array>): Uint8Array | undefined {
  requireSize(size);
  const bytes = Buffer.alloc(size);
  fillRandom(bytes);
  return give(callback, bytes);
}

export function randomFillSync<T>(target: T, offset = 0, size?: number): T {
  const bytes = bytesOf('buf', typeof target === 'string' ? null : target);
  if (!(offset >= 0 && offset <= bytes.length)) throw outOfRange('offset', `>= 0 && <= ${bytes.length}`, offset);
  const end = size === undefined ? bytes.length : offset + size;
  if (!(end >= offset && end <= bytes.length)) throw outOfRange('size + offset', `<= ${bytes.length}`, end);
  fillRandom(bytes.subarray(offset, end));
  return target;
}

export function randomFill(target: unknown, ...rest: unknown[]): void {
  const callback = rest.pop();
  requireFunction('callback', callback);
  give(callback as Callback<unknown>, randomFillSync(target, ...(rest as [number?, number?])));
}

export const getRandomValues = <T>(array: T): T => web.crypto.getRandomValues(array);
export const randomUUID = (): string => web.crypto.randomUUID();

const MAX_RANGE = 2 ** 48;

/** An integer from `min` (0 by default) up to, but without, `max`; each is as likely as the others. */
export function randomInt(
  minOrMax: number,
  maxOrCallback?: number | Callback<number>,
  callback?: Callback<number>,
): number | undefined {
  const hasMin = typeof maxOrCallback === 'number';
  const [min, max] = hasMin ? [minOrMax, maxOrCallback] : [0, minOrMax];
  if (!Number.isSafeInteger(min)) throw invalidArgument('min', 'a safe integer', min);
  if (!Number.isSafeInteger(max)) throw invalidArgument('max', 'a safe integer', max);
  if (max <= min) throw outOfRange('max', `greater than the value of "min" (${min})`, max);
  if (max - min >= MAX_RANGE) throw outOfRange('max - min', `< 2 ** 48`, max - min);
  return give(hasMin ? callback : maxOrCallback, min + randomBelow(max - min));
}

/** Draws again where the rest of 48 bits would make small numbers likelier. */
function randomBelow(range: number): number {
  const limit = MAX_RANGE - (MAX_RANGE % range);
  const bytes = new Uint8Array(6);
  for (;;) {
    fillRandom(bytes);
    const drawn = bytes.reduce((value, byte) => value * 256 + byte, 0);
    if (drawn < limit) return drawn % range;
  }
}

/** In a time that says nothing of where the two differ. */
export function timingSafeEqual(a: unknown, b: unknown): boolean {
  const [left, right] = [
    bytesOf('buf1', typeof a === 'string' ? null : a),
    bytesOf('buf2', typeof b === 'string' ? null : b),
  ];
  if (left.length !== right.length)
    throw Object.assign(new RangeError('Input buffers must have the same byte length'), {
      code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
    });
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}

const all: object = {
  Hash,
  Hmac,
  createHash,
  createHmac,
  getHashes,
  getRandomValues,
  hash,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  subtle,
  timingSafeEqual,
  webcrypto,
};

export default all;
