/** Entry of an engine thread: it makes copies of programs, gives them their turns, and says what came of that. */

import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { freeBytes } from '../../../lib/free-bytes.ts';
import { imageBytes } from '../../quickjs/base-file.ts';
import type { MemoryImage } from '../../quickjs/memory-image.ts';
import { Guest, loadProgram, SEED_BYTES, type Program } from '../../quickjs/program.ts';
import { EngineStopped, stoppedInTime } from '../../quickjs/engine-errors.ts';
import { restoreQuickJs, type QuickJs } from '../../quickjs/quickjs.ts';
import {
  monotonicMs,
  Progress,
  type FromThread,
  type ProgramNumber,
  type Stop,
  type ToThread,
  type Turn,
} from './messages.ts';

interface Loaded {
  readonly module: WebAssembly.Module;
  readonly parsed: Program;
}

/** An engine that nobody uses, made ready for the next call of the program that it last served. */
interface Spare {
  readonly engine: QuickJs;
  readonly loaded: Loaded;
}

interface Copy {
  readonly program: ProgramNumber;
  readonly engine: QuickJs;
  readonly guest: Guest;
}

/** Each takes 3 MB. */
const MAX_SPARES = 2;

const port = parentPort!;
const progress = workerData as Int32Array;
const programs = new Map<ProgramNumber, Loaded>();
const copies = new Map<number, Copy>();
/** Oldest first. */
const spares: Spare[] = [];
/** By when what runs now must have come to its end. */
let overMs = Infinity;

const hooks = { now: (): number => Date.now(), isOver: (): boolean => monotonicMs() > overMs };

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'turn':
      return turn(message);
    case 'drop':
      return drop(message.call);
    case 'parse':
      return parse(message);
    case 'adopt':
      programs.set(message.program, { module: message.module, parsed: message.parsed });
      return;
    case 'forget':
      programs.delete(message.program);
  }
});
say({ kind: 'up' });

function say(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
}

function parse({ program, module, base, source, limitMs }: Extract<ToThread, { kind: 'parse' }>): void {
  progress[Progress.PROGRAM] = program;
  overMs = monotonicMs() + limitMs;
  try {
    const engine = takeAny(module, base.image) ?? restoreQuickJs(module, base.image, hooks);
    const start = loadProgram(engine, base.port, source);
    const parsed = { image: engine.image(imageBytes, base.image), port: base.port, start };
    const loaded = { module, parsed };
    programs.set(program, loaded);
    // As it is now, it is what its image says.
    keep({ engine, loaded });
    say({ kind: 'parsed', program, parsed });
  } catch (error) {
    say({ kind: 'parsed', program, parsed: stopOf(error) });
  }
  progress[Progress.PROGRAM] = 0;
}

function turn({ program, call, deadlineMs, cpuMs, messages, beside }: Turn): void {
  const startedMs = performance.now();
  overMs = Math.min(deadlineMs, monotonicMs() + cpuMs);
  progress[Progress.CALL] = call;
  let outcome;
  let copy = copies.get(call);
  try {
    // Nobody waits for it any more, nor watches over it.
    if (hooks.isOver()) throw stoppedInTime();
    copy ??= begin(program, call);
    const { guest } = copy;
    guest.turn(messages, beside);
    for (const item of beside) if (typeof item !== 'string') freeBytes(item);
    outcome = guest.drain();
  } catch (error) {
    // One that did not come to the end of its beginning is there all the same.
    copy ??= copies.get(call);
    copies.delete(call);
    outcome = stopOf(error);
  }
  progress[Progress.CALL] = 0;
  const memoryBytes = copy?.engine.memoryBytes ?? 0;
  const transfer =
    'reason' in outcome ? [] : outcome.flatMap((item) => (typeof item === 'string' ? [] : [item.buffer]));
  say({ kind: 'turned', call, tookMs: performance.now() - startedMs, memoryBytes, outcome }, transfer);
}

function begin(program: ProgramNumber, call: number): Copy {
  progress[Progress.BEGUN] = call;
  const loaded = programs.get(program)!;
  const { module, parsed } = loaded;
  const engine = takeSpare(loaded) ?? restoreQuickJs(module, parsed.image, hooks);
  const copy = { program, engine, guest: new Guest(engine, parsed.port) };
  copies.set(call, copy);
  copy.guest.start(new Uint8Array(randomBytes(SEED_BYTES)), parsed.start);
  return copy;
}

/** Best one that is ready for this program, else one of the same module, made ready now. */
function takeSpare(loaded: Loaded): QuickJs | null {
  const at = spares.findIndex((spare) => spare.loaded === loaded);
  return at < 0 ? takeAny(loaded.module, loaded.parsed.image) : (spares.splice(at, 1)[0] as Spare).engine;
}

/** Null where there is none of this module, or the one that there was has too much memory for the image. */
function takeAny(module: WebAssembly.Module, image: MemoryImage): QuickJs | null {
  const at = spares.findIndex((spare) => spare.loaded.module === module);
  if (at < 0) return null;
  const [{ engine }] = spares.splice(at, 1) as [Spare];
  return engine.restore(image) ? engine : null;
}

/** One that is not kept would leave a memory for the garbage collector to find. */
function keep(spare: Spare): void {
  spares.push(spare);
  if (spares.length > MAX_SPARES) spares.shift();
}

/** Its engine becomes as good as new while nobody waits. */
function drop(call: number): void {
  const copy = copies.get(call);
  if (copy === undefined) return;
  copies.delete(call);
  const loaded = programs.get(copy.program);
  if (loaded !== undefined && copy.engine.restore(loaded.parsed.image)) keep({ engine: copy.engine, loaded });
}

function stopOf(error: unknown): Stop {
  if (error instanceof EngineStopped) return { reason: error.reason, message: error.message };
  return { reason: 'trap', message: (error instanceof Error && error.message) || 'The engine failed' };
}
