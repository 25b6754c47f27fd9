/**
 * The two conversions that whatwg-url uses. The package of this name has all of Web IDL's, and does not load where
 * SharedArrayBuffer is missing.
 */

interface Options {
  readonly context?: string;
}

export const any = (value: unknown): unknown => value;

export function USVString(value: unknown, { context = 'The value' }: Options = {}): string {
  if (typeof value === 'symbol') throw new TypeError(`${context} is a symbol, which cannot be converted to a string`);
  return String(value).toWellFormed();
}
