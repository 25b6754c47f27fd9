/**
 * Program: a version's code in an image of the engine, parsed and not yet run, of which every invocation gets a copy.
 *
 * The messages are those of the isolate's bootstrap (`guest/isolate/mailbox.ts`); a {@link Guest} is one copy.
 */

import { HAND_OVER, handingOver } from '../../lib/hand-over.ts';
import { GuestError } from './engine-errors.ts';
import { Eval, type Bytecode, type QuickJs } from './quickjs.ts';
import type { MemoryImage } from './memory-image.ts';
import type { Value } from './exports.ts';

/** The engine with the bootstrap in it, and where its port is. */
export interface BaseImage {
  readonly image: MemoryImage;
  readonly port: Value;
}

export interface ProgramSource {
  readonly format: 'script' | 'module' | 'source';
  readonly code: string;
  /** What the bootstrap is told of the function, as JSON. */
  readonly spec: string;
}

/** What is left to do in a copy: call what was handed over, run a module, or say why there is nothing to run. */
export type Start =
  | { readonly kind: 'script' | 'body' }
  | { readonly kind: 'module'; readonly bytecode: Bytecode }
  | { readonly kind: 'failed' | 'unparsed'; readonly message: string };

export interface Program extends BaseImage {
  readonly start: Start;
}

export type Drained = readonly (string | Uint8Array<ArrayBuffer>)[];

/** What each copy's random numbers begin with: for `crypto`, and for `Math.random`. */
export const SEED_BYTES = 48;
const CRYPTO_SEED_BYTES = 32;
/** Where the isolate's bootstrap says which call runs. Here the thread knows. */
const PROGRESS_BYTES = 8;

/** The bootstrap's name in stacks. */
const GUEST_FILE = 'cordon:guest';
/** The user's. */
const FUNCTION_FILE = 'function.js';
const BODY_PREFIX = 'async function (module, exports, ctx) {';
/** What one turn may say: a buffered response and much besides. */
const MAX_DRAINED_BYTES = 64 * 1024 * 1024;
const MAX_DRAINED_ITEMS = 100_000;

/** What nearly every call touches. */
const WARM_UP = 'Headers; Request; Response; URL; console; setTimeout; TextEncoder; AbortController; void 0';

/** The bootstrap as bytecode, which makes a base without the pieces that parsing leaves in a memory. */
export const compileGuest = (engine: QuickJs, bootstrap: string): Uint8Array => engine.compiled(bootstrap, GUEST_FILE);

/** Puts the bootstrap into an engine that has just been booted. `allocate` makes the place for the image's bytes. */
export function makeBase(engine: QuickJs, guest: Uint8Array, allocate: (length: number) => Uint8Array): BaseImage {
  const port = engine.runCompiled(guest);
  engine.free(engine.evaluate(WARM_UP, GUEST_FILE, Eval.SCRIPT));
  engine.runJobs();
  return { image: engine.image(allocate), port };
}

/** Parses the code in a copy of the base. Throws {@link EngineStopped} where that takes too much of anything. */
export function loadProgram(engine: QuickJs, port: Value, source: ProgramSource): Start {
  const isModule = source.format === 'module';
  const loaders = isModule ? [asModule] : source.format === 'script' ? [asScript] : loadersOf(source.code);
  engine.free(
    engine.call(port, [
      engine.newText('load'),
      engine.newText(HAND_OVER),
      engine.newText(source.spec),
      // To be filled by `seed`.
      engine.newBuffer(new Uint8Array(CRYPTO_SEED_BYTES)),
      engine.newBuffer(new Uint8Array(PROGRESS_BYTES)),
      engine.newNumber(loaders[0] === asBody ? prefixUnits(BODY_PREFIX) : isModule ? 0 : prefixUnits('')),
    ]),
  );
  let failure: GuestError | null = null;
  for (const load of loaders) {
    try {
      return load(engine, source.code);
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      failure ??= error;
      if (error.kind !== 'SyntaxError') break;
    }
  }
  const isSource = source.format === 'source' && failure?.kind === 'SyntaxError';
  return { kind: isSource ? 'unparsed' : 'failed', message: messageOf(failure as GuestError) };
}

