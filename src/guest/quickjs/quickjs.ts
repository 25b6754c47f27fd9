/**
 * QuickJs: one instance of the engine, in a WebAssembly memory of its own.
 *
 * Nothing of the host's enters it but text and copies of bytes, and nothing else comes out. What its memory says is
 * untrusted: an address is only used through a view of that memory, which is bounded.
 */

import { EngineStopped, GuestError, stoppedInTime } from './engine-errors.ts';
import { importsOf, type QuickJsExports, type QuickJsHooks, type Value } from './exports.ts';
import { imageOf, restoreImage, type MemoryImage } from './memory-image.ts';
import { PAGE_BYTES } from './memory-limit.ts';

/** How code is taken. */
export const Eval = { SCRIPT: 0, MODULE: 1 } as const;
export type Eval = (typeof Eval)[keyof typeof Eval];

export interface Bytecode {
  readonly address: number;
  readonly length: number;
}

/** Without the text of functions: `toString` says that they are native, and a third of the memory is saved. */
const STRIP_SOURCE = 16;
/** Of one of QuickJS's values. */
const BOX_BYTES = 8;
const MAX_MESSAGE_UNITS = 8 * 1024;
/** Jobs too short to be asked in whether time is up. */
const JOBS_PER_CHECK = 256;

export class QuickJs {
  readonly #exports: QuickJsExports;
  readonly #hooks: QuickJsHooks;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-16le');
  #interrupted = false;
  #isNew = true;

  /** An instance whose memory is yet to be filled. Use {@link startQuickJs} or {@link restoreQuickJs}. */
  constructor(module: WebAssembly.Module, hooks: QuickJsHooks) {
    this.#hooks = hooks;
    const own: QuickJsHooks = { now: () => hooks.now(), isOver: () => this.#isOver() };
    const instance = new WebAssembly.Instance(
      module,
      importsOf(own, () => this.#exports.memory),
    );
    this.#exports = instance.exports as unknown as QuickJsExports;
  }

  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  boot(stackBytes: number): void {
    const it = this.#exports;
    this.#isNew = false;
    it._initialize();
    if (it.qjs_init() !== 0) throw new EngineStopped('memory', 'QuickJS did not start');
    it.qjs_set_max_stack_size(stackBytes);
    it.qjs_set_interrupt_handler(1);
  }

  /** Beside the memory's own maximum, which the module has: for a host that can't make modules. */
  limitMemory(bytes: number): void {
    this.#exports.qjs_set_memory_limit(bytes);
  }

  /** Takes this instance to that moment. False where its memory has grown past it: it is of no more use. */
  restore(image: MemoryImage): boolean {
    const { memory, __stack_pointer: stackPointer } = this.#exports;
    const usedBytes = memory.buffer.byteLength;
    const missing = image.pages - usedBytes / PAGE_BYTES;
    if (missing < 0) return false;
    if (missing > 0) memory.grow(missing);
    // A new instance has written nothing yet: below its data there is the stack, which is empty.
    const from = this.#isNew ? stackPointer.value : 0;
    this.#isNew = false;
    restoreImage(image, new Uint8Array(memory.buffer), { from, to: usedBytes });
    stackPointer.value = image.stackPointer;
    this.#exports.qjs_set_runtime_and_context(image.runtime, image.context);
    this.#interrupted = false;
    return true;
  }

  /** `allocate` makes the place for the image's bytes; `under` is the image that this instance began as. */
  image(allocate: (length: number) => Uint8Array, under: MemoryImage | null = null): MemoryImage {
    const it = this.#exports;
    // It changes a little in every object, and would make all of them differ from what lies under them.
    if (under === null) it.qjs_run_gc();
    const registers = {
      pages: this.memoryBytes / PAGE_BYTES,
      stackPointer: it.__stack_pointer.value,
      runtime: it.qjs_get_runtime_ptr(),
      context: it.qjs_get_context_ptr(),
    };
    return imageOf(new Uint8Array(it.memory.buffer), registers, allocate, under);
  }

  /** Throws a {@link GuestError} where the code does not parse or throws. */
  evaluate(code: string, file: string, kind: Eval): Value {
    return this.#withCode(code, file, (text, length, name) => this.#exports.qjs_eval(text, length, name, kind));
  }

  /** Stays in the instance's memory, and in images of it. Throws a {@link GuestError} where the code does not parse. */
  compile(code: string, file: string, kind: Eval): Bytecode {
    const outLength = this.#allocate(4);
    let address = 0;
    this.#withCode(code, file, (text, length, name) => {
      address = this.#exports.qjs_compile(text, length, name, kind, STRIP_SOURCE, outLength);
      return address === 0 ? null : this.#exports.qjs_get_undefined();
    });
    const length = this.#view().getUint32(outLength, true);
    this.#exports.wasm_free(outLength);
    return { address, length };
  }

  run({ address, length }: Bytecode): Value {
    return this.#guard(() => this.#exports.qjs_eval_bytecode(address, length));
  }

