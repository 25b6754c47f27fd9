/** What a failed assertion throws. */

import { inspect } from './inspect.ts';

interface AssertionOptions {
  readonly message?: string | Error | undefined;
  readonly actual?: unknown;
  readonly expected?: unknown;
  readonly operator?: string;
  readonly stackStartFn?: object;
  /** What is said in the place of a message. */
  readonly generated?: string | undefined;
}

/** What a comparison says when it fails. */
const SENTENCES: Readonly<Record<string, string>> = {
  deepEqual: 'Expected values to be loosely deep-equal:',
  deepStrictEqual: 'Expected values to be strictly deep-equal:',
  strictEqual: 'Expected values to be strictly equal:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
};

export class AssertionError extends Error {
  override readonly name: string = 'AssertionError';
  readonly code = 'ERR_ASSERTION';
  readonly generatedMessage: boolean;
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string | undefined;

  constructor({ message, actual, expected, operator, stackStartFn, generated }: AssertionOptions) {
    super(message === undefined ? (generated ?? sentence(actual, expected, operator)) : String(message));
    this.generatedMessage = message === undefined;
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
    if (stackStartFn !== undefined) captureStack(this, stackStartFn);
  }

  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}

const { captureStackTrace: captureStack } = Error as unknown as {
  captureStackTrace(error: Error, from: object): void;
};

function sentence(actual: unknown, expected: unknown, operator = 'fail'): string {
  const start = SENTENCES[operator];
  if (start === undefined) return `${inspect(actual)} ${operator} ${inspect(expected)}`;
  if (operator.startsWith('not')) return `${start}\n\n${inspect(expected)}`;
  return `${start}\n+ actual - expected\n\n+ ${marked(actual, '+')}\n- ${marked(expected, '-')}\n`;
}

const marked = (value: unknown, mark: string): string => inspect(value).replaceAll('\n', `\n${mark} `);
