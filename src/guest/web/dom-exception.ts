/** DOMException: an Error with a name from a list, and the number that the name had long ago. */

import { defineConstant, defineInterface } from './interface.ts';
import { definePlatformKind } from './platform-objects.ts';
import {
  captureStack,
  construct,
  defineProperty,
  dictionary,
  hide,
  isObject,
  setPrototypeOf,
  domString,
  TypeError,
} from './primordials.ts';

/** The constants in their order, from 1. Those without a name of an error stand for nothing any more. */
const CODES: readonly (readonly [constant: string, name?: string])[] = [
  ['INDEX_SIZE_ERR', 'IndexSizeError'],
  ['DOMSTRING_SIZE_ERR'],
  ['HIERARCHY_REQUEST_ERR', 'HierarchyRequestError'],
  ['WRONG_DOCUMENT_ERR', 'WrongDocumentError'],
  ['INVALID_CHARACTER_ERR', 'InvalidCharacterError'],
  ['NO_DATA_ALLOWED_ERR'],
  ['NO_MODIFICATION_ALLOWED_ERR', 'NoModificationAllowedError'],
  ['NOT_FOUND_ERR', 'NotFoundError'],
  ['NOT_SUPPORTED_ERR', 'NotSupportedError'],
  ['INUSE_ATTRIBUTE_ERR', 'InUseAttributeError'],
  ['INVALID_STATE_ERR', 'InvalidStateError'],
  ['SYNTAX_ERR', 'SyntaxError'],
  ['INVALID_MODIFICATION_ERR', 'InvalidModificationError'],
  ['NAMESPACE_ERR', 'NamespaceError'],
  ['INVALID_ACCESS_ERR', 'InvalidAccessError'],
  ['VALIDATION_ERR'],
  ['TYPE_MISMATCH_ERR', 'TypeMismatchError'],
  ['SECURITY_ERR', 'SecurityError'],
  ['NETWORK_ERR', 'NetworkError'],
  ['ABORT_ERR', 'AbortError'],
  ['URL_MISMATCH_ERR', 'URLMismatchError'],
  ['QUOTA_EXCEEDED_ERR', 'QuotaExceededError'],
  ['TIMEOUT_ERR', 'TimeoutError'],
  ['INVALID_NODE_TYPE_ERR', 'InvalidNodeTypeError'],
  ['DATA_CLONE_ERR', 'DataCloneError'],
];

export interface DOMException extends Error {
  readonly code: number;
}

interface DOMExceptionConstructor {
  new (message?: unknown, options?: unknown): DOMException;
  readonly prototype: DOMException;
}

const codes = dictionary<number>();

/** Puts private fields on an object that is there already: the engine makes errors, and only the engine can. */
const Adopted = function (error: object): object {
  return error;
} as unknown as new (error: object) => object;

class State extends Adopted {
  readonly #name: string;
  readonly #message: string;

  constructor(error: object, name: string, message: string) {
    super(error);
    this.#name = name;
    this.#message = message;
  }

  static isIn(value: object): boolean {
    return #name in value;
  }

  static nameOf(error: object): string {
    return (error as State).#name;
  }

  static messageOf(error: object): string {
    return (error as State).#message;
  }
}

const { isIn, nameOf, messageOf } = State;

/** Whether it was made by the constructor, whatever its prototype is by now. */
export const isDOMException = (value: object): value is DOMException => isIn(value);

const Native = globalThis.Error;

function construction(this: unknown, message: unknown = '', options: unknown = 'Error'): object {
  if (new.target === undefined) throw new TypeError("Constructor DOMException requires 'new'");
  const error = construct(Native, [], new.target);
  const named = isObject(options);
  const name = named ? (options as { name?: unknown }).name : options;
  const text = domString(message);
  void new State(error, name === undefined ? 'Error' : domString(name), text);
  if (named && 'cause' in options) hide(error, 'cause', options.cause);
  captureStack(error, construction);
  return error;
}

export const DOMException: DOMExceptionConstructor = construction as never;

const members = {
  get name(): string {
    return nameOf(this);
  },
  get message(): string {
    return messageOf(this);
  },
  get code(): number {
    return codes[nameOf(this)] ?? 0;
  },
};
setPrototypeOf(members, Native.prototype);
hide(members, 'constructor', DOMException);
defineProperty(DOMException, 'prototype', { __proto__: null, value: members, writable: false });
defineInterface(DOMException, 'DOMException');

definePlatformKind({
  isA: isDOMException,
  clone(error) {
    const clone = new DOMException(messageOf(error), nameOf(error));
    const { stack } = error as { stack?: unknown };
    if (typeof stack === 'string') hide(clone, 'stack', stack);
    return clone;
  },
});

for (let i = 0; i < CODES.length; i++) {
  const code = CODES[i] as (typeof CODES)[number];
  const name = code[1];
  defineConstant(DOMException, code[0], i + 1);
  if (name !== undefined) codes[name] = i + 1;
}