  /** A script's bytecode, to be run in another instance. */
  compiled(code: string, file: string): Uint8Array {
    const { address, length } = this.compile(code, file, Eval.SCRIPT);
    return new Uint8Array(this.#exports.memory.buffer, address, length).slice();
  }

  /** Leaves zeros where the bytecode was, so that an image of this memory does not hold it. */
  runCompiled(bytecode: Uint8Array): Value {
    const address = this.#write(bytecode);
    const value = this.run({ address, length: bytecode.length });
    new Uint8Array(this.#exports.memory.buffer).fill(0, address, address + bytecode.length);
    this.#exports.wasm_free(address);
    return value;
  }

  /** The values that `args` makes are freed. */
  call(fn: Value, args: readonly Value[]): Value {
    const it = this.#exports;
    const list = this.#allocate(Math.max(args.length * 4, 4));
    const view = this.#view();
    args.forEach((value, i) => view.setUint32(list + i * 4, value, true));
    const undefinedValue = it.qjs_get_undefined();
    const result = this.#guard(() => it.qjs_call(fn, undefinedValue, args.length, list));
    it.wasm_free(list);
    for (const value of [undefinedValue, ...args]) it.qjs_free_value(value);
    return result;
  }

  /** Runs what promises have waiting, until nothing is. */
  runJobs(): void {
    const it = this.#exports;
    for (let count = 1; ; count++) {
      if (this.#guardNumber(() => it.qjs_is_job_pending()) === 0) return;
      if (count % JOBS_PER_CHECK === 0 && this.#isOver()) throw stoppedInTime();
      if (this.#guardNumber(() => it.qjs_execute_pending_job()) < 0) this.#throwPending();
    }
  }

  newText(text: string): Value {
    const bytes = this.#encoder.encode(text);
    const address = this.#write(bytes);
    const value = this.#some(this.#exports.qjs_new_string(address, bytes.length));
    this.#exports.wasm_free(address);
    return value;
  }

  newNumber(value: number): Value {
    return this.#some(this.#exports.qjs_new_number(value));
  }

  newBuffer(bytes: Uint8Array): Value {
    const address = this.#write(bytes);
    const value = this.#some(this.#exports.qjs_new_array_buffer(address, bytes.length));
    this.#exports.wasm_free(address);
    return value;
  }

  /** The values become the list's own; no setter that code has put on `Array.prototype` is run. */
  newList(values: readonly Value[]): Value {
    const boxes = this.#allocate(Math.max(values.length, 1) * BOX_BYTES);
    const result = this.#allocate(BOX_BYTES);
    const view = this.#view();
    values.forEach((value, i) => {
      view.setBigInt64(boxes + i * BOX_BYTES, view.getBigInt64(value, true), true);
      this.#exports.wasm_free(value);
    });
    const list = this.#exports.JS_NewArrayFrom(this.#exports.qjs_get_context_ptr(), values.length, boxes);
    this.#view().setBigInt64(result, list, true);
    this.#exports.wasm_free(boxes);
    return this.#guard(() => result);
  }

  /** Of a list. */
  lengthOf(list: Value): number {
    const value = this.#get(list, 'length');
    const length = this.#exports.qjs_get_float64(value);
    this.#exports.qjs_free_value(value);
    return length;
  }

  /** An element of a list; 0 where it is neither text nor an object. */
  item(list: Value, index: number): Value {
    const value = this.#guard(() => this.#exports.qjs_get_prop_uint32(list, index));
    return this.isText(value) || this.#exports.qjs_is_object(value) !== 0 ? value : 0;
  }

  isText(value: Value): boolean {
    return this.#exports.qjs_is_string(value) !== 0;
  }

  /** Of a value that is text. */
  text(value: Value): string {
    return this.#copyOut(value, (context, outLength, boxed) => {
      const address = this.#exports.JS_ToCStringLenUTF16(context, outLength, boxed);
      if (address === 0) throw this.#outOfMemory();
      const length = this.#view().getUint32(outLength, true) * 2;
      const text = this.#decoder.decode(new Uint8Array(this.#exports.memory.buffer, address, length));
      this.#exports.JS_FreeCStringUTF16(context, address);
      return text;
    });
  }

  /** A copy; null where it is no Uint8Array. */
  bytes(value: Value): Uint8Array<ArrayBuffer> | null {
    return this.#copyOut(value, (context, outLength, boxed) => {
      const address = this.#exports.JS_GetUint8Array(context, outLength, boxed);
      const length = this.#view().getUint32(outLength, true);
      if (address !== 0) return new Uint8Array(this.#exports.memory.buffer, address, length).slice();
      // It has thrown, or has no bytes.
      this.#exports.qjs_free_value(this.#exports.qjs_get_exception());
      return null;
    });
  }

  /** What a promise came to. Throws a {@link GuestError} where it was rejected; null where it is pending. */
  settled(promise: Value): Value | null {
    const it = this.#exports;
    const state = it.qjs_promise_state(promise);
    if (state === 0) return null;
    const result = this.#guard(() => it.qjs_promise_result(promise));
    if (state === 1) return result;
    it.qjs_promise_mark_as_handled(promise);
    throw this.#errorOf(result);
  }

  free(value: Value): void {
    this.#exports.qjs_free_value(value);
  }

  #isOver(): boolean {
    this.#interrupted ||= this.#hooks.isOver();
    return this.#interrupted;
  }

  #withCode(code: string, file: string, take: (text: number, length: number, name: number) => Value | null): Value {
    const bytes = this.#encoder.encode(`${code}\0`);
    const text = this.#write(bytes);
    const name = this.#write(this.#encoder.encode(`${file}\0`));
    let failed = false;
    const value = this.#guard(() => {
      const taken = take(text, bytes.length - 1, name);
      failed = taken === null;
      return taken ?? this.#exports.qjs_get_undefined();
    });
    this.#exports.wasm_free(text);
    this.#exports.wasm_free(name);
    if (failed) this.#throwPending();
    return value;
  }

  /** Calls into the engine. Throws {@link EngineStopped} where that was its end, {@link GuestError} for what it throws. */
  #guard(enter: () => Value): Value {
    const value = this.#guardNumber(enter);
    if (value === 0) throw this.#outOfMemory();
    if (this.#exports.qjs_is_exception(value) !== 0) this.#throwPending();
    return value;
  }

  #guardNumber(enter: () => number): number {
    try {
      return enter();
    } catch (error) {
      if (error instanceof EngineStopped) throw error;
      throw this.#trapped(error);
    }
  }

  #trapped(error: unknown): EngineStopped {
    if (this.#interrupted) return stoppedInTime();
    return new EngineStopped('trap', `The engine trapped: ${(error as Error).message}`);
  }

  #throwPending(): never {
    if (this.#interrupted) throw stoppedInTime();
    throw this.#errorOf(this.#some(this.#exports.qjs_get_exception()));
  }

  /** Reads it without calling anything, but getters that the code has made for this. */
  #errorOf(error: Value): Error {
    const kind = this.#field(error, 'name');
    const message = this.isText(error) ? this.text(error) : this.#field(error, 'message');
    this.#exports.qjs_free_value(error);
    if (kind === 'InternalError' && message === 'out of memory') return this.#outOfMemory();
    return new GuestError(kind, message.slice(0, MAX_MESSAGE_UNITS));
  }

  #field(object: Value, name: string): string {
    if (this.#exports.qjs_is_object(object) === 0) return '';
    const value = this.#get(object, name);
    const text = this.isText(value) ? this.text(value) : '';
    this.#exports.qjs_free_value(value);
    return text;
  }

  /** Of an object. A getter of the code's may run. */
  #get(object: Value, name: string): Value {
    const address = this.#write(this.#encoder.encode(`${name}\0`));
    const value = this.#some(this.#guardNumber(() => this.#exports.qjs_get_prop_string(object, address)));
    this.#exports.wasm_free(address);
    if (this.#interrupted) throw stoppedInTime();
    return value;
  }

  #copyOut<T>(value: Value, read: (context: number, outLength: number, boxed: bigint) => T): T {
    const outLength = this.#allocate(4);
    this.#view().setUint32(outLength, 0, true);
    try {
      return read(this.#exports.qjs_get_context_ptr(), outLength, this.#view().getBigInt64(value, true));
    } catch (error) {
      throw error instanceof EngineStopped ? error : this.#trapped(error);
    } finally {
      this.#exports.wasm_free(outLength);
    }
  }

  #write(bytes: Uint8Array): number {
    const address = this.#allocate(Math.max(bytes.length, 1));
    try {
      new Uint8Array(this.#exports.memory.buffer).set(bytes, address);
    } catch (error) {
      throw this.#trapped(error);
    }
    return address;
  }

  #allocate(length: number): number {
    return this.#some(this.#guardNumber(() => this.#exports.wasm_malloc(length)));
  }

  #some(address: number): number {
    if (address === 0) throw this.#outOfMemory();
    return address;
  }

  #outOfMemory(): EngineStopped {
    return new EngineStopped('memory', 'The engine is out of memory');
  }

  #view(): DataView {
    return new DataView(this.#exports.memory.buffer);
  }
}

/**
 * `stackBytes`: how deep code may go before it gets a RangeError. The host's own stack has to be twelve times that (measured
 * with JSON.stringify), or it traps first.
 */
export function startQuickJs(module: WebAssembly.Module, hooks: QuickJsHooks, stackBytes: number): QuickJs {
  const engine = new QuickJs(module, hooks);
  engine.boot(stackBytes);
  return engine;
}

export function restoreQuickJs(module: WebAssembly.Module, image: MemoryImage, hooks: QuickJsHooks): QuickJs {
  const engine = new QuickJs(module, hooks);
  if (!engine.restore(image)) throw new EngineStopped('trap', 'The image is smaller than a new instance');
  return engine;
}
