/** The Encoding standard: our own encoder, and the decoders of @exodus/bytes behind the standard's interface. */

import { labelToName, TextDecoder as Decoder } from '@exodus/bytes/encoding-lite.js';
import { utf8toString, utf8toStringLoose } from '@exodus/bytes/utf8.js';
import { dictionaryOf } from './event.ts';
import { defineInterface } from './interface.ts';
import * as modules from './modules.ts';
import {
  bytesOf,
  put,
  RangeError,
  toLowerCase,
  domString,
  toWellFormed,
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  Uint8Array,
} from './primordials.ts';
import { encodeUtf8, writeUtf8 } from './utf8.ts';

export class TextEncoder {
  /** Only an encoder has it, so that the methods can't be called on anything else. */
  readonly #isEncoder: true = true;

  get encoding(): string {
    void this.#isEncoder;
    return 'utf-8';
  }

  encode(input: unknown = ''): Uint8Array {
    void this.#isEncoder;
    return encodeUtf8(domString(input));
  }

  encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
    void this.#isEncoder;
    const text = domString(source);
    if (typedArrayName(destination) !== 'Uint8Array')
      throw new TypeError('TextEncoder.encodeInto() needs a text and a Uint8Array');
    const { read, written } = writeUtf8(text, destination as Uint8Array);
    const result = {};
    put(result, 'read', read);
    put(result, 'written', written);
    return result as { read: number; written: number };
  }
}
defineInterface(TextEncoder, 'TextEncoder');

interface DecoderOptions {
  readonly fatal?: unknown;
  readonly ignoreBOM?: unknown;
}

type Decode = (bytes: Uint8Array, stream: boolean) => string;

const MULTI_BYTE: object = {
  __proto__: null,
  big5: 1,
  'euc-jp': 1,
  'euc-kr': 1,
  gb18030: 1,
  gbk: 1,
  'iso-2022-jp': 1,
  shift_jis: 1,
};

/** `decode()`, whatever user code has put in its place. */
export let decodeChunk: (decoder: TextDecoder, bytes: Uint8Array, stream: boolean) => string;

export class TextDecoder {
  static {
    decodeChunk = (decoder, bytes, stream) => decoder.#decode(bytes, stream);
  }

  readonly #encoding: string;
  readonly #fatal: boolean;
  readonly #ignoreBOM: boolean;
  readonly #decode: Decode;

  constructor(label: unknown = 'utf-8', options: DecoderOptions | null | undefined = undefined) {
    const given = domString(label);
    const { fatal, ignoreBOM } = dictionaryOf<DecoderOptions>(options);
    const name = labelToName(given);
    if (name === null || name === 'replacement') throw new RangeError(`There is no encoding ${toWellFormed(given)}`);
    this.#encoding = toLowerCase(name);
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
    this.#decode = decoderOf(this.#encoding, this.#fatal, this.#ignoreBOM);
  }

  get encoding(): string {
    return this.#encoding;
  }

  get fatal(): boolean {
    return this.#fatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM;
  }

  decode(input: unknown = undefined, options: { readonly stream?: unknown } | null | undefined = undefined): string {
    const decode = this.#decode;
    const bytes = input === undefined ? new Uint8Array(0) : requireBytes(input);
    const { stream } = dictionaryOf<{ stream: unknown }>(options);
    return decode(bytes, Boolean(stream));
  }
}
defineInterface(TextDecoder, 'TextDecoder');

/** Throws a TypeError for what has no bytes. */
export function requireBytes(input: unknown): Uint8Array {
  const bytes = bytesOf(input);
  if (bytes === null) throw new TypeError('A TextDecoder needs an ArrayBuffer or a view of one');
  return bytes;
}

/** Of UTF-8, bytes that come whole need no state; most do. */
function utf8Decoder(fatal: boolean, ignoreBOM: boolean): Decode {
  const decode = fatal ? utf8toString : utf8toStringLoose;
  const options = { __proto__: null, fatal, ignoreBOM };
  let decoder: InstanceType<typeof Decoder> | null = null;
  return (bytes, stream) => {
    if (decoder === null && !stream) return decode(ignoreBOM ? bytes : withoutBOM(bytes));
    decoder ??= new Decoder('utf-8', options);
    return decoder.decode(bytes, { stream });
  };
}

/** The tables of the legacy multi-byte encodings are loaded by whoever asks for one. */
function decoderOf(encoding: string, fatal: boolean, ignoreBOM: boolean): Decode {
  if (encoding in MULTI_BYTE) return modules.multiByte().createMultibyteDecoder(encoding, !fatal);
  if (encoding === 'utf-8') return utf8Decoder(fatal, ignoreBOM);
  const decoder = new Decoder(encoding, { fatal, ignoreBOM });
  return (bytes, stream) => decoder.decode(bytes, { stream });
}

/** As `Body.text()` decodes: without a byte order mark, and U+FFFD for what is not UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string => utf8toStringLoose(withoutBOM(bytes));

const withoutBOM = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    ? new Uint8Array(typedArrayBuffer(bytes), typedArrayOffset(bytes) + 3, typedArrayByteLength(bytes) - 3)
    : bytes;

/** Null if the bytes are not UTF-8. */
export function decodeStrictUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8toString(bytes);
  } catch {
    return null;
  }
}
