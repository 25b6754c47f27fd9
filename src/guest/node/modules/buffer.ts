/**
 * node:buffer, on the `buffer` package that unenv brings: what it lacks (base64url, the helpers) is added, and what a
 * bare engine does natively (base64, hex) is left to it.
 */

import { Buffer as PackageBuffer, INSPECT_MAX_BYTES, kMaxLength, SlowBuffer } from 'unenv/runtime/node/buffer/_buffer';
import { codedTypeError, invalidArgument } from '../lib/errors.ts';
import { web } from '../lib/web.ts';

export interface Buffer extends Uint8Array {
  toString(encoding?: string, start?: number, end?: number): string;
  write(text: string, ...rest: unknown[]): number;
  copy(target: Uint8Array, targetStart?: number, start?: number, end?: number): number;
  subarray(start?: number, end?: number): Buffer;
  equals(other: Uint8Array): boolean;
}

export interface BufferConstructor {
  readonly prototype: Buffer;
  readonly poolSize: number;
  from(value: unknown, encodingOrOffset?: unknown, length?: number): Buffer;
  alloc(size: number, fill?: unknown, encoding?: string): Buffer;
  allocUnsafe(size: number): Buffer;
  allocUnsafeSlow(size: number): Buffer;
  concat(list: readonly Uint8Array[], totalLength?: number): Buffer;
  compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
  isBuffer(value: unknown): value is Buffer;
  isEncoding(encoding: unknown): boolean;
  byteLength(value: unknown, encoding?: string): number;
  copyBytesFrom(view: unknown, offset?: number, length?: number): Buffer;
  of(...items: number[]): Buffer;
}

interface NativeBytes {
  toBase64(options?: { alphabet?: 'base64' | 'base64url'; omitPadding?: boolean }): string;
  toHex(): string;
}

const { fromBase64 } = Uint8Array as unknown as {
  fromBase64(text: string, options?: { alphabet: 'base64' | 'base64url' }): Uint8Array;
};

export const Buffer: BufferConstructor = PackageBuffer as unknown as BufferConstructor;

const original = {
  from: Buffer.from,
  isEncoding: Buffer.isEncoding,
  byteLength: Buffer.byteLength,
  alloc: Buffer.alloc,
  toString: Buffer.prototype.toString,
  write: Buffer.prototype.write,
};

const isBase64 = (encoding: unknown): boolean => typeof encoding === 'string' && /^base64(?:url)?$/i.test(encoding);

/** As lenient as Node: both alphabets, and whatever is of neither is left out. */
function bytesOfBase64(text: string): Uint8Array {
  try {
    return fromBase64(text, { alphabet: /[-_]/.test(text) ? 'base64url' : 'base64' });
  } catch {
    const end = text.indexOf('=');
    const digits = (end === -1 ? text : text.slice(0, end))
      .replace(/[^A-Za-z0-9+/_-]/g, '')
      .replace(/[+/]/g, (digit) => (digit === '+' ? '-' : '_'));
    return fromBase64(withoutRest(digits), { alphabet: 'base64url' });
  }
}

