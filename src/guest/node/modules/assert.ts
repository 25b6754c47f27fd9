/** node:assert. */

import { AssertionError } from '../lib/assertion-error.ts';
import { isDeepEqual } from '../lib/deep-equal.ts';
import { invalidArgument, requireFunction } from '../lib/errors.ts';
import { inspect } from '../lib/inspect.ts';

type Message = string | Error | undefined;
type Promised = Promise<unknown> | (() => Promise<unknown>);
type Compare = (actual: unknown, expected: unknown, message?: Message) => void;
type Assert = (value: unknown, message?: Message) => asserts value;
type Caught = { readonly error: unknown } | null;

interface Failure {
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string;
  /** The caller's own words; an error is thrown in the place of ours. */
  readonly message: Message;
  /** What is said without them; by default what the operator says. */
  readonly generated?: string;
}

function raise({ message, ...failure }: Failure, from: object): never {
  if (Error.isError(message)) throw message;
  throw new AssertionError({ ...failure, message, stackStartFn: from });
}

function comparing(operator: string, holds: (actual: unknown, expected: unknown) => boolean): Compare {
  const compare: Compare = (actual, expected, message) => {
    if (!holds(actual, expected)) raise({ actual, expected, operator, message }, compare);
  };
  return compare;
}

const isLooselyEqual = (a: unknown, b: unknown): boolean => a == b || (a !== a && b !== b);
const isLooselyDeepEqual = (a: unknown, b: unknown): boolean => isDeepEqual(a, b, false);
const isStrictlyDeepEqual = (a: unknown, b: unknown): boolean => isDeepEqual(a, b, true);
const not =
  (holds: (a: unknown, b: unknown) => boolean) =>
  (a: unknown, b: unknown): boolean =>
    !holds(a, b);

export const equal: Compare = comparing('==', isLooselyEqual);
export const notEqual: Compare = comparing('!=', not(isLooselyEqual));
export const strictEqual: Compare = comparing('strictEqual', Object.is);
export const notStrictEqual: Compare = comparing('notStrictEqual', not(Object.is));
export const deepEqual: Compare = comparing('deepEqual', isLooselyDeepEqual);
export const notDeepEqual: Compare = comparing('notDeepEqual', not(isLooselyDeepEqual));
export const deepStrictEqual: Compare = comparing('deepStrictEqual', isStrictlyDeepEqual);
export const notDeepStrictEqual: Compare = comparing('notDeepStrictEqual', not(isStrictlyDeepEqual));

export function ok(value: unknown, message?: Message): asserts value {
  if (value) return;
  const generated = 'The expression evaluated to a falsy value';
  raise({ actual: value, expected: true, operator: '==', message, generated }, ok);
}

export function fail(message?: string | Error): never {
  raise({ actual: undefined, expected: undefined, operator: 'fail', message, generated: 'Failed' }, fail);
}

export function ifError(value: unknown): void {
  if (value === null || value === undefined) return;
  const said = Error.isError(value) ? (value.message === '' ? value.constructor.name : value.message) : inspect(value);
  const message = `ifError got unwanted exception: ${said}`;
  raise({ actual: value, expected: null, operator: 'ifError', message }, ifError);
}

export function match(text: unknown, pattern: RegExp, message?: Message): void {
  if (typeof text === 'string' && pattern.test(text)) return;
  const generated = `The input did not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`;
  raise({ actual: text, expected: pattern, operator: 'match', message, generated }, match);
}

export function doesNotMatch(text: unknown, pattern: RegExp, message?: Message): void {
  if (typeof text !== 'string' || !pattern.test(text)) return;
  const generated = `The input was expected to not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`;
  raise({ actual: text, expected: pattern, operator: 'doesNotMatch', message, generated }, doesNotMatch);
}

export function throws(fn: () => unknown, ...expectation: [expected?: unknown, message?: Message]): void {
  requireFunction('fn', fn);
  requireThrown(caughtFrom(fn), 'throws', throws, expectation);
}

export function doesNotThrow(fn: () => unknown, ...expectation: [expected?: unknown, message?: Message]): void {
  requireFunction('fn', fn);
  refuseThrown(caughtFrom(fn), 'doesNotThrow', doesNotThrow, expectation);
}

export async function rejects(
  promise: Promised,
  ...expectation: [expected?: unknown, message?: Message]
): Promise<void> {
  requireThrown(await rejectionOf(promise), 'rejects', rejects, expectation);
}

export async function doesNotReject(
  promise: Promised,
  ...expectation: [expected?: unknown, message?: Message]
): Promise<void> {
  refuseThrown(await rejectionOf(promise), 'doesNotReject', doesNotReject, expectation);
}

function caughtFrom(fn: () => unknown): Caught {
  try {
    fn();
    return null;
  } catch (error) {
    return { error };
  }
}

