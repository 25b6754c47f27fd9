/**
 * WebAssembly, for functions that may use it: modules come from bytes that were deployed, or from any where the function
 * may make code; and what their memories hold counts, since the engine does not count it.
 *
 * Nothing compiles behind a turn's back: what the engine would do on a thread of its own is done at once here.
 */

import { chain, rejected, resolved } from './engine.ts';
import { defineTag } from './interface.ts';
import {
  apply,
  bytesOf,
  construct,
  copyBytes,
  defineProperty,
  hide,
  isObject,
  ownKeys,
  rename,
  toNumber,
  TypeError,
  RangeError,
  uncurry,
} from './primordials.ts';
import { isResponse } from './response.ts';
import { limitMemories, WasmRefusal } from './wasm-limits.ts';
import { WasmMemories } from './wasm-memories.ts';

type Constructor = new (...args: never[]) => object;

/** What is used of the engine's own, taken before it is removed. */
export interface NativeWasm {
  readonly Module: Constructor & Readonly<Record<'exports' | 'imports' | 'customSections', unknown>>;
  readonly Instance: Constructor;
  readonly Memory: Constructor;
  readonly CompileError: new (message: string) => Error;
  validate(bytes: Uint8Array): boolean;
}

export interface WasmOptions {
  /** For all memories together. */
  readonly maxBytes: number;
  /** Asked at every module. */
  mayCompile(): boolean;
}

const PAGE_BYTES = 64 * 1024;
/** What compiled code takes is not counted, and is a small multiple of this. */
const MAX_MODULE_BYTES = 32 * 1024 * 1024;
const PASSED_ON = ['Table', 'Global', 'Tag', 'Exception', 'CompileError', 'LinkError', 'RuntimeError'];

const writePages = uncurry(
  WeakMap.prototype.set as (this: WeakMap<object, number>, key: object, pages: number) => unknown,
);
const readPages = uncurry(WeakMap.prototype.get as (this: WeakMap<object, number>, key: object) => number | undefined);

export class GuestWasm {
  /** For the global object. */
  readonly namespace: object;
  readonly #native: NativeWasm;
  readonly #options: WasmOptions;
  readonly #maxPages: number;
  readonly #memories: WasmMemories;
  /** Of each module, what its own memories begin with. */
  readonly #pages = new WeakMap<object, number>();

  constructor(native: NativeWasm, options: WasmOptions) {
    this.#native = native;
    this.#options = options;
    this.#maxPages = (options.maxBytes - (options.maxBytes % PAGE_BYTES)) / PAGE_BYTES;
    this.#memories = new WasmMemories(native.Memory.prototype);
    this.namespace = this.#makeNamespace();
  }

  /** What its memories hold together. */
  heldBytes(): number {
    return this.#memories.heldBytes();
  }