/** One copy of a program. */
export class Guest {
  readonly #engine: QuickJs;
  readonly #port: Value;

  constructor(engine: QuickJs, port: Value) {
    this.#engine = engine;
    this.#port = port;
  }

  /** Runs what the code does when it is loaded. */
  start(seed: Uint8Array, start: Start): void {
    this.#send([this.#engine.newText('seed'), this.#engine.newBuffer(seed)]);
    const [kind, value] = start.kind === 'module' ? this.#runModule(start.bytecode) : handedOver(start);
    const values = typeof value === 'string' ? [this.#engine.newText(value)] : value === null ? [] : [value];
    this.#send([this.#engine.newText('start'), this.#engine.newText(kind), ...values]);
  }

  /** Delivers a list of messages and what they refer to, and runs all that can run. */
  turn(messages: string, beside: readonly (string | Uint8Array)[]): void {
    const engine = this.#engine;
    const arguments_ = beside.map((item) => (typeof item === 'string' ? engine.newText(item) : engine.newBuffer(item)));
    this.#send([engine.newList([engine.newText(messages)]), ...arguments_]);
  }

  /** The records, and the bodies that they refer to. */
  drain(): Drained {
    const engine = this.#engine;
    const list = engine.call(this.#port, []);
    const drained: (string | Uint8Array<ArrayBuffer>)[] = [];
    let total = 0;
    const length = Math.min(engine.lengthOf(list), MAX_DRAINED_ITEMS);
    for (let i = 0; i < length; i++) {
      const item = engine.item(list, i);
      if (item === 0) break;
      const value = engine.isText(item) ? engine.text(item) : engine.bytes(item);
      engine.free(item);
      if (value === null || (total += value.length) > MAX_DRAINED_BYTES) break;
      drained.push(value);
    }
    engine.free(list);
    return drained;
  }

  #send(values: readonly Value[]): void {
    this.#engine.free(this.#engine.call(this.#port, values));
    this.#engine.runJobs();
  }

  #runModule(bytecode: Bytecode): [kind: string, value: Value | string] {
    try {
      const promise = this.#engine.run(bytecode);
      this.#engine.runJobs();
      const namespace = this.#engine.settled(promise);
      if (namespace !== null) return ['module', namespace];
      return ['failed', 'Top-level await can only wait for what is ready at once; wait inside of the handler instead'];
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      return ['failed', messageOf(error)];
    }
  }
}

function handedOver(start: Exclude<Start, { kind: 'module' }>): [kind: string, value: string | null] {
  return [start.kind, 'message' in start ? start.message : null];
}

type Loader = (engine: QuickJs, code: string) => Start;

/** Code that nobody built is a module where it has the marks of one, else a function body. */
const loadersOf = (code: string): readonly Loader[] =>
  /\b(?:import|export)\b/.test(code) ? [asModule, asBody] : [asBody, asModule];

function asScript(engine: QuickJs, code: string): Start {
  engine.free(engine.evaluate(handingOver(code), FUNCTION_FILE, Eval.SCRIPT));
  return { kind: 'script' };
}

function asBody(engine: QuickJs, code: string): Start {
  engine.free(engine.evaluate(handingOver(`${BODY_PREFIX}${code}\n}`), FUNCTION_FILE, Eval.SCRIPT));
  return { kind: 'body' };
}

function asModule(engine: QuickJs, code: string): Start {
  return { kind: 'module', bytecode: engine.compile(code, FUNCTION_FILE, Eval.MODULE) };
}

const prefixUnits = (before: string): number => handingOver(before).indexOf('\n');

function messageOf({ kind, message }: GuestError): string {
  return kind === '' || kind === 'Error'
    ? message || 'The code threw something that cannot be described'
    : `${kind}: ${message}`;
}
