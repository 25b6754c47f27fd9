/** util.format: printf for people who look at values. */

import { inspect, type InspectOptions } from './inspect.ts';

export function formatWithOptions(options: InspectOptions, ...args: unknown[]): string {
  const [first] = args;
  if (typeof first !== 'string') return args.map((arg) => plainText(arg, options)).join(' ');
  let used = 1;
  const text =
    args.length === 1
      ? first
      : first.replace(/%[sdifjoOc%]/g, (directive) => {
          if (directive === '%%') return '%';
          if (used >= args.length) return directive;
          return substituted(directive, args[used++], options);
        });
  return [text, ...args.slice(used).map((arg) => plainText(arg, options))].join(' ');
}

export const format = (...args: unknown[]): string => formatWithOptions({}, ...args);

const plainText = (value: unknown, options: InspectOptions): string =>
  typeof value === 'string' ? value : inspect(value, options);

function substituted(directive: string, value: unknown, options: InspectOptions): string {
  switch (directive) {
    case '%s':
      return stringText(value, options);
    case '%d':
      return numberText(value, Number);
    case '%i':
      return numberText(value, (given) => Number.parseInt(String(given), 10));
    case '%f':
      return typeof value === 'symbol' ? 'NaN' : numberText(Number.parseFloat(String(value)), Number);
    case '%j':
      return json(value);
    case '%o':
      return inspect(value, { ...options, showHidden: true, depth: 4 });
    case '%O':
      return inspect(value, options);
    default:
      return '';
  }
}

function stringText(value: unknown, options: InspectOptions): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null || hasOwnToString(value)) return String(value);
  return inspect(value, { ...options, depth: 0, colors: false, compact: 3 });
}

/** A class of the user's that says how it is written, and errors and dates. */
function hasOwnToString(value: object): boolean {
  if (Error.isError(value) || value instanceof Date) return true;
  const { toString } = value as { toString?: unknown };
  if (typeof toString !== 'function') return false;
  return toString !== Object.prototype.toString && toString !== Array.prototype.toString && !isBuiltIn(toString);
}

const isBuiltIn = (method: object): boolean => Function.prototype.toString.call(method).includes('[native code]');

function numberText(value: unknown, convert: (value: unknown) => number): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return 'NaN';
  const number = typeof value === 'object' && convert === Number ? Number(value) : convert(value);
  return Object.is(number, -0) ? '-0' : String(number);
}

function json(value: unknown): string {
  try {
    return `${JSON.stringify(value)}`;
  } catch (error) {
    if ((error as Error).message.includes('circular')) return '[Circular]';
    throw error;
  }
}