  /** A WebAssembly.Module of bytes. Throws a CompileError. */
  compile(source: unknown, target: unknown = this.#native.Module): object {
    const { CompileError, Module } = this.#native;
    const given = bytesOf(source);
    if (given === null) throw new TypeError('A WebAssembly.Module is made of an ArrayBuffer or a view of one');
    if (!this.#options.mayCompile())
      throw new CompileError('Code generation from bytes is disallowed: import the .wasm file instead');
    if (given.length > MAX_MODULE_BYTES) throw new CompileError(`The module is larger than ${MAX_MODULE_BYTES} bytes`);
    try {
      const { bytes, initialPages } = limitMemories(copyBytes(given), this.#maxPages);
      const module = construct(Module, [bytes], target);
      writePages(this.#pages, module, initialPages);
      return module;
    } catch (error) {
      throw error instanceof WasmRefusal ? new CompileError(`The module is refused: ${error.message}`) : error;
    }
  }

  #instantiate(module: unknown, imports: unknown, target: unknown = this.#native.Instance): object {
    const pages = isObject(module) ? readPages(this.#pages, module) : undefined;
    if (pages === undefined) throw new TypeError('A WebAssembly.Instance is made of a WebAssembly.Module');
    this.#requireRoom(pages);
    const instance = construct(this.#native.Instance, [module, imports], target);
    const { exports } = instance as { readonly exports: Record<string, unknown> };
    const names = ownKeys(exports);
    let isSeen = false;
    for (let i = 0; i < names.length; i++) isSeen = this.#memories.add(exports[names[i] as string]) || isSeen;
    // What it does not show can't be asked: it counts with what it began with, as long as its instance is there.
    if (!isSeen && pages > 0) this.#memories.addFixed(instance, pages * PAGE_BYTES);
    return instance;
  }

  #allocate(descriptor: unknown, target: unknown): object {
    if (!isObject(descriptor)) throw new TypeError('A WebAssembly.Memory needs a descriptor');
    const { initial, minimum, maximum, shared, address } = descriptor as Record<string, unknown>;
    if (shared === true) throw new TypeError('Shared memory is not available here');
    if (address !== undefined && address !== 'i32') throw new TypeError('A memory of 64 bit is not available here');
    const pages = toNumber(initial ?? minimum);
    const wanted = maximum === undefined ? this.#maxPages : toNumber(maximum);
    this.#requireRoom(pages);
    const held = { __proto__: null, initial: pages, maximum: wanted > this.#maxPages ? this.#maxPages : wanted };
    const memory = construct(this.#native.Memory, [held], target);
    this.#memories.add(memory);
    return memory;
  }

  /** What is no number is the engine's to refuse. */
  #requireRoom(pages: number): void {
    if (pages > 0 && this.heldBytes() + pages * PAGE_BYTES > this.#options.maxBytes)
      throw new RangeError(`The memories of WebAssembly may have ${this.#maxPages} pages together`);
  }

  #makeNamespace(): object {
    const namespace = {};
    defineTag(namespace, 'WebAssembly');
    const native = this.#native as unknown as Record<string, unknown>;
    for (let i = 0; i < PASSED_ON.length; i++) hide(namespace, PASSED_ON[i] as string, native[PASSED_ON[i] as string]);
    const { Module, Instance, Memory } = this.#native;
    const constructors = [
      stand('Module', Module, ([bytes], target) => this.compile(bytes, target)),
      stand('Instance', Instance, ([module, imports], target) => this.#instantiate(module, imports, target)),
      stand('Memory', Memory, ([descriptor], target) => this.#allocate(descriptor, target)),
    ];
    for (let i = 0; i < constructors.length; i++)
      hide(namespace, (constructors[i] as { name: string }).name, constructors[i]);
    for (const name of ['exports', 'imports', 'customSections'] as const)
      hide(constructors[0] as object, name, Module[name]);
    this.#limitGrowth(Memory.prototype as Record<string, unknown>);
    const functions = this.#functions() as Record<string, unknown>;
    const names = ownKeys(functions);
    for (let i = 0; i < names.length; i++) hide(namespace, names[i] as string, functions[names[i] as string]);
    return namespace;
  }

  #functions(): object {
    const both = (bytes: unknown, imports: unknown): object => {
      const module = this.compile(bytes);
      return { module, instance: this.#instantiate(module, imports) };
    };
    const isModule = (source: unknown): boolean => isObject(source) && readPages(this.#pages, source) !== undefined;
    return {
      compile: (bytes: unknown) => attempt(() => this.compile(bytes)),
      compileStreaming: (source: unknown) => chain(bytesOfResponse(source), (bytes) => this.compile(bytes)),
      instantiate: (source: unknown, imports: unknown = undefined) =>
        attempt(() => (isModule(source) ? this.#instantiate(source, imports) : both(source, imports))),
      instantiateStreaming: (source: unknown, imports: unknown = undefined) =>
        chain(bytesOfResponse(source), (bytes) => both(bytes, imports)),
      validate: (source: unknown): boolean => {
        const bytes = bytesOf(source);
        if (bytes === null) throw new TypeError('WebAssembly.validate() needs an ArrayBuffer or a view of one');
        return this.#native.validate(copyBytes(bytes));
      },
    };
  }

  /** What code outside of a module grows is looked at before. */
  #limitGrowth(prototype: Record<string, unknown>): void {
    const nativeGrow = prototype['grow'];
    const room = (pages: number): void => this.#requireRoom(pages);
    const methods = {
      grow(this: unknown, delta: unknown): unknown {
        const pages = toNumber(delta);
        room(pages);
        return apply(nativeGrow, this, [pages]);
      },
    };
    hide(prototype, 'grow', methods.grow);
    // A buffer that grows with its memory is one of those that nobody counts.
    delete prototype['toResizableBuffer'];
    delete prototype['toFixedLengthBuffer'];
  }
}

/** Takes the place of a constructor, under its prototype. */
function stand(name: string, native: Constructor, make: (args: unknown[], target: unknown) => object): object {
  const standIn = function (...args: unknown[]): object {
    if (new.target === undefined) throw new TypeError(`WebAssembly.${name} must be invoked with 'new'`);
    return make(args, new.target === (standIn as unknown) ? native : new.target);
  };
  rename(standIn, name);
  defineProperty(standIn, 'length', { __proto__: null, value: 1, configurable: true });
  defineProperty(standIn, 'prototype', { __proto__: null, value: native.prototype, writable: false });
  hide(native.prototype, 'constructor', standIn);
  return standIn;
}

function attempt<T>(make: () => T): Promise<T> {
  try {
    return resolved(make());
  } catch (error) {
    return rejected(error);
  }
}

function bytesOfResponse(source: unknown): Promise<ArrayBuffer> {
  return chain(resolved(source), (response) => {
    if (!isResponse(response)) throw new TypeError('A Response was expected');
    if (!response.ok) throw new TypeError(`The response has the status ${response.status}`);
    return response.arrayBuffer();
  });
}
