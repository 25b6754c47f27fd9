/**
 * SubtleCrypto: what it is given is read here as Web IDL says, copied, and sent to the executor, where the work is done, on
 * other threads.
 */

import { copyOf, isSource, sizeOf } from './algorithms.ts';
import { CryptoKey, makeKey, type KeyRecord } from './crypto-key.ts';
import { rejected, resolved } from './engine.ts';
import { defineInterface, illegalConstructor, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import {
  defineProperty,
  dictionary,
  hasOwn,
  hide,
  isArray,
  put,
  rename,
  TypeError,
  typedArrayBuffer,
} from './primordials.ts';
import { ServiceCall } from './service-call.ts';
import * as take from './subtle-parameters.ts';
import type { Parameter } from './subtle-parameters.ts';

const PARAMETERS: Readonly<Record<string, readonly Parameter[]>> = {
  __proto__: null as never,
  encrypt: [take.algorithmOf('encrypt'), take.key, take.data],
  decrypt: [take.algorithmOf('encrypt'), take.key, take.data],
  sign: [take.algorithmOf('sign'), take.key, take.data],
  verify: [take.algorithmOf('sign'), take.key, take.data, take.data],
  digest: [take.algorithmOf('digest'), take.data],
  generateKey: [take.algorithmOf('generate'), take.flag, take.usages],
  deriveKey: [take.algorithmOf('derive'), take.key, take.algorithmOf('derived'), take.flag, take.usages],
  deriveBits: [take.algorithmOf('derive'), take.key, take.length],
  importKey: [take.format, take.keyData, take.algorithmOf('import'), take.flag, take.usages],
  exportKey: [take.format, take.key],
  wrapKey: [take.format, take.key, take.key, take.algorithmOf('encrypt')],
  unwrapKey: [
    take.format,
    take.data,
    take.key,
    take.algorithmOf('encrypt'),
    take.algorithmOf('import'),
    take.flag,
    take.usages,
  ],
};

/** By the names that everybody writes; the other ways to name them are the executor's. */
const SMALL: Readonly<Record<string, true>> = {
  __proto__: null as never,
  'SHA-256': true,
  'SHA-384': true,
  'SHA-512': true,
};
const SMALL_BYTES = 4096;

const MAKE: object = {};

class SubtleCrypto {
  readonly #isOne = true;

  constructor(token: unknown = undefined) {
    if (token !== MAKE) throw illegalConstructor();
  }

  static isOne(value: object): boolean {
    return #isOne in value && value.#isOne;
  }
}

const { isOne } = SubtleCrypto;
delete (SubtleCrypto as unknown as { isOne?: unknown }).isOne;

/** Each has as many parameters as it needs arguments, and no prototype. */
for (const name of Object.keys(PARAMETERS)) {
  const { method } = {
    method(this: object): Promise<unknown> {
      return run(this, name, arguments);
    },
  };
  rename(method, name);
  defineProperty(method, 'length', { __proto__: null, value: neededBy(name), configurable: true });
  hide(SubtleCrypto.prototype, name, method);
}

function neededBy(name: string): number {
  // The length of what deriveBits() gives may be left out.
  return name === 'deriveBits' ? 2 : (PARAMETERS[name] as readonly Parameter[]).length;
}

/** What takes less time to hash here than to ask for. */
function isSmall(algorithm: unknown, data: unknown): boolean {
  return typeof algorithm === 'string' && SMALL[algorithm] === true && isSource(data) && sizeOf(data) <= SMALL_BYTES;
}

/** A promise, whatever is wrong. */
function run(self: object, name: string, args: ArrayLike<unknown>): Promise<unknown> {
  try {
    if (!isOne(self)) throw new TypeError(`subtle.${name}() needs a SubtleCrypto`);
    if (name === 'digest' && isSmall(args[0], args[1]))
      return resolved(modules.hashes().digest(args[0] as string, copyOf(args[1])));
    return callOf(name, args).send(resultOf);
  } catch (error) {
    return rejected(error);
  }
}

/** Every argument is looked at before the first is read, and algorithms before data: a getter of theirs may change it. */
function callOf(name: string, args: ArrayLike<unknown>): ServiceCall {
  const parameters = PARAMETERS[name] as readonly Parameter[];
  requireArguments(args.length, neededBy(name), `subtle.${name}()`);
  const looked = dictionary<unknown>();
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i] as Parameter;
    looked[i] = parameter.look(args[i], looked[0]);
  }
  const call = new ServiceCall(`subtle.${name}`);
  const texts = dictionary<string>();
  const write = (areAlgorithms: boolean): void => {
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i] as Parameter;
      if (parameter.isAlgorithm === areAlgorithms) texts[i] = parameter.write(looked[i], call);
    }
  };
  write(true);
  write(false);
  for (let i = 0; i < parameters.length; i++) call.add(texts[i] as string);
  return call;
}

function resultOf(value: unknown, buffers: Readonly<Record<number, Uint8Array>>): unknown {
  if (value === null) return typedArrayBuffer(buffers[0]);
  if (isArray(value)) return keyOf(value as never, buffers);
  if (typeof value !== 'object' || !hasOwn(value, 'pair')) return value;
  const { pair } = value as { readonly pair: readonly [KeyRecord, KeyRecord] };
  const keys = {};
  put(keys, 'publicKey', keyOf(pair[0], buffers));
  put(keys, 'privateKey', keyOf(pair[1], buffers));
  return keys;
}

const keyOf = (record: KeyRecord, buffers: Readonly<Record<number, Uint8Array>>): CryptoKey =>
  makeKey(record, buffers[record[5]] as Uint8Array);

defineInterface(SubtleCrypto, 'SubtleCrypto');

export { CryptoKey, SubtleCrypto };
export const subtle: SubtleCrypto = new SubtleCrypto(MAKE);
