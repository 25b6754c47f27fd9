/** DOMException: an Error with a name from a list, and the number that the name had long ago. */

import { captureStack, dictionary, hide, toText } from './primordials.ts';

const NAMES = [
  'IndexSizeError',
  '',
  'HierarchyRequestError',
  'WrongDocumentError',
  'InvalidCharacterError',
  '',
  'NoModificationAllowedError',
  'NotFoundError',
  'NotSupportedError',
  'InUseAttributeError',
  'InvalidStateError',
  'SyntaxError',
  'InvalidModificationError',
  'NamespaceError',
  'InvalidAccessError',
  '',
  'TypeMismatchError',
  'SecurityError',
  'NetworkError',
  'AbortError',
  'URLMismatchError',
  'QuotaExceededError',
  'TimeoutError',
  'InvalidNodeTypeError',
  'DataCloneError',
];

const codes = dictionary<number>();

export class DOMException extends Error {
  readonly #name: string;
  readonly #message: string;

  constructor(message: unknown = '', options: unknown = 'Error') {
    super();
    const named = typeof options === 'object' && options !== null;
    this.#message = toText(message);
    this.#name = named ? toText((options as { name?: unknown }).name ?? 'Error') : toText(options);
    if (named && 'cause' in options) hide(this, 'cause', options.cause);
    captureStack(this, DOMException);
  }

  override get name(): string {
    return this.#name;
  }

  override get message(): string {
    return this.#message;
  }

  get code(): number {
    return codes[this.#name] ?? 0;
  }

  get [Symbol.toStringTag](): string {
    return 'DOMException';
  }
}

for (let i = 0; i < NAMES.length; i++) {
  const name = NAMES[i] as string;
  if (name === '') continue;
  codes[name] = i + 1;
  const constant = { value: i + 1, enumerable: true };
  const key = constantName(name);
  Object.defineProperty(DOMException, key, constant);
  Object.defineProperty(DOMException.prototype, key, constant);
}

/** `InvalidStateError` → `INVALID_STATE_ERR`; `InUse` is one word and so is `URL`. */
function constantName(name: string): string {
  const words = name.slice(0, -'Error'.length).replace('InUse', 'Inuse').replace('URL', 'Url');
  return `${words.replace(/(?!^)[A-Z]/g, '_$&').toUpperCase()}_ERR`;
}
