/** Errors with the codes and sentences that packages look for. */

interface Coded extends Error {
  code: string;
}

function coded<T extends Error>(error: T, code: string): T & Coded {
  const { stack } = error;
  // As Node shows it: the code stands in the stack, not in the name.
  if (typeof stack === 'string') {
    Object.defineProperty(error, 'stack', {
      value: stack.replace(error.name, `${error.name} [${code}]`),
      writable: true,
      configurable: true,
    });
  }
  return Object.assign(error, { code });
}

export const codedError = (code: string, message: string): Error => coded(new Error(message), code);
export const codedTypeError = (code: string, message: string): Error => coded(new TypeError(message), code);
export const codedRangeError = (code: string, message: string): Error => coded(new RangeError(message), code);

/** `expected`: "of type string". */
export function invalidArgument(name: string, expected: string, value: unknown): Error {
  const what = name.includes('.') ? 'property' : 'argument';
  return codedTypeError(
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" ${what} must be ${expected}. Received ${received(value)}`,
  );
}

export function outOfRange(name: string, expected: string, value: unknown): Error {
  return codedRangeError(
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${expected}. Received ${String(value)}`,
  );
}

export function requireFunction(name: string, value: unknown): asserts value is (...args: unknown[]) => unknown {
  if (typeof value !== 'function') throw invalidArgument(name, 'of type function', value);
}

export function requireString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw invalidArgument(name, 'of type string', value);
}

export function abortError(cause: unknown): Error {
  const error = new Error('The operation was aborted', { cause });
  error.name = 'AbortError';
  return coded(error, 'ABORT_ERR');
}

function received(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value as { constructor?: { name?: string } }).constructor?.name;
    return name === undefined ? '[Object: null prototype] {}' : `an instance of ${name}`;
  }
  const text =
    typeof value === 'string'
      ? `'${value.length > 25 ? `${value.slice(0, 25)}...` : value}'`
      : (value as number).toString();
  return `type ${typeof value} (${typeof value === 'bigint' ? `${text}n` : text})`;
}
