/**
 * WasmRuntime: functions in QuickJS, inside whatever JavaScript host there is: no process, no thread, no API but the
 * language's, WebAssembly and timers. Built as `cordon/wasm`.
 *
 * Each run has an instance of its own. Its time is bounded by the engine's interrupts alone: a builtin that does not ask
 * for them holds the host up until it is done, so a host that can end its threads should run this in one of them.
 */

import { makeBase, Guest, loadProgram, SEED_BYTES, type BaseImage } from '../quickjs/program.ts';
import { EngineStopped } from '../quickjs/engine-errors.ts';
import { restoreQuickJs, startQuickJs } from '../quickjs/quickjs.ts';
import { EmbeddedCall, type CallOutcome } from './embedded-call.ts';
import { limitsOf, type WasmLimits } from './limits.ts';
import { Stopwatch } from './stopwatch.ts';

export interface WasmRuntimeOptions {
  /** `cordon/quickjs.wasm`, compiled. */
  readonly wasmModule: WebAssembly.Module;
  /** The bootstrap as bytecode; the built module brings its own. */
  readonly guest: Uint8Array;
}

export interface WasmRequest {
  /** GET by default. */
  readonly method?: string;
  /** `http://localhost/` by default. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | null;
}

export interface WasmUser {
  readonly id: string | null;
  readonly email: string | null;
  readonly roles: readonly string[];
}

export interface WasmRun {
  /** A module, or a function body with `return`. */
  readonly code: string;
  /** The export that is called; `handler`, else the default export, where it is not given. */
  readonly handler?: string;
  /** `script`: a body that sees `ctx` and no web API of its own to reach out with. */
  readonly kind?: 'module' | 'script';
  /** Answered with a `response`. */
  readonly request?: WasmRequest;
  /** Answered with a `result`: `ctx.data` of a script, the JSON body of any other. */
  readonly data?: unknown;
  readonly user?: WasmUser;
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Partial<WasmLimits>;
  /** Serves what the code fetches; without it, nothing can be fetched. It decides what may be reached. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

export interface WasmLogLine {
  readonly level: string;
  readonly message: string;
}

export interface WasmResponse {
  readonly status: number;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

export type WasmOutcome = { readonly logs: readonly WasmLogLine[] } & (
  | { readonly ok: true; readonly response: WasmResponse }
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly error: { readonly code: string; readonly message: string; readonly stack: string | null };
    }
);

export interface WasmRuntime {
  /** Never rejects for what the code does. Throws a TypeError for options that are wrong. */
  run(options: WasmRun): Promise<WasmOutcome>;
}

/** Hosts have a stack of a megabyte. */
const STACK_BYTES = 64 * 1024;

/** Throws a TypeError where the module is none. */
export function createRuntime({ wasmModule, guest }: WasmRuntimeOptions): WasmRuntime {
  if (!(wasmModule instanceof WebAssembly.Module))
    throw new TypeError('wasmModule must be a WebAssembly.Module: cordon/quickjs.wasm, compiled');
  let base: BaseImage | null = null;
  return {
    async run(options) {
      const limits = limitsOf(options.limits ?? {});
      if (typeof options.code !== 'string')
        throw new TypeError(`code must be a string, but it is ${typeof options.code}`);
      base ??= makeOwnBase(wasmModule, guest);
      const stopwatch = new Stopwatch(limits.timeoutMs);
      const call = new EmbeddedCall(options, limits);
      let outcome: CallOutcome;
      try {
        const engine = restoreQuickJs(wasmModule, base.image, stopwatch);
        engine.limitMemory(limits.memoryMb * 1024 * 1024);
        stopwatch.begin();
        const start = loadProgram(engine, base.port, {
          format: 'source',
          code: options.code,
          spec: specOf(options, limits),
        });
        const copy = new Guest(engine, base.port);
        copy.start(crypto.getRandomValues(new Uint8Array(SEED_BYTES)), start);
        outcome = await call.serve(copy, stopwatch);
      } catch (error) {
        outcome = { fault: faultOf(error, limits) };
      }
      call.end();
      return outcomeOf(outcome, options, call.logs);
    },
  };
}

function makeOwnBase(wasmModule: WebAssembly.Module, guest: Uint8Array): BaseImage {
  const engine = startQuickJs(wasmModule, { now: () => Date.now(), isOver: () => false }, STACK_BYTES);
  return makeBase(engine, guest, (length) => new Uint8Array(length));
}

function specOf({ handler = 'handler', kind = 'module', env = {} }: WasmRun, limits: WasmLimits): string {
  const { memoryMb, responseBytes, logBytes, timeoutMs, pendingTimers } = limits;
  return JSON.stringify({
    interleaves: false,
    codeGeneration: false,
    functionName: 'function',
    kind,
    name: handler,
    memoryMb,
    responseBytes,
    logBytes,
    cpuMs: timeoutMs,
    pendingTimers,
    env,
  });
}

function faultOf(
  error: unknown,
  { timeoutMs, memoryMb }: WasmLimits,
): readonly [code: string, message: string, stack: null] {
  if (!(error instanceof EngineStopped))
    return ['LOAD_FAILED', error instanceof Error ? error.message : 'It failed', null];
  if (error.reason === 'time') return ['TIMED_OUT', `Execution timed out after ${timeoutMs / 1000}s`, null];
  if (error.reason === 'memory')
    return ['OUT_OF_MEMORY', `The function used more than its ${memoryMb} MB of memory`, null];
  return ['HANDLER_THREW', error.message, null];
}

function outcomeOf(outcome: CallOutcome, options: WasmRun, logs: readonly WasmLogLine[]): WasmOutcome {
  if ('fault' in outcome) {
    const [code, message, stack] = outcome.fault;
    return { ok: false, error: { code, message, stack }, logs };
  }
  if (options.request !== undefined) return { ok: true, response: outcome.response, logs };
  const envelope = JSON.parse(new TextDecoder().decode(outcome.response.body)) as { readonly body?: unknown };
  return { ok: true, result: envelope.body ?? null, logs };
}
