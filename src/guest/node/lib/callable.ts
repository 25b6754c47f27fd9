/**
 * Classes as Node had them before the language did: packages call them on objects of their own (`Stream.call(this)`),
 * after `util.inherits`, and some forget `new`.
 */

type Class<T extends object> = abstract new (...args: never[]) => T;

/**
 * The class `type` with a constructor that may be called. `type` itself must keep no state and have no constructor: what
 * there is to set up is done by `init`, which has to set up the parent as well.
 */
export function callable<T extends object, A extends unknown[]>(
  name: string,
  type: Class<T>,
  parent: object | null,
  init: (self: T, ...args: A) => void,
): new (...args: A) => T {
  const constructor = function (this: T, ...args: A): T | undefined {
    if (!(this instanceof constructor)) return new (constructor as unknown as new (...args: A) => T)(...args);
    init(this, ...args);
    return undefined;
  };
  if (parent !== null) Object.setPrototypeOf(constructor, parent);
  for (const key of Reflect.ownKeys(type)) {
    if (key === 'length' || key === 'name' || key === 'prototype') continue;
    Object.defineProperty(constructor, key, Object.getOwnPropertyDescriptor(type, key)!);
  }
  Object.defineProperty(constructor, 'name', { value: name, configurable: true });
  constructor.prototype = type.prototype;
  Object.defineProperty(type.prototype, 'constructor', { value: constructor, writable: true, configurable: true });
  return constructor as unknown as new (...args: A) => T;
}
