/**
 * The functions of quickjs-wasi's module that are used here, and what it imports.
 *
 * A value is an address in the instance's memory, of a box that holds one of QuickJS's values; 0 is none.
 */

export type Value = number;

export interface QuickJsExports {
  readonly memory: WebAssembly.Memory;
  readonly __stack_pointer: WebAssembly.Global<'i32'>;
  _initialize(): void;
  wasm_malloc(size: number): number;
  wasm_free(address: number): void;
  qjs_init(): number;
  qjs_set_interrupt_handler(on: number): void;
  qjs_set_max_stack_size(bytes: number): void;
  qjs_set_memory_limit(bytes: number): void;
  qjs_get_runtime_ptr(): number;
  qjs_get_context_ptr(): number;
  qjs_set_runtime_and_context(runtime: number, context: number): void;
  qjs_eval(code: number, length: number, file: number, flags: number): Value;
  /** Returns the address of bytecode, or 0; its length is written to `outLength`. */
  qjs_compile(code: number, length: number, file: number, evalFlags: number, flags: number, outLength: number): number;
  qjs_eval_bytecode(bytecode: number, length: number): Value;
  qjs_call(fn: Value, self: Value, count: number, args: number): Value;
  qjs_is_exception(value: Value): number;
  qjs_get_exception(): Value;
  qjs_free_value(value: Value): void;
  qjs_get_undefined(): Value;
  qjs_is_string(value: Value): number;
  qjs_is_object(value: Value): number;
  qjs_new_string(utf8: number, length: number): Value;
  qjs_new_number(value: number): Value;
  qjs_new_array_buffer(bytes: number, length: number): Value;
  qjs_get_float64(value: Value): number;
  qjs_get_prop_uint32(object: Value, index: number): Value;
  qjs_get_prop_string(object: Value, name: number): Value;
  qjs_is_job_pending(): number;
  qjs_execute_pending_job(): number;
  /** 0 pending, 1 fulfilled, 2 rejected. */
  qjs_promise_state(promise: Value): number;
  qjs_promise_result(promise: Value): Value;
  qjs_promise_mark_as_handled(promise: Value): void;
  qjs_run_gc(): void;
  /** These take and return values themselves. */
  JS_NewArrayFrom(context: number, count: number, values: number): bigint;
  JS_ToCStringLenUTF16(context: number, outLength: number, value: bigint): number;
  JS_FreeCStringUTF16(context: number, text: number): void;
  JS_GetUint8Array(context: number, outLength: number, value: bigint): number;
}

export interface QuickJsHooks {
  /** Whether what runs is to be stopped; asked every few thousand steps. */
  isOver(): boolean;
  /** Milliseconds since the epoch. */
  now(): number;
}

const NOT_A_FILE = 8;
const UNSUPPORTED = 52;

/**
 * All that an instance can reach of its host: a clock and a question. `memory` is asked for when one of them is called;
 * an address out of bounds throws, which ends the instance.
 */
export function importsOf(hooks: QuickJsHooks, memory: () => WebAssembly.Memory): WebAssembly.Imports {
  const view = (): DataView => new DataView(memory().buffer);
  return {
    env: {
      host_interrupt: () => (hooks.isOver() ? 1 : 0),
      host_get_timezone_offset: () => 0,
      host_promise_rejection: () => undefined,
      // There is nothing to import and no function of the host's to call: 0 is an exception.
      host_module_normalize: () => 0,
      host_module_load: () => 0,
      host_call: () => 0,
    },
    wasi_snapshot_preview1: {
      clock_time_get(_clock: number, _precision: bigint, result: number): number {
        view().setBigUint64(result, BigInt(hooks.now()) * 1_000_000n, true);
        return 0;
      },
      random_get(address: number, length: number): number {
        new Uint8Array(memory().buffer, address, length).fill(0);
        return 0;
      },
      fd_write: () => NOT_A_FILE,
      fd_close: () => UNSUPPORTED,
      fd_seek: () => UNSUPPORTED,
      fd_fdstat_get: () => NOT_A_FILE,
    },
  };
}
