/** FileReader, as the File API has it: a Blob's content by events, for code that is older than `blob.text()`. */

import { DOMException } from './dom-exception.ts';
import { dictionaryOf, Event } from './event.ts';
import { defineHandler } from './event-handler.ts';
import { EventTarget, fireTrusted } from './events.ts';
import { defineConstant, defineInterface, requireArguments } from './interface.ts';
import { mimeTypeOfHeader, parameterOf } from './mime-type.ts';
import * as modules from './modules.ts';
import {
  apply,
  copyBytes,
  min,
  toBase64,
  toNumber,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayOffset,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import { startTimer } from './timers.ts';

interface ProgressInit {
  readonly lengthComputable?: unknown;
  readonly loaded?: unknown;
  readonly total?: unknown;
}

export class ProgressEvent extends Event {
  readonly #lengthComputable: boolean;
  readonly #loaded: number;
  readonly #total: number;

  constructor(type: unknown, init: ProgressInit | null | undefined = undefined) {
    requireArguments(arguments.length, 1, 'new ProgressEvent()');
    super(type, init as object);
    const { lengthComputable, loaded, total } = dictionaryOf<ProgressInit>(init);
    this.#lengthComputable = Boolean(lengthComputable);
    this.#loaded = loaded === undefined ? 0 : toNumber(loaded);
    this.#total = total === undefined ? 0 : toNumber(total);
  }

  get lengthComputable(): boolean {
    return this.#lengthComputable;
  }

  get loaded(): number {
    return this.#loaded;
  }

  get total(): number {
    return this.#total;
  }
}

type Result = string | ArrayBuffer;
const EMPTY = 0;
const LOADING = 1;
const DONE = 2;

export class FileReader extends EventTarget {
  #state: typeof EMPTY | typeof LOADING | typeof DONE = EMPTY;
  #result: Result | null = null;
  /** Counts up, so that the steps of a read that was aborted find that they are of the past. */
  #read = 0;

  get readyState(): number {
    return this.#state;
  }

  get result(): Result | null {
    return this.#result;
  }

  /** Memory never fails to be read. */
  get error(): DOMException | null {
    void this.#state;
    return null;
  }

  readAsArrayBuffer(blob: unknown): void {
    this.#start(blob, (bytes) => typedArrayBuffer(copyBytes(bytes)));
  }

  readAsBinaryString(blob: unknown): void {
    this.#start(blob, binaryText);
  }

  readAsDataURL(blob: unknown): void {
    this.#start(blob, (bytes, type) => `data:${type || 'application/octet-stream'};base64,${toBase64(bytes)}`);
  }

  readAsText(blob: unknown, encoding: unknown = undefined): void {
    const label = encoding === undefined ? null : `${encoding as string}`;
    this.#start(blob, (bytes, type) => decoded(bytes, label, type));
  }

  abort(): void {
    const isLoading = this.#state === LOADING;
    this.#result = null;
    if (!isLoading) return;
    this.#state = DONE;
    const read = ++this.#read;
    this.#fire('abort', 0, 0);
    if (this.#read === read) this.#fire('loadend', 0, 0);
  }

  #start(value: unknown, convert: (bytes: Uint8Array, type: string) => Result): void {
    const { bytesOfBlob, isBlob, typeOfBlob } = modules.blob();
    const isLoading = this.#state === LOADING;
    if (!isBlob(value)) throw new TypeError('A FileReader reads a Blob');
    if (isLoading) throw new DOMException('The FileReader is reading already', 'InvalidStateError');
    this.#state = LOADING;
    this.#result = null;
    const read = ++this.#read;
    const bytes = bytesOfBlob(value);
    const size = typedArrayByteLength(bytes);
    this.#steps(read, [
      () => this.#fire('loadstart', 0, size),
      () => (size > 0 ? this.#fire('progress', size, size) : undefined),
      () => {
        this.#state = DONE;
        this.#result = convert(bytes, typeOfBlob(value));
        this.#fire('load', size, size);
      },
      () => this.#fire('loadend', size, size),
    ]);
  }

  /** One task each, until another read has begun or this one was aborted. */
  #steps(read: number, steps: readonly (() => void)[]): void {
    let next = 0;
    const run = (): void => {
      if (this.#read !== read) return;
      const step = steps[next++];
      if (next < steps.length) startTimer(run, 0);
      step?.();
    };
    startTimer(run, 0);
  }

  #fire(type: string, loaded: number, total: number): void {
    const init = { __proto__: null, lengthComputable: total > 0, loaded, total };
    fireTrusted(this, new ProgressEvent(type, init));
  }
}

for (const type of ['loadstart', 'progress', 'load', 'abort', 'error', 'loadend'])
  defineHandler(FileReader.prototype, type);
defineInterface(ProgressEvent, 'ProgressEvent');
defineInterface(FileReader, 'FileReader');
defineConstant(FileReader, 'EMPTY', EMPTY);
defineConstant(FileReader, 'LOADING', LOADING);
defineConstant(FileReader, 'DONE', DONE);

/** By its byte order mark, else by the label given, else by the type's charset, else as UTF-8. */
function decoded(bytes: Uint8Array, label: string | null, type: string): string {
  const { decodeChunk, TextDecoder } = modules.encoding();
  const mimeType = mimeTypeOfHeader(type);
  const charset = mimeType === null ? null : parameterOf(mimeType, 'charset');
  const marked = markOf(bytes);
  const decoder =
    decoderOf(TextDecoder, marked) ??
    decoderOf(TextDecoder, label) ??
    decoderOf(TextDecoder, charset) ??
    new TextDecoder('utf-8');
  return decodeChunk(decoder, bytes, false);
}

function markOf(bytes: Uint8Array): string | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : null;
}

/** Null for a label that stands for no encoding. */
function decoderOf<T>(Decoder: new (label: string) => T, label: string | null): T | null {
  if (label === null) return null;
  try {
    return new Decoder(label);
  } catch {
    return null;
  }
}

const { fromCharCode } = String;
const CHARS = 8 * 1024;

/** A character for each byte. */
function binaryText(bytes: Uint8Array): string {
  const size = typedArrayByteLength(bytes);
  let text = '';
  for (let at = 0; at < size; at += CHARS) {
    const length = min(CHARS, size - at);
    text += apply(
      fromCharCode,
      null,
      new Uint8Array(typedArrayBuffer(bytes), typedArrayOffset(bytes) + at, length),
    ) as string;
  }
  return text;
}
