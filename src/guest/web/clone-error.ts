/** Errors, copied: their kind among those of the language, message, stack and cause. */

import { getOwnPropertyDescriptor, hasOwn, hide, domString } from './primordials.ts';

const { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } = globalThis;
const KINDS = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** `remember` is told of the copy before its cause is copied, which may lead back to it. */
export function cloneError(
  error: object,
  remember: (clone: object) => void,
  cloneOf: (value: unknown) => unknown,
): object {
  const { name, stack, cause } = error as { name?: unknown; stack?: unknown; cause?: unknown };
  const known = name === undefined ? 'Error' : domString(name);
  const Kind = known in KINDS ? KINDS[known as 'Error'] : Error;
  const clone = new Kind();
  remember(clone);
  const message = getOwnPropertyDescriptor(error, 'message');
  if (message !== undefined && hasOwn(message, 'value')) hide(clone, 'message', domString(message.value));
  if (typeof stack === 'string') hide(clone, 'stack', stack);
  if (hasOwn(error, 'cause')) hide(clone, 'cause', cloneOf(cause));
  return clone;
}
