/**
 * Classes as Web IDL describes interfaces: their members can be enumerated, their prototypes carry their names, and a
 * method that is called with too little says so.
 */

import { definePlatformPrototype } from './platform-objects.ts';
import { defineProperty, ownKeys, rename, TypeError } from './primordials.ts';

interface Interface {
  readonly prototype: object;
}

/** Call it once for a class, after its last member is defined. */
export function defineInterface(constructor: Interface, name: string): void {
  nameInterface(constructor, name);
  showInterface(constructor);
}

/** Its members can be enumerated from now on. */
export function showInterface(constructor: Interface): void {
  showMembers(constructor);
  showMembers(constructor.prototype);
}

/** All of an interface but what {@link showInterface} does, for classes that are there before anybody asks for them. */
export function nameInterface(constructor: Interface, name: string): void {
  const { prototype } = constructor;
  rename(constructor, name);
  defineTag(prototype, name);
  definePlatformPrototype(prototype);
}

/** Of a namespace or an interface's prototype: what `Object.prototype.toString` says of it. */
export function defineTag(target: object, name: string): void {
  defineProperty(target, Symbol.toStringTag, {
    __proto__: null,
    value: name,
    writable: false,
    enumerable: false,
    configurable: true,
  });
}

/** On the interface and on its prototype. */
export function defineConstant(constructor: Interface, key: string, value: number): void {
  const constant = { __proto__: null, value, writable: false, enumerable: true, configurable: false };
  defineProperty(constructor, key, constant);
  defineProperty(constructor.prototype, key, constant);
}

/** Throws the TypeError that is owed to a call with fewer arguments than `needed`. */
export function requireArguments(given: number, needed: number, method: string): void {
  if (given >= needed) return;
  throw new TypeError(`${method} needs ${needed} argument${needed === 1 ? '' : 's'}, and got ${given}`);
}

export const illegalConstructor = (): TypeError => new TypeError('Illegal constructor');

/** What a function has of its own accord. */
const isOwnOfFunction = (key: PropertyKey): boolean => key === 'prototype' || key === 'length' || key === 'name';
/** Of a property that is there, only this changes. */
const SHOWN: object = { __proto__: null, enumerable: true };

function showMembers(target: object): void {
  const keys = ownKeys(target);
  const isFunction = typeof target === 'function';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as PropertyKey;
    if (typeof key === 'symbol' || key === 'constructor' || (isFunction && isOwnOfFunction(key))) continue;
    defineProperty(target, key, SHOWN);
  }
}
