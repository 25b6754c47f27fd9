/**
 * node:async_hooks: AsyncLocalStorage and AsyncResource.
 *
 * The stores of the code that runs now are one map, replaced and never changed. The engine carries it to every
 * continuation, timer and stream callback that this code starts, as it carries the invocation itself.
 */

import { invalidArgument, requireFunction } from '../lib/errors.ts';
import { services } from '../services.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- whatever is to be called
type Callable = (...args: any[]) => any;
type Stores = ReadonlyMap<object, unknown>;

const NONE: Stores = new Map();
const current = (): Stores => (services.getStores() as Stores | null) ?? NONE;

function withStores<R>(stores: Stores, fn: () => R): R {
  const before = services.getStores();
  services.setStores(stores);
  try {
    return fn();
  } finally {
    services.setStores(before);
  }
}

interface StorageOptions<T> {
  readonly defaultValue?: T;
  readonly name?: string;
}

export class AsyncLocalStorage<T> {
  readonly name: string;
  readonly #defaultValue: T | undefined;

  constructor({ defaultValue, name = '' }: StorageOptions<T> = {}) {
    this.#defaultValue = defaultValue;
    this.name = name;
  }

  /** The function, to be run with the stores of now. */
  static bind<F extends Callable>(fn: F): F {
    requireFunction('fn', fn);
    return services.bindContext(fn as Callable) as F;
  }

  /** What runs a function with the stores of now. */
  static snapshot(): <R>(fn: (...args: unknown[]) => R, ...args: unknown[]) => R {
    return services.bindContext((fn: Callable, ...args: unknown[]) => fn(...args) as never);
  }

  getStore(): T | undefined {
    const stores = current();
    return stores.has(this) ? (stores.get(this) as T) : this.#defaultValue;
  }

  run<R>(store: T, fn: (...args: unknown[]) => R, ...args: unknown[]): R {
    return withStores(new Map(current()).set(this, store), () => fn(...args));
  }

  exit<R>(fn: (...args: unknown[]) => R, ...args: unknown[]): R {
    return withStores(without(this), () => fn(...args));
  }

  /** For the rest of what runs now, and what it starts. */
  enterWith(store: T): void {
    services.setStores(new Map(current()).set(this, store));
  }

  disable(): void {
    services.setStores(without(this));
  }
}

function without(storage: object): Stores {
  const stores = new Map(current());
  stores.delete(storage);
  return stores;
}

let lastId = 0;

/** Runs functions with the invocation and the stores of when it was made. */
export class AsyncResource {
  readonly #type: string;
  readonly #id: number = ++lastId;
  readonly #run: (fn: Callable, self: unknown, args: unknown[]) => unknown;

  constructor(type: string) {
    if (typeof type !== 'string') throw invalidArgument('type', 'of type string', type);
    this.#type = type;
    this.#run = services.bindContext((fn: Callable, self: unknown, args: unknown[]): unknown =>
      Reflect.apply(fn, self, args),
    );
  }

  static bind<F extends Callable>(fn: F, type?: string, self?: unknown): F {
    return new AsyncResource(type ?? (fn.name || 'bound-anonymous-fn')).bind(fn, self);
  }

  get type(): string {
    return this.#type;
  }

  runInAsyncScope<R>(fn: (...args: unknown[]) => R, self?: unknown, ...args: unknown[]): R {
    return this.#run(fn, self, args) as R;
  }

  bind<F extends Callable>(fn: F, ...self: unknown[]): F {
    requireFunction('fn', fn);
    const run = this.#run;
    const fixed = self.length > 0 && self[0] !== undefined;
    const bound = function (this: unknown, ...args: unknown[]): unknown {
      return run(fn, fixed ? self[0] : this, args);
    };
    return Object.defineProperty(bound, 'length', { value: fn.length, configurable: true }) as unknown as F;
  }

  asyncId(): number {
    return this.#id;
  }

  triggerAsyncId(): number {
    return 0;
  }

  emitDestroy(): this {
    return this;
  }
}

const all: object = { AsyncLocalStorage, AsyncResource };

export default all;
