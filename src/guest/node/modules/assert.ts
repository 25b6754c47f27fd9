/** node:assert. */

import { AssertionError } from '../lib/assertion-error.ts';
import { isDeepEqual } from '../lib/deep-equal.ts';
import { invalidArgument, requireFunction } from '../lib/errors.ts';

type Message = string | Error | undefined;
type Thrower = () => unknown;
type AsyncThrower = Promise<unknown> | (() => Promise<unknown>);

interface Comparison {
  readonly operator: string;
  readonly holds: (actual: unknown, expected: unknown) => boolean;
}

function check(
  holds: boolean,
  actual: unknown,
  expected: unknown,
  operator: string,
  message: Message,
  from: object,
): void {
  if (holds) return;
  if (Error.isError(message)) throw message;
  throw new AssertionError({ actual, expected, operator, message, stackStartFn: from });
}

function comparing({ operator, holds }: Comparison): (actual: unknown, expected: unknown, message?: Message) => void {
  const compare = (actual: unknown, expected: unknown, message?: Message): void =>
    check(holds(actual, expected), actual, expected, operator, message, compare);
  return compare;
}

// oxlint-disable-next-line eqeqeq -- that is what the loose ones do
const isLooselyEqual = (a: unknown, b: unknown): boolean => a == b || (a !== a && b !== b);

export const equal: ReturnType<typeof comparing> = comparing({ operator: '==', holds: isLooselyEqual });
export const notEqual: typeof equal = comparing({ operator: '!=', holds: (a, b) => !isLooselyEqual(a, b) });
export const strictEqual: typeof equal = comparing({ operator: 'strictEqual', holds: Object.is });
export const notStrictEqual: typeof equal = comparing({
  operator: 'notStrictEqual',
  holds: (a, b) => !Object.is(a, b),
});
export const deepEqual: typeof equal = comparing({ operator: 'deepEqual', holds: (a, b) => isDeepEqual(a, b, false) });
export const notDeepEqual: typeof equal = comparing({
  operator: 'notDeepEqual',
  holds: (a, b) => !isDeepEqual(a, b, false),
});
export const deepStrictEqual: typeof equal = comparing({
  operator: 'deepStrictEqual',
  holds: (a, b) => isDeepEqual(a, b, true),
});
export const notDeepStrictEqual: typeof equal = comparing({
  operator: 'notDeepStrictEqual',
  holds: (a, b) => !isDeepEqual(a, b, true),
});

export function ok(value: unknown, message?: Message): asserts value {
  check(Boolean(value), value, true, '==', message ?? 'The expression evaluated to a falsy value', ok);
}

export function fail(message: string | Error = 'Failed'): never {
  if (Error.isError(message)) throw message;
  throw new AssertionError({ message, operator: 'fail', stackStartFn: fail });
}

export function ifError(value: unknown): void {
  if (value === null || value === undefined) return;
  const text = Error.isError(value) ? (value.message === '' ? value.constructor.name : value.message) : String(value);
  throw new AssertionError({
    actual: value,
    expected: null,
    operator: 'ifError',
    message: `ifError got unwanted exception: ${text}`,
    stackStartFn: ifError,
  });
}

export function match(text: string, pattern: RegExp, message?: Message): void {
  check(
    typeof text === 'string' && pattern.test(text),
    text,
    pattern,
    'match',
    message ?? `The input did not match the regular expression ${pattern}`,
    match,
  );
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  check(
    typeof text !== 'string' || !pattern.test(text),
    text,
    pattern,
    'doesNotMatch',
    message ?? `The input was expected to not match the regular expression ${pattern}`,
    doesNotMatch,
  );
}

export function throws(fn: Thrower, expected?: unknown, message?: Message): void {
  requireFunction('fn', fn);
  judge(caughtFrom(fn), expected, message, throws, 'exception');
}

export function doesNotThrow(fn: Thrower, expected?: unknown, message?: Message): void {
  requireFunction('fn', fn);
  refuse(caughtFrom(fn), expected, message, doesNotThrow, 'exception');
}

export async function rejects(promise: AsyncThrower, expected?: unknown, message?: Message): Promise<void> {
  judge(await rejectionOf(promise), expected, message, rejects, 'rejection');
}

export async function doesNotReject(promise: AsyncThrower, expected?: unknown, message?: Message): Promise<void> {
  refuse(await rejectionOf(promise), expected, message, doesNotReject, 'rejection');
}

type Caught = { readonly error: unknown } | null;

