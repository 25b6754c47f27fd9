/** Delegation: a cheap stand-in for one of Node's classes has its other members from the real thing, made on demand. */

type Class = { readonly name: string; readonly prototype: object };

/** Makes instances of `quick` instances of `native` too; a member that `quick` lacks is asked of what `real` makes of it. */
export function delegate<Q extends object>(
  quick: Class & { readonly prototype: Q },
  native: Class,
  real: (instance: Q) => object,
): void {
  Object.setPrototypeOf(quick.prototype, native.prototype);
  Object.defineProperty(quick.prototype, 'constructor', { value: native, configurable: true, writable: true });
  for (const key of Reflect.ownKeys(native.prototype)) {
    if (Object.hasOwn(quick.prototype, key)) continue;
    const { get, value } = Object.getOwnPropertyDescriptor(native.prototype, key) as PropertyDescriptor;
    if (get !== undefined)
      Object.defineProperty(quick.prototype, key, {
        get(this: Q): unknown {
          return Reflect.apply(get, real(this), []);
        },
        configurable: true,
      });
    else if (typeof value === 'function')
      Object.defineProperty(quick.prototype, key, {
        value(this: Q, ...args: unknown[]): unknown {
          return Reflect.apply(value as () => unknown, real(this), args);
        },
        configurable: true,
        writable: true,
      });
  }
}
