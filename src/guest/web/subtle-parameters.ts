/** The parameters of SubtleCrypto's methods: how each is looked at when it is given, and how it is written into a request. */

import { algorithmText, copyOf, integerText, isSource, keyText, requireSource, type Operation } from './algorithms.ts';
import { isCryptoKey } from './crypto-key.ts';
import { dictionary, isObject, split, stringify, TypeError } from './primordials.ts';
import { eachOf, iterationOf } from './sequence.ts';
import type { ServiceCall } from './service-call.ts';

export interface Parameter {
  /** Converts it; `first` is what came of the first argument. Throws the TypeErrors of Web IDL. */
  look(value: unknown, first: unknown): unknown;
  /** As JSON, what {@link look} returned. */
  write(looked: unknown, call: ServiceCall): string;
  readonly isAlgorithm: boolean;
}

const FORMATS = namesOf('raw spki pkcs8 jwk raw-public raw-private raw-secret raw-seed');
const USAGES = namesOf('encrypt decrypt sign verify deriveKey deriveBits wrapKey unwrapKey');

/** Those of a JSON Web Key, in their order. */
const JWK_MEMBERS = split('alg crv d dp dq e ext k key_ops kty n oth p priv pub q qi use x y', ' ');
const PRIME_MEMBERS = split('d r t', ' ');

const asIs = (looked: unknown): string => looked as string;

export const algorithmOf = (operation: Operation): Parameter => ({
  look: (value) => (isObject(value) ? value : `${value as string}`),
  write: (looked, call) => algorithmText(operation, looked, call),
  isAlgorithm: true,
});

export const key: Parameter = {
  look(value) {
    if (!isCryptoKey(value)) throw new TypeError('What is given as a key is no CryptoKey');
    return value;
  },
  write: keyText,
  isAlgorithm: false,
};

export const data: Parameter = {
  look(value) {
    requireSource(value);
    return value;
  },
  write: (looked, call) => call.refer(copyOf(looked)),
  isAlgorithm: false,
};

export const flag: Parameter = { look: (value) => (value ? 'true' : 'false'), write: asIs, isAlgorithm: false };

export const length: Parameter = {
  look: (value) => (value === undefined || value === null ? 'null' : integerText(value)),
  write: asIs,
  isAlgorithm: false,
};

export const format: Parameter = {
  look: (value) => oneOf(FORMATS, value, 'format of keys'),
  write: (looked) => stringify(looked),
  isAlgorithm: false,
};

export const usages: Parameter = {
  look: (value) => textList(value, (item) => oneOf(USAGES, item, 'usage of keys')),
  write: asIs,
  isAlgorithm: false,
};

/** A JSON Web Key where the format says so, else bytes. */
export const keyData: Parameter = {
  look(value, first) {
    if (first !== 'jwk') requireSource(value);
    else if (isSource(value)) throw new TypeError('A key in the format jwk is no buffer');
    else return jwkText(value);
    return value;
  },
  write: (looked, call) => (typeof looked === 'string' ? looked : call.refer(copyOf(looked))),
  isAlgorithm: false,
};

function jwkText(value: unknown): string {
  return membersText(value, JWK_MEMBERS, (name, member) => {
    if (name === 'ext') return member ? 'true' : 'false';
    if (name === 'key_ops') return textList(member, (item) => `${item as string}`);
    if (name === 'oth') return `{"l":${listText(member, (prime) => membersText(prime, PRIME_MEMBERS, textOf, ''))}}`;
    return textOf(name, member);
  });
}

const textOf = (_name: string, member: unknown): string => stringify(`${member as string}`);

/** A dictionary's members that are there; in a `mark`ed object where nothing else says that it is one. */
function membersText(
  value: unknown,
  names: readonly string[],
  memberText: (name: string, member: unknown) => string,
  mark = 'd',
): string {
  if (value !== undefined && value !== null && !isObject(value))
    throw new TypeError('A key in the format jwk is an object');
  let text = '';
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const member = isObject(value) ? (value as Record<string, unknown>)[name] : undefined;
    if (member !== undefined) text += `${text === '' ? '' : ','}"${name}":${memberText(name, member)}`;
  }
  return mark === '' ? `{${text}}` : `{"${mark}":{${text}}}`;
}

const textList = (value: unknown, convert: (item: unknown) => string): string =>
  listText(value, (item) => stringify(convert(item)));

function listText(value: unknown, itemText: (item: unknown) => string): string {
  const method = isObject(value) ? iterationOf(value) : null;
  if (method === null) throw new TypeError('What should be a list cannot be iterated over');
  let text = '';
  eachOf(value as object, method, (item) => void (text += text === '' ? itemText(item) : `,${itemText(item)}`));
  return `[${text}]`;
}

function oneOf(names: Readonly<Record<string, true>>, value: unknown, what: string): string {
  const name = `${value as string}`;
  if (names[name] !== true) throw new TypeError(`There is no ${what} that is called ${stringify(name)}`);
  return name;
}

function namesOf(list: string): Readonly<Record<string, true>> {
  const names = dictionary<true>();
  for (const name of split(list, ' ')) names[name] = true;
  return names;
}