function caughtFrom(fn: Thrower): Caught {
  try {
    fn();
    return null;
  } catch (error) {
    return { error };
  }
}

function rejectionOf(promise: AsyncThrower): Promise<Caught> {
  const given: unknown = typeof promise === 'function' ? promise() : promise;
  if (typeof (given as PromiseLike<unknown> | null)?.then !== 'function')
    throw invalidArgument('promiseFn', 'of type function or an instance of Promise', given);
  return Promise.resolve(given).then(
    () => null,
    (error: unknown) => ({ error }),
  );
}

/** There must be an error, and one that is as expected. */
function judge(caught: Caught, expected: unknown, given: Message, from: object, what: string): void {
  const message = typeof expected === 'string' ? expected : given;
  const wanted = typeof expected === 'string' ? undefined : expected;
  const details = typeof message === 'string' ? `: ${message}` : '.';
  if (caught === null) {
    const named = typeof wanted === 'function' && wanted.name !== '' ? ` (${wanted.name})` : '';
    check(
      false,
      undefined,
      wanted,
      from === throws ? 'throws' : 'rejects',
      Error.isError(message) ? message : `Missing expected ${what}${named}${details}`,
      from,
    );
  } else if (wanted !== undefined) requireAsExpected(caught.error, wanted, message, from);
}

function refuse(caught: Caught, expected: unknown, given: Message, from: object, what: string): void {
  if (caught === null) return;
  const message = typeof expected === 'string' ? expected : given;
  const wanted = typeof expected === 'string' ? undefined : expected;
  if (wanted !== undefined && !isAsExpected(caught.error, wanted)) throw caught.error;
  const said = Error.isError(caught.error) ? caught.error.message : String(caught.error);
  const text = `Got unwanted ${what}${typeof message === 'string' ? `: ${message}` : '.'}\nActual message: "${said}"`;
  check(
    false,
    caught.error,
    wanted,
    from === doesNotThrow ? 'doesNotThrow' : 'doesNotReject',
    Error.isError(message) ? message : text,
    from,
  );
}

function requireAsExpected(error: unknown, wanted: unknown, message: Message, from: object): void {
  if (isAsExpected(error, wanted)) return;
  if (typeof wanted === 'function' && wanted.prototype instanceof Error) throw error;
  const operator = from === throws ? 'throws' : 'rejects';
  check(false, error, wanted, operator, message ?? `The error is not as expected: ${String(error)}`, from);
}

/** A class, a pattern for its text, a function that says so, or an object of properties that it must have. */
function isAsExpected(error: unknown, wanted: unknown): boolean {
  if (wanted instanceof RegExp) return wanted.test(String(error));
  if (typeof wanted === 'function') {
    if (wanted.prototype !== undefined && error instanceof wanted) return true;
    if (wanted === Error || wanted.prototype instanceof Error) return false;
    return Reflect.apply(wanted as () => unknown, {}, [error]) === true;
  }
  if (typeof wanted !== 'object' || wanted === null)
    throw invalidArgument('expected', 'of type function or an instance of Error, RegExp, or Object', wanted);
  const keys = Error.isError(wanted) ? [...Object.keys(wanted), 'name', 'message'] : Object.keys(wanted);
  return keys.every((key) => {
    const [have, want] = [(error as Record<string, unknown>)[key], (wanted as Record<string, unknown>)[key]];
    return want instanceof RegExp && typeof have === 'string' ? want.test(have) : isDeepEqual(have, want, true);
  });
}

type Assert = (value: unknown, message?: Message) => asserts value;

const shared = { AssertionError, doesNotMatch, doesNotReject, doesNotThrow, fail, ifError, match, ok, rejects, throws };

export const strict: Assert = Object.assign(
  (value: unknown, message?: Message): asserts value => ok(value, message),
  shared,
  {
    deepEqual: deepStrictEqual,
    deepStrictEqual,
    equal: strictEqual,
    notDeepEqual: notDeepStrictEqual,
    notDeepStrictEqual,
    notEqual: notStrictEqual,
    notStrictEqual,
    strictEqual,
  },
);
Object.assign(strict, { strict });

const assert: Assert = Object.assign((value: unknown, message?: Message): asserts value => ok(value, message), shared, {
  deepEqual,
  deepStrictEqual,
  equal,
  notDeepEqual,
  notDeepStrictEqual,
  notEqual,
  notStrictEqual,
  strict,
  strictEqual,
});

export { AssertionError };
export default assert;