function rejectionOf(promise: Promised): Promise<Caught> {
  const given: unknown = typeof promise === 'function' ? promise() : promise;
  if (typeof (given as PromiseLike<unknown> | null)?.then !== 'function')
    throw invalidArgument('promiseFn', 'of type function or an instance of Promise', given);
  return Promise.resolve(given).then(
    () => null,
    (error: unknown) => ({ error }),
  );
}

/** What is expected may be left out before the message. */
function read([expected, message]: [expected?: unknown, message?: Message]): { expected: unknown; message: Message } {
  return typeof expected === 'string' ? { expected: undefined, message: expected } : { expected, message };
}

function requireThrown(
  caught: Caught,
  operator: 'rejects' | 'throws',
  from: object,
  expectation: [expected?: unknown, message?: Message],
): void {
  const { expected, message } = read(expectation);
  if (caught === null) {
    const what = operator === 'throws' ? 'exception' : 'rejection';
    const named = typeof expected === 'function' && expected.name !== '' ? ` (${expected.name})` : '';
    const details = typeof message === 'string' ? `: ${message}` : '.';
    const whole = Error.isError(message) ? message : `Missing expected ${what}${named}${details}`;
    raise({ actual: undefined, expected, operator, message: whole }, from);
  }
  if (expected === undefined) return;
  const generated = mismatch(caught.error, expected);
  if (generated !== null) raise({ actual: caught.error, expected, operator, message, generated }, from);
}

function refuseThrown(
  caught: Caught,
  operator: 'doesNotReject' | 'doesNotThrow',
  from: object,
  expectation: [expected?: unknown, message?: Message],
): void {
  if (caught === null) return;
  const { expected, message } = read(expectation);
  const { error } = caught;
  if (expected !== undefined && mismatch(error, expected) !== null) throw error;
  const what = operator === 'doesNotThrow' ? 'exception' : 'rejection';
  const details = typeof message === 'string' ? `: ${message}` : '.';
  const said = (error as { message?: unknown } | null)?.message;
  const whole = `Got unwanted ${what}${details}\nActual message: "${typeof said === 'string' ? said : ''}"`;
  raise({ actual: error, expected, operator, message: Error.isError(message) ? message : whole }, from);
}

/** Null where an error is as expected: of a class, matching a pattern, accepted by a function, with the properties. */
function mismatch(error: unknown, expected: unknown): string | null {
  if (expected instanceof RegExp) {
    if (expected.test(String(error))) return null;
    return `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(String(error))}\n`;
  }
  if (typeof expected === 'function') return mismatchOfFunction(error, expected);
  if (typeof expected !== 'object' || expected === null)
    throw invalidArgument('expected', 'of type function or an instance of Error, RegExp, or Object', expected);
  const keys = Error.isError(expected) ? [...Object.keys(expected), 'name', 'message'] : Object.keys(expected);
  const wrong = keys.find((key) => {
    const have: unknown = (error as Record<string, unknown> | null)?.[key];
    const want = (expected as Record<string, unknown>)[key];
    return want instanceof RegExp && typeof have === 'string' ? !want.test(have) : !isDeepEqual(have, want, true);
  });
  if (wrong === undefined) return null;
  const [have, want] = [error, expected].map((owner) => inspect((owner as Record<string, unknown> | null)?.[wrong]));
  return `The error's ${JSON.stringify(wrong)} is not as expected:\n\n+ ${have}\n- ${want}\n`;
}

function mismatchOfFunction(error: unknown, expected: object): string | null {
  const { name, prototype } = expected as { name: string; prototype?: unknown };
  if (prototype !== undefined && error instanceof (expected as new () => object)) return null;
  if (expected === Error || prototype instanceof Error) {
    const received = Error.isError(error)
      ? `"${error.constructor.name}"\n\nError message:\n\n${error.message}`
      : `"${inspect(error, { depth: -1 })}"`;
    return `The error is expected to be an instance of "${name}". Received ${received}`;
  }
  const said: unknown = Reflect.apply(expected as () => unknown, {}, [error]);
  if (said === true) return null;
  const validation = name === '' ? 'The validation function' : `The "${name}" validation function`;
  return `${validation} is expected to return "true". Received ${inspect(said)}\n\nCaught error:\n\n${String(error)}`;
}

const shared = { AssertionError, doesNotMatch, doesNotReject, doesNotThrow, fail, ifError, match, ok, rejects, throws };
const strictly = { deepStrictEqual, notDeepStrictEqual, notStrictEqual, strictEqual };
const callable = (value: unknown, message?: Message): asserts value => ok(value, message);

export const strict: Assert = Object.assign(callable.bind(null), shared, strictly, {
  deepEqual: deepStrictEqual,
  equal: strictEqual,
  notDeepEqual: notDeepStrictEqual,
  notEqual: notStrictEqual,
});
Object.assign(strict, { strict });

const assert: Assert = Object.assign(callable.bind(null), shared, strictly, {
  deepEqual,
  equal,
  notDeepEqual,
  notEqual,
  strict,
});

export { AssertionError };
export default assert;
