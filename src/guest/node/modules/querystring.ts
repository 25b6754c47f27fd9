/** node:querystring. */

const { isArray } = Array;

/** Percent-encoded, but for what a query may hold as it is. */
export function escape(text: unknown): string {
  const whole = typeof text === 'string' ? text : `${text as string}`;
  return encodeURIComponent(whole.toWellFormed());
}

/** What is no valid encoding stays as it is. */
export function unescape(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return decodeBytes(text);
  }
}

/** Byte by byte, where the whole is no UTF-8. */
function decodeBytes(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => {
        const byte = parseInt(hex, 16);
        return byte < 0x80 ? String.fromCharCode(byte) : '\ufffd';
      });
    }
  });
}

interface StringifyOptions {
  encodeURIComponent?: (text: string) => string;
}

interface ParseOptions {
  decodeURIComponent?: (text: string) => string;
  maxKeys?: number;
}

export function stringify(from: unknown, sep?: string | null, eq?: string | null, options?: StringifyOptions): string {
  if (typeof from !== 'object' || from === null) return '';
  const encodePart = options?.encodeURIComponent ?? escape;
  const pairs: string[] = [];
  for (const [key, value] of Object.entries(from)) {
    const start = `${encodePart(key)}${eq || '='}`;
    for (const item of isArray(value) ? value : [value]) pairs.push(start + encodePart(primitive(item)));
  }
  return pairs.join(sep || '&');
}

function primitive(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : '';
  return typeof value === 'bigint' || typeof value === 'boolean' ? `${value}` : '';
}

const DEFAULT_MAX_KEYS = 1000;

/** The result has no prototype, so that no name in a query can be one of its properties. */
export function parse(
  text: unknown,
  sep?: string | null,
  eq?: string | null,
  options?: ParseOptions,
): Record<string, string | string[]> {
  const result = Object.create(null) as Record<string, string | string[]>;
  if (typeof text !== 'string' || text === '') return result;
  const decode = options?.decodeURIComponent ?? unescape;
  const maxKeys = options?.maxKeys ?? DEFAULT_MAX_KEYS;
  const equals = eq || '=';
  const pairs = text.split(sep || '&');
  const taken = maxKeys > 0 ? pairs.slice(0, maxKeys) : pairs;
  for (const pair of taken) {
    if (pair === '') continue;
    const at = pair.indexOf(equals);
    const key = decoded(at === -1 ? pair : pair.slice(0, at), decode);
    const value = at === -1 ? '' : decoded(pair.slice(at + equals.length), decode);
    const before = result[key];
    if (before === undefined) result[key] = value;
    else if (isArray(before)) before.push(value);
    else result[key] = [before, value];
  }
  return result;
}

function decoded(text: string, decode: (text: string) => string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decode(spaced);
  } catch {
    return unescape(spaced);
  }
}

export { parse as decode, stringify as encode };

const all: object = { decode: parse, encode: stringify, escape, parse, stringify, unescape };

export default all;
