/** MIME types, as the MIME Sniffing standard reads and writes them, and as the Fetch standard finds them in a header. */

import { charCodeAt, dictionary, exec, push, stringIndexOf, stringSlice, toLowerCase } from './primordials.ts';

export interface MimeType {
  /** `type/subtype`, in lower case. */
  readonly essence: string;
  /** Name, value, name, value …; names in lower case, each once. */
  readonly parameters: readonly string[];
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const QUOTABLE = /^[\t\x20-\x7e\x80-\xff]*$/;
const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Of all the values of a Content-Type header, combined with commas: the last one that is valid, or null. */
export function mimeTypeOfHeader(value: string | null): MimeType | null {
  if (value === null) return null;
  let found: MimeType | null = null;
  let charset: string | null = null;
  for (let at = 0; at <= value.length;) {
    const end = endOfValue(value, at);
    const type = parseMimeType(stringSlice(value, at, end));
    at = end + 1;
    if (type === null || type.essence === '*/*') continue;
    const own = parameterOf(type, 'charset');
    // A charset holds on for the values of the same type that name none.
    if (type.essence !== found?.essence) charset = own;
    found = own === null && charset !== null ? withCharset(type, charset) : type;
  }
  return found;
}

/** Null for what is none. */
export function parseMimeType(text: string): MimeType | null {
  const slash = stringIndexOf(text, '/');
  if (slash === -1) return null;
  const end = indexOfCode(text, SEMICOLON, slash + 1);
  const type = trimStart(stringSlice(text, 0, slash));
  const subtype = trimEnd(stringSlice(text, slash + 1, end));
  if (exec(TOKEN, type) === null || exec(TOKEN, subtype) === null) return null;
  return { essence: toLowerCase(`${type}/${subtype}`), parameters: parametersOf(text, end + 1) };
}

export function parameterOf({ parameters }: MimeType, name: string): string | null {
  for (let i = 0; i < parameters.length; i += 2) if (parameters[i] === name) return parameters[i + 1] as string;
  return null;
}

export function serializeMimeType({ essence, parameters }: MimeType): string {
  let text = essence;
  for (let i = 0; i < parameters.length; i += 2)
    text += `;${parameters[i]}=${quotedUnlessToken(parameters[i + 1] as string)}`;
  return text;
}

function parametersOf(text: string, from: number): string[] {
  const parameters: string[] = [];
  const seen = dictionary<true>();
  for (let at = from; at < text.length;) {
    const nameEnd = endOfName(text, at);
    const name = toLowerCase(trimStart(stringSlice(text, at, nameEnd)));
    at = nameEnd + 1;
    if (charCodeAt(text, nameEnd) !== EQUALS) continue;
    const isQuoted = charCodeAt(text, at) === QUOTE;
    const quoted = isQuoted ? readQuoted(text, at) : null;
    const end = indexOfCode(text, SEMICOLON, quoted?.end ?? at);
    const value = quoted?.value ?? trimEnd(stringSlice(text, at, end));
    at = end + 1;
    if (!isQuoted && value === '') continue;
    if (seen[name] === true || exec(TOKEN, name) === null || exec(QUOTABLE, value) === null) continue;
    // The first of a name counts.
    seen[name] = true;
    push(parameters, name);
    push(parameters, value);
  }
  return parameters;
}

function withCharset({ essence, parameters }: MimeType, charset: string): MimeType {
  const all: string[] = [];
  for (let i = 0; i < parameters.length; i++) push(all, parameters[i] as string);
  push(all, 'charset');
  push(all, charset);
  return { essence, parameters: all };
}

/** From the quote at `at`: what it encloses, and where the text goes on. One that is never closed ends with the text. */
function readQuoted(text: string, at: number): { readonly value: string; readonly end: number } {
  let value = '';
  let from = at + 1;
  let i = from;
  for (; i < text.length; i++) {
    const code = charCodeAt(text, i);
    if (code === QUOTE) break;
    if (code !== BACKSLASH) continue;
    value += stringSlice(text, from, i);
    // A backslash at the very end stands for itself.
    from = i + 1 === text.length ? i : i + 1;
    i++;
  }
  return { value: value + stringSlice(text, from, i), end: i + 1 };
}

const quotedUnlessToken = (value: string): string => (exec(TOKEN, value) !== null ? value : `"${escaped(value)}"`);

function escaped(value: string): string {
  let text = '';
  let from = 0;
  for (let i = 0; i < value.length; i++) {
    const code = charCodeAt(value, i);
    if (code !== QUOTE && code !== BACKSLASH) continue;
    text += `${stringSlice(value, from, i)}\\`;
    from = i;
  }
  return text + stringSlice(value, from);
}

/** Where the value of a header that begins at `from` ends: at a comma that is not within quotes. */
function endOfValue(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = charCodeAt(text, i);
    if (code === COMMA) return i;
    if (code === QUOTE) i = readQuoted(text, i).end - 1;
  }
  return text.length;
}

function endOfName(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = charCodeAt(text, i);
    if (code === EQUALS || code === SEMICOLON) return i;
  }
  return text.length;
}

function indexOfCode(text: string, code: number, from: number): number {
  for (let i = from; i < text.length; i++) if (charCodeAt(text, i) === code) return i;
  return text.length;
}

function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(charCodeAt(text, start))) start++;
  return start === 0 ? text : stringSlice(text, start);
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(charCodeAt(text, end - 1))) end--;
  return end === text.length ? text : stringSlice(text, 0, end);
}

/** HTTP's white space. */
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
