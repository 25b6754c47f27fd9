/** Blob and File, as the File API has them: bytes that nothing can change any more, with a type. */

import { joined, partOf } from './bytes.ts';
import { rejected, resolved } from './engine.ts';
import { dictionaryOf } from './event.ts';
import { defineInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { definePlatformKind } from './platform-objects.ts';
import {
  bytesOf,
  charCodeAt,
  copyBytes,
  exec,
  isObject,
  max,
  min,
  now,
  push,
  stringify,
  stringSlice,
  toLowerCase,
  toNumber,
  toWellFormed,
  typedArrayBuffer,
  typedArrayByteLength,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import { eachOf, iterationOf } from './sequence.ts';
import { encodeUtf8 } from './utf8.ts';

interface BlobOptions {
  readonly endings?: unknown;
  readonly type?: unknown;
  readonly lastModified?: unknown;
}

export let isBlob: (value: unknown) => value is Blob;
export let isFile: (value: unknown) => value is File;
/** Its bytes, not a copy: never to be written, nor given to anybody. */
export let bytesOfBlob: (blob: Blob) => Uint8Array;
export let typeOfBlob: (blob: Blob) => string;
export let nameOfFile: (file: File) => string;
/** In milliseconds since 1970. */
export let lastModifiedOf: (file: File) => number;
/** Nobody may write to `bytes` from now on. The type is put in its form: lower case, or empty where it can't be one. */
export let makeBlob: (bytes: Uint8Array, type: string) => Blob;
export let makeFile: (bytes: Uint8Array, name: string, type: string, lastModified: number) => File;
let fill: (blob: Blob, bytes: Uint8Array, type: string) => void;

/** In the place of the constructor's first argument: the fields are set otherwise. */
const BLANK: unique symbol = Symbol('blank');
const CHUNK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;

export class Blob {
  #bytes: Uint8Array = new Uint8Array(0);
  #type = '';

  static {
    isBlob = (value): value is Blob => isObject(value) && #bytes in value;
    bytesOfBlob = (blob) => blob.#bytes;
    typeOfBlob = (blob) => blob.#type;
    fill = (blob, bytes, type) => {
      blob.#bytes = bytes;
      blob.#type = exec(/[^\x20-\x7e]/, type) === null ? toLowerCase(type) : '';
    };
    makeBlob = (bytes, type) => {
      const blob = new Blob(BLANK);
      fill(blob, bytes, type);
      return blob;
    };
  }

  constructor(parts: unknown = undefined, options: BlobOptions | null | undefined = undefined) {
    if (parts === BLANK) return;
    const pieces = piecesOf(parts);
    const { hasNativeEndings, type } = propertiesOf(dictionaryOf<BlobOptions>(options));
    fill(this, bytesOfPieces(pieces, hasNativeEndings), type);
  }

  get size(): number {
    return this.#bytes.length;
  }

  get type(): string {
    return this.#type;
  }

  slice(start: unknown = undefined, end: unknown = undefined, contentType: unknown = undefined): Blob {
    const size = this.#bytes.length;
    const from = offsetOf(start, size, 0);
    const to = max(offsetOf(end, size, size), from);
    return makeBlob(partOf(this.#bytes, from, to), contentType === undefined ? '' : `${contentType as string}`);
  }

  stream(): ReadableStream {
    return streamOfBytes(this.#bytes);
  }

  text(): Promise<string> {
    return attempt(() => modules.encoding().decodeUtf8(this.#bytes));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return attempt(() => typedArrayBuffer(copyBytes(this.#bytes)));
  }

  bytes(): Promise<Uint8Array> {
    return attempt(() => copyBytes(this.#bytes));
  }
}

export class File extends Blob {
  #name = '';
  #lastModified = 0;

  static {
    isFile = (value): value is File => isObject(value) && #name in value;
    nameOfFile = (file) => file.#name;
    lastModifiedOf = (file) => file.#lastModified;
    makeFile = (bytes, name, type, lastModified) => {
      const file = new File(BLANK, '');
      fill(file, bytes, type);
      file.#name = name;
      file.#lastModified = lastModified;
      return file;
    };
  }

  constructor(parts: unknown, name: unknown, options: BlobOptions | null | undefined = undefined) {
    super(BLANK);
    if (parts === BLANK) return;
    requireArguments(arguments.length, 2, 'new File()');
    const pieces = piecesOf(parts ?? null);
    this.#name = toWellFormed(`${name as string}`);
    const given = dictionaryOf<BlobOptions>(options);
    const { hasNativeEndings, type } = propertiesOf(given);
    const { lastModified } = given;
    this.#lastModified = lastModified === undefined ? now() : wholeNumber(lastModified);
    fill(this, bytesOfPieces(pieces, hasNativeEndings), type);
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }
}

defineInterface(Blob, 'Blob');
defineInterface(File, 'File');
definePlatformKind({
  isA: isBlob,
  clone: (value) => {
    const bytes = bytesOfBlob(value as Blob);
    const type = typeOfBlob(value as Blob);
    return isFile(value) ? makeFile(bytes, nameOfFile(value), type, lastModifiedOf(value)) : makeBlob(bytes, type);
  },
});

/** Views and buffers are looked at when all pieces are there; `null` is no list, as anything else that is none. */
function piecesOf(parts: unknown): (string | Uint8Array)[] {
  const pieces: (string | Uint8Array)[] = [];
  if (parts === undefined) return pieces;
  const method = isObject(parts) ? iterationOf(parts) : null;
  if (method === null) throw new TypeError('The parts of a Blob must be given as a list');
  eachOf(parts as object, method, (item) =>
    push(pieces, isBlob(item) ? bytesOfBlob(item) : (bytesOf(item) ?? `${item as string}`)),
  );
  return pieces;
}

function propertiesOf({ endings, type }: BlobOptions): { readonly hasNativeEndings: boolean; readonly type: string } {
  const wanted = endings === undefined ? 'transparent' : `${endings as string}`;
  if (wanted !== 'transparent' && wanted !== 'native')
    throw new TypeError(`endings must be "transparent" or "native", not ${stringify(stringSlice(wanted, 0, 40))}`);
  return { hasNativeEndings: wanted === 'native', type: type === undefined ? '' : `${type as string}` };
}

function bytesOfPieces(pieces: readonly (string | Uint8Array)[], hasNativeEndings: boolean): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] as string | Uint8Array;
    if (typeof piece !== 'string') push(chunks, piece);
    else push(chunks, encodeUtf8(hasNativeEndings ? withNativeEndings(piece) : piece));
  }
  return joined(chunks);
}

/** Every end of a line as a line feed. */
function withNativeEndings(text: string): string {
  let result = '';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (charCodeAt(text, i) !== RETURN) continue;
    result += `${stringSlice(text, from, i)}\n`;
    if (charCodeAt(text, i + 1) === LINE_FEED) i++;
    from = i + 1;
  }
  return result + stringSlice(text, from);
}

interface Controller {
  readonly byobRequest: { respond(bytes: number): void } | null;
  enqueue(chunk: Uint8Array): void;
  close(): void;
}

/** Gives copies, chunk by chunk: a stream takes away the memory of what it is given. */
function streamOfBytes(bytes: Uint8Array): ReadableStream {
  const size = typedArrayByteLength(bytes);
  let at = 0;
  return modules.streams().makeStream(
    {
      __proto__: null,
      type: 'bytes',
      pull(controller: Controller) {
        if (at < size) controller.enqueue(copyBytes(partOf(bytes, at, (at = min(at + CHUNK_BYTES, size)))));
        if (at < size) return;
        controller.close();
        // Who waits with a buffer of their own hears of the end by it.
        controller.byobRequest?.respond(0);
      },
    },
    { __proto__: null, highWaterMark: 0 },
  );
}

function offsetOf(value: unknown, size: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  const offset = clamped(value);
  return offset < 0 ? max(size + offset, 0) : min(offset, size);
}

/** To the nearest integer, to the even one of two; as Web IDL has it for [Clamp]. */
function clamped(value: unknown): number {
  const number = toNumber(value);
  if (number !== number) return 0;
  const bound = max(min(number, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
  const rest = bound % 1;
  const whole = bound - rest;
  const isOdd = whole % 2 !== 0;
  if (rest > 0.5 || (rest === 0.5 && isOdd)) return whole + 1;
  return rest < -0.5 || (rest === -0.5 && isOdd) ? whole - 1 : whole;
}

/** Less its fraction; 0 for what is no number, or none that ends. */
function wholeNumber(value: unknown): number {
  const number = toNumber(value);
  return number - number === 0 ? number - (number % 1) : 0;
}

function attempt<T>(make: () => T): Promise<T> {
  try {
    return resolved(make());
  } catch (error) {
    return rejected(error);
  }
}
