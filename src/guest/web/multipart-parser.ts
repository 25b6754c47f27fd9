/**
 * multipart/form-data, read from bytes that anybody may have sent: in one pass, with a bound on the number of parts and on
 * the length of their headers.
 */

import { partOf } from './bytes.ts';
import type { FormEntry } from './form-data.ts';
import * as modules from './modules.ts';
import {
  charCodeAt,
  exec,
  join,
  now,
  push,
  split,
  stringIndexOf,
  stringSlice,
  toLowerCase,
  trim,
  typedArrayByteLength,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import { encodeUtf8 } from './utf8.ts';

const MAX_PARTS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** What a boundary may have, by RFC 2046. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;
const RETURN = 0x0d;
const LINE_FEED = 0x0a;
const HYPHEN = 0x2d;
const QUOTE = 0x22;

/** Throws a TypeError that says what is wrong. */
export function parseMultipart(bytes: Uint8Array, boundary: string | null): FormEntry[] {
  if (boundary === null || exec(BOUNDARY, boundary) === null)
    throw failure(
      boundary === null
        ? 'its Content-Type names no boundary'
        : 'its boundary is not 1 to 70 characters that a boundary may have',
    );
  const delimiter = new Delimiter(encodeUtf8(`\r\n--${boundary}`));
  const entries: FormEntry[] = [];
  let at = delimiter.afterFirst(bytes);
  while (!isClosed(bytes, at)) {
    if (entries.length === MAX_PARTS) throw failure(`it has more than ${MAX_PARTS} parts`);
    const headersStart = afterLine(bytes, at);
    const start = afterHeaders(bytes, headersStart);
    const end = delimiter.find(bytes, start);
    if (end === -1) throw failure('it ends within a part');
    push(entries, entryOf(headersOf(partOf(bytes, headersStart, start)), partOf(bytes, start, end)));
    at = end + delimiter.length;
  }
  return entries;
}

const failure = (why: string): TypeError => new TypeError(`The body is not multipart/form-data: ${why}`);

/** The delimiter between parts, with a table of how far each byte lets the search go on (Horspool's). */
class Delimiter {
  readonly length: number;
  readonly #pattern: Uint8Array;
  readonly #shifts: Uint8Array;

  constructor(pattern: Uint8Array) {
    this.#pattern = pattern;
    this.length = typedArrayByteLength(pattern);
    this.#shifts = new Uint8Array(256);
    for (let i = 0; i < 256; i++) this.#shifts[i] = this.length;
    for (let i = 0; i < this.length - 1; i++) this.#shifts[pattern[i] as number] = this.length - 1 - i;
  }

  /** Where it stands next, -1 where it does not. Only its first byte is a CR, so that no text makes this quadratic. */
  find(bytes: Uint8Array, from: number): number {
    const pattern = this.#pattern;
    const last = this.length - 1;
    const lastByte = pattern[last] as number;
    const size = typedArrayByteLength(bytes);
    for (let at = from; at + last < size;) {
      const byte = bytes[at + last] as number;
      if (byte === lastByte && bytes[at] === RETURN && this.#matches(bytes, at)) return at;
      at += this.#shifts[byte] as number;
    }
    return -1;
  }

  /** Behind the first one, which may stand at the very beginning. Throws a TypeError where there is none. */
  afterFirst(bytes: Uint8Array): number {
    if (this.#matches(bytes, -2)) return this.length - 2;
    const at = this.find(bytes, 0);
    if (at === -1) throw failure('its boundary does not occur in it');
    return at + this.length;
  }

  /** At -2 the line break before the body's first byte is taken as there. */
  #matches(bytes: Uint8Array, at: number): boolean {
    for (let i = at < 0 ? -at : 1; i < this.length; i++) if (bytes[at + i] !== this.#pattern[i]) return false;
    return true;
  }
}

const isClosed = (bytes: Uint8Array, at: number): boolean => bytes[at] === HYPHEN && bytes[at + 1] === HYPHEN;

/** Behind the line break that ends a delimiter, before which there may be white space. */
function afterLine(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
  if (bytes[at] !== RETURN || bytes[at + 1] !== LINE_FEED) throw failure('a boundary is followed by something else');
  return at + 2;
}

/** Behind the empty line that ends the headers. */
function afterHeaders(bytes: Uint8Array, from: number): number {
  for (let at = from; at - from < MAX_HEADER_BYTES && at < typedArrayByteLength(bytes);) {
    if (bytes[at] === RETURN && bytes[at + 1] === LINE_FEED) return at + 2;
    at = afterLineBreak(bytes, at, from + MAX_HEADER_BYTES);
  }
  throw failure(`the headers of a part do not end, or are longer than ${MAX_HEADER_BYTES} bytes`);
}

function afterLineBreak(bytes: Uint8Array, from: number, limit: number): number {
  let at = from;
  while (at < limit && !(bytes[at] === RETURN && bytes[at + 1] === LINE_FEED)) at++;
  return at + 2;
}

interface PartHeaders {
  readonly name: string;
  readonly fileName: string | null;
  readonly type: string;
}

function entryOf({ name, fileName, type }: PartHeaders, content: Uint8Array): FormEntry {
  if (fileName === null) return [name, decodeText(content)];
  return [name, modules.blob().makeFile(content, fileName, type, now())];
}

function headersOf(block: Uint8Array): PartHeaders {
  const lines = split(decodeText(block), '\r\n');
  let disposition: string | null = null;
  let type = 'text/plain';
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const colon = stringIndexOf(line, ':');
    if (colon === -1) continue;
    const field = toLowerCase(trim(stringSlice(line, 0, colon)));
    if (field === 'content-disposition') disposition ??= trim(stringSlice(line, colon + 1));
    else if (field === 'content-type') type = trim(stringSlice(line, colon + 1));
  }
  if (disposition === null || exec(/^form-data *(?:;|$)/i, disposition) === null)
    throw failure('a part has no Content-Disposition of form-data');
  const name = parameterOf(disposition, 'name');
  if (name === null) throw failure('a part has no name');
  return { name, fileName: parameterOf(disposition, 'filename'), type };
}

/** Of a Content-Disposition: browsers escape what would end the quotes with percent signs, and nothing else. */
function parameterOf(disposition: string, wanted: string): string | null {
  let equals = -1;
  for (let at = stringIndexOf(disposition, ';'); at !== -1;) {
    if (equals < at) equals = stringIndexOf(disposition, '=', at);
    if (equals === -1) return null;
    const next = stringIndexOf(disposition, ';', at + 1);
    // What has no value is no parameter.
    if (next !== -1 && next < equals) {
      at = next;
      continue;
    }
    const isQuoted = charCodeAt(disposition, equals + 1) === QUOTE;
    const start = isQuoted ? equals + 2 : equals + 1;
    const found = isQuoted ? stringIndexOf(disposition, '"', start) : next;
    if (isQuoted && found === -1) throw failure('a name in a part is not closed');
    const end = found === -1 ? disposition.length : found;
    if (toLowerCase(trim(stringSlice(disposition, at + 1, equals))) === wanted) {
      const value = stringSlice(disposition, start, end);
      return isQuoted ? unescaped(value) : trim(value);
    }
    at = stringIndexOf(disposition, ';', end);
  }
  return null;
}

function unescaped(value: string): string {
  if (stringIndexOf(value, '%') === -1) return value;
  return replaced(replaced(replaced(value, '%0A', '\n'), '%0D', '\r'), '%22', '"');
}

const replaced = (text: string, part: string, by: string): string => join(split(text, part), by);

/** A byte order mark is kept. */
export function decodeText(bytes: Uint8Array): string {
  const { decodeChunk, TextDecoder } = modules.encoding();
  return decodeChunk(new TextDecoder('utf-8', { ignoreBOM: true }), bytes, false);
}