/** Without the bits at the end that make no byte, which the engine would refuse. */
function withoutRest(digits: string): string {
  const extra = digits.length % 4;
  if (extra === 1) return digits.slice(0, -1);
  if (extra === 0) return digits;
  const keptBits = extra === 2 ? 0b110000 : 0b111100;
  return digits.slice(0, -1) + ALPHABET[ALPHABET.indexOf(digits.at(-1)!) & keptBits]!;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const asBuffer = (bytes: Uint8Array): Buffer =>
  original.from.call(Buffer, bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A range as Node's methods clamp it. */
function clamped(bytes: Uint8Array, start: number | undefined, end: number | undefined): Uint8Array {
  const last = Math.min(end === undefined ? bytes.length : Math.max(0, Math.trunc(end) || 0), bytes.length);
  const first = Math.max(0, Math.trunc(start ?? 0) || 0);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + first, Math.max(0, last - first));
}

const additions: Partial<BufferConstructor> = {
  from(value, encodingOrOffset, length) {
    if (typeof value === 'string' && isBase64(encodingOrOffset)) return asBuffer(bytesOfBase64(value));
    return original.from.call(Buffer, value, encodingOrOffset, length);
  },
  alloc(size, fill, encoding) {
    if (typeof fill === 'string' && isBase64(encoding)) return original.alloc.call(Buffer, size, bytesOfBase64(fill));
    return original.alloc.call(Buffer, size, fill, encoding);
  },
  isEncoding: (encoding) =>
    typeof encoding === 'string' && (isBase64(encoding) || original.isEncoding.call(Buffer, encoding)),
  byteLength(value, encoding) {
    if (typeof value !== 'string' || !isBase64(encoding)) return original.byteLength.call(Buffer, value, encoding);
    const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0;
    return ((value.length - padding) * 3) >>> 2;
  },
  copyBytesFrom(view, offset = 0, length) {
    if (!ArrayBuffer.isView(view)) throw invalidArgument('view', 'an instance of TypedArray', view);
    const list = view as Uint8Array;
    const part = list.slice(offset, length === undefined ? undefined : offset + length);
    return asBuffer(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  },
  of: (...items) => original.from.call(Buffer, items),
};

const methods: Pick<Buffer, 'write'> & { toString: Buffer['toString'] } & ThisType<Buffer> = {
  toString(encoding, start, end) {
    const wanted = typeof encoding === 'string' ? encoding.toLowerCase() : encoding;
    if (wanted === 'base64' || wanted === 'base64url') {
      const bytes = clamped(this, start, end) as unknown as NativeBytes;
      return wanted === 'base64' ? bytes.toBase64() : bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
    }
    if (wanted === 'hex') return (clamped(this, start, end) as unknown as NativeBytes).toHex();
    return original.toString.call(this, encoding, start, end);
  },
  write(text, ...rest) {
    const encoding = rest.at(-1);
    if (!isBase64(encoding)) return original.write.call(this, text, ...rest);
    const [offset = 0, length] = rest.slice(0, -1) as number[];
    const room = Math.max(0, Math.min(length ?? this.length, this.length - offset));
    const bytes = bytesOfBase64(text).subarray(0, room);
    this.set(bytes, offset);
    return bytes.length;
  },
};

for (const [target, members] of [
  [Buffer, additions],
  [Buffer.prototype, methods],
] as const) {
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

function requireBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidArgument('input', 'an instance of ArrayBuffer, Buffer, or TypedArray', value);
}

export function isUtf8(input: unknown): boolean {
  try {
    new web.TextDecoder('utf-8', { fatal: true }).decode(requireBytes(input));
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_INVALID_ARG_TYPE') throw error;
    return false;
  }
}

export const isAscii = (input: unknown): boolean => requireBytes(input).every((byte) => byte < 0x80);

const TRANSCODED = /^(?:utf-?8|ucs-?2|utf-?16le|latin1|binary|ascii)$/i;

export function transcode(source: Uint8Array, from: string, to: string): Buffer {
  if (!TRANSCODED.test(from) || !TRANSCODED.test(to))
    throw codedTypeError('U_ILLEGAL_ARGUMENT_ERROR', `Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]`);
  const text = Buffer.from(source).toString(from);
  return Buffer.from(/^(?:latin1|binary|ascii)$/i.test(to) ? questioned(text, to) : text, to);
}

/** What an encoding can't hold becomes a question mark. */
function questioned(text: string, to: string): string {
  const most = to.toLowerCase() === 'ascii' ? 0x7f : 0xff;
  return Array.from(text, (char) => (char.codePointAt(0)! <= most ? char : '?')).join('');
}

export const Blob: unknown = web.Blob;
export const File: unknown = web.File;
export const atob = (text: string): string => web.atob(text);
export const btoa = (text: string): string => web.btoa(text);
export const kStringMaxLength: number = 2 ** 29 - 24;
export const constants: { readonly MAX_LENGTH: number; readonly MAX_STRING_LENGTH: number } = {
  MAX_LENGTH: kMaxLength,
  MAX_STRING_LENGTH: kStringMaxLength,
};
export { INSPECT_MAX_BYTES, kMaxLength, SlowBuffer };

const all: object = {
  Blob,
  Buffer,
  File,
  INSPECT_MAX_BYTES,
  SlowBuffer,
  atob,
  btoa,
  constants,
  isAscii,
  isUtf8,
  kMaxLength,
  kStringMaxLength,
  transcode,
};

export default all;
