/** node:string_decoder: text from chunks that may end in the middle of a character. */

import { codedTypeError, invalidArgument } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import { Buffer } from './buffer.ts';

interface Decoding {
  /** The text of the bytes so far that are whole. */
  write(bytes: Uint8Array): string;
  end(): string;
}

/** Node's names for them, by what it takes. */
const NAMES: Readonly<Record<string, string>> = {
  utf8: 'utf8',
  'utf-8': 'utf8',
  ucs2: 'utf16le',
  'ucs-2': 'utf16le',
  utf16le: 'utf16le',
  'utf-16le': 'utf16le',
  latin1: 'latin1',
  binary: 'latin1',
  base64: 'base64',
  base64url: 'base64url',
  ascii: 'ascii',
  hex: 'hex',
};

export class StringDecoder {
  readonly encoding: string;
  readonly #decoding: Decoding;

  constructor(encoding?: string) {
    const name = NAMES[(encoding ?? 'utf8').toLowerCase()];
    if (name === undefined) throw codedTypeError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
    this.encoding = name;
    this.#decoding = decodingOf(name);
  }

  write(chunk: unknown): string {
    if (typeof chunk === 'string') return chunk;
    if (!ArrayBuffer.isView(chunk))
      throw invalidArgument('buf', 'an instance of Buffer, TypedArray, or DataView', chunk);
    return this.#decoding.write(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }

  end(chunk?: unknown): string {
    const text = chunk === undefined ? '' : this.write(chunk);
    return text + this.#decoding.end();
  }
}

function decodingOf(name: string): Decoding {
  if (name === 'utf8') return utf8();
  if (name === 'utf16le') return grouped(name, utf16Kept);
  if (name === 'base64' || name === 'base64url') return grouped(name, (length) => length % 3);
  return { write: (bytes) => textOf(bytes, name), end: () => '' };
}

const textOf = (bytes: Uint8Array, encoding: string): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding);

function utf8(): Decoding {
  const make = (): InstanceType<typeof web.TextDecoder> => new web.TextDecoder('utf-8', { ignoreBOM: true });
  let decoder = make();
  return {
    write: (bytes) => decoder.decode(bytes, { stream: true }),
    end() {
      const rest = decoder.decode();
      decoder = make();
      return rest;
    },
  };
}

/** A character takes two bytes, or four where the first two say so. */
function utf16Kept(length: number, byteAt: (index: number) => number): number {
  const odd = length % 2;
  const lastUnit = length - odd - 1;
  const isHighSurrogate = lastUnit > 0 && byteAt(lastUnit) >= 0xd8 && byteAt(lastUnit) <= 0xdb;
  return odd + (isHighSurrogate ? 2 : 0);
}

/** `keeps` says how many bytes at the end have to wait for more. */
function grouped(encoding: string, keeps: (length: number, byteAt: (index: number) => number) => number): Decoding {
  let kept: Uint8Array = new Uint8Array(0);
  return {
    write(bytes) {
      const all = new Uint8Array(kept.length + bytes.length);
      all.set(kept);
      all.set(bytes, kept.length);
      const whole = all.length - keeps(all.length, (index) => all[index]!);
      kept = all.slice(whole);
      return textOf(all.subarray(0, whole), encoding);
    },
    end() {
      const rest = textOf(kept, encoding);
      kept = new Uint8Array(0);
      return rest;
    },
  };
}

const all: object = { StringDecoder };

export default all;
