/**
 * EngineThread: a thread of the executor in which copies of programs run, one turn at a time.
 *
 * A turn that ignores the engine's own interrupts is ended with the thread: WebAssembly can always be stopped from outside.
 */

import { Worker } from 'node:worker_threads';
import type { BaseImage, Program, ProgramSource } from '../../quickjs/program.ts';
import {
  monotonicMs,
  Progress,
  PROGRESS_WORDS,
  type FromThread,
  type Stop,
  type ToThread,
  type Turn,
  type Turned,
} from './messages.ts';

/** Its sandbox ends a turn before, if it is still there. */
const ABANDONED_MS = 250;
/** What drained text may take for a moment, and much besides. */
const HEAP_MB = 512;
/** QuickJS stops at half a megabyte of its own stack; its interpreter takes more of the thread's. */
const STACK_MB = 8;

/** A thread is gone. */
export interface Loss {
  readonly reason: string;
  /** The call whose turn ran then, or 0. */
  readonly call: number;
  /** The program that was parsed then, or 0. */
  readonly program: number;
  /** The last call that had begun. */
  readonly begun: number;
}

/** Whoever has copies in a thread. */
export interface ThreadUser {
  /** Names its program; unique within the executor. */
  readonly id: number;
  onParsed(parsed: Program | Stop): void;
  onTurned(turned: Turned): void;
  onThreadLost(loss: Loss): void;
}

export interface ThreadEvents {
  /** It has been told to end, or has ended by itself. Called once. */
  onLost(thread: EngineThread): void;
}

export class EngineThread {
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #progress = new Int32Array(new SharedArrayBuffer(PROGRESS_WORDS * 4));
  readonly #users = new Map<number, ThreadUser>();
  /** Whose turns are in flight, by call, and by when they must be over. */
  readonly #turns = new Map<number, { readonly user: ThreadUser; readonly untilMs: number }>();
  readonly #programs = new Set<number>();
  readonly #up: Promise<void>;
  #isLost = false;

  constructor(source: string, events: ThreadEvents) {
    this.#events = events;
    // Not a file: in a sealed process none can be opened.
    this.#worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
      workerData: this.#progress,
      env: {},
      // The wall's own preloaded script is none of a thread's business, and can't be read any more.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, stackSizeMb: STACK_MB },
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#up = promise;
    this.#worker.on('message', (message: FromThread) => {
      if (message.kind === 'up') resolve();
      else if (!this.#isLost) this.#hear(message);
    });
    this.#worker.on('error', (error) => this.#lose(`An engine thread failed: ${(error as Error).message}`));
    this.#worker.on('exit', () => this.#lose('An engine thread ended'));
  }

  /** How many sandboxes have copies in it. */
  get users(): number {
    return this.#users.size;
  }

  /** Whether nobody has anything in it. */
  get isIdle(): boolean {
    return this.#users.size === 0 && this.#turns.size === 0;
  }

  /** Ends it where it runs a turn that is over its time, whoever has given that up. */
  check(): void {
    const turn = this.#turns.get(this.runningCall);
    if (turn !== undefined && monotonicMs() > turn.untilMs) void this.end('A turn went on after its time');
  }

  /** The call, or 0, whose turn runs. */
  get runningCall(): number {
    return (this.#progress[Progress.CALL] as number) >>> 0;
  }

  isParsing(user: ThreadUser): boolean {
    return (this.#progress[Progress.PROGRAM] as number) >>> 0 === user.id;
  }

  untilUp(): Promise<void> {
    return this.#up;
  }

  knows(user: ThreadUser): boolean {
    return this.#programs.has(user.id);
  }

  enter(user: ThreadUser): void {
    this.#users.set(user.id, user);
  }

  leave(user: ThreadUser): void {
    this.#users.delete(user.id);
  }

  parse(user: ThreadUser, module: WebAssembly.Module, base: BaseImage, source: ProgramSource, limitMs: number): void {
    this.#programs.add(user.id);
    this.#send({ kind: 'parse', program: user.id, module, base, source, limitMs });
  }

  adopt(user: ThreadUser, module: WebAssembly.Module, parsed: Program): void {
    if (this.knows(user)) return;
    this.#programs.add(user.id);
    this.#send({ kind: 'adopt', program: user.id, module, parsed });
  }

  forget(user: ThreadUser): void {
    this.leave(user);
    if (this.#programs.delete(user.id)) this.#send({ kind: 'forget', program: user.id });
  }

  /** Bytes beside the messages become the thread's. */
  turn(user: ThreadUser, turn: Omit<Turn, 'kind' | 'program'>): void {
    this.#turns.set(turn.call, { user, untilMs: turn.deadlineMs + ABANDONED_MS });
    const transfer = turn.beside.flatMap((item) => (typeof item === 'string' ? [] : [item.buffer as ArrayBuffer]));
    this.#send({ kind: 'turn', program: user.id, ...turn }, transfer);
  }

  drop(call: number): void {
    this.#send({ kind: 'drop', call });
  }

  /** Ends it, whatever it is doing; resolves when it has ended. */
  async end(reason: string): Promise<void> {
    const ended = this.#worker.terminate();
    this.#lose(reason);
    await ended;
  }

  #send(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.#isLost) this.#worker.postMessage(message, transfer);
  }

  #hear(message: Exclude<FromThread, { kind: 'up' }>): void {
    if (message.kind === 'parsed') {
      this.#users.get(message.program)?.onParsed(message.parsed);
      return;
    }
    const turn = this.#turns.get(message.call);
    this.#turns.delete(message.call);
    turn?.user.onTurned(message);
  }

  #lose(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const [call = 0, begun = 0, program = 0] = Array.from(this.#progress, (word) => word >>> 0);
    const users = [...this.#users.values()];
    this.#users.clear();
    this.#turns.clear();
    this.#events.onLost(this);
    for (const user of users) user.onThreadLost({ reason, call, begun, program });
  }
}
