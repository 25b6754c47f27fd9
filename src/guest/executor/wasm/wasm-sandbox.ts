/**
 * WasmSandbox: one version, whose code is parsed once; every call gets a copy of the engine that has parsed it.
 *
 * So nothing lives from one call to the next. The engine ends a turn that is over its time by itself; where a builtin of
 * its own does not let it, the watchdog ends the thread, and with it the copies of other calls.
 */

import type { Limits } from '../../../core/limits.ts';
import type { OpenMeta } from '../../../wire/frames.ts';
import { In } from '../../isolate/mailbox.ts';
import type { BaseImage, Program } from '../../quickjs/program.ts';
import { CallRelay } from '../call-relay.ts';
import type { ExecutorSandbox, SandboxOwner } from '../sandbox-owner.ts';
import type { EngineThread, Loss, ThreadUser } from './engine-thread.ts';
import { monotonicMs, type Stop, type Turned } from './messages.ts';
import type { ThreadPool } from './thread-pool.ts';
import { memoryMessage, WasmRun } from './wasm-run.ts';

/** What all sandboxes of an executor have in common. */
export interface Engines {
  readonly threads: ThreadPool;
  readonly base: BaseImage;
  /** The engine's module, with a memory of so many megabytes. */
  moduleOf(memoryMb: number): WebAssembly.Module;
}

/** The parsing of code may take so long. */
const PARSE_MS = 5_000;
/** Parsed again where its thread was lost to somebody else's code. */
const MAX_ATTEMPTS = 5;
/** The engine's own interrupt comes first, where it can. */
const GRACE_MS = 100;
/** A thread that was told to end and has not by then can't be ended. */
const END_MS = 2_000;

export class WasmSandbox implements ExecutorSandbox, ThreadUser {
  readonly id: number;
  readonly #owner: SandboxOwner<WasmSandbox>;
  readonly #engines: Engines;
  readonly #meta: OpenMeta;
  readonly #runs = new Map<number, WasmRun>();
  readonly #module: WebAssembly.Module;
  #thread: EngineThread | null = null;
  #program: Program | null = null;
  /** Until it has been parsed. */
  #code: string;
  #isParsing = true;
  #attempts = 0;
  /** When the watchdog first saw its code being parsed; 0 where it has not. */
  #seenParsingMs = 0;
  /** Why there is no program. */
  #broken: readonly [code: string, message: string] | null = null;
  #gone = false;

  constructor(owner: SandboxOwner<WasmSandbox>, engines: Engines, id: number, meta: OpenMeta, payload: Uint8Array) {
    this.#owner = owner;
    this.#engines = engines;
    this.id = id;
    this.#meta = meta;
    this.#module = engines.moduleOf(meta.memoryMb);
    this.#code = Buffer.from(payload.buffer, payload.byteOffset, meta.codeBytes).toString('utf8');
    this.#parse();
  }

  call(id: number, metaText: string, bodyKind: number, remainingMs: number, body: Buffer): void {
    const relay = new CallRelay({
      id,
      sender: this.#owner.sender,
      responseBytes: this.#meta.responseBytes,
      onOver: () => this.#callOver(id),
    });
    const run = new WasmRun({ id, meta: this.#meta, relay, timeoutMs: remainingMs, onPosted: () => this.#pump(run) });
    this.#runs.set(id, run);
    run.begin(metaText, bodyKind, body);
    if (this.#broken !== null) relay.fail(...this.#broken);
  }

  data(id: number, chunk: Buffer): void {
    this.#runs.get(id)?.data(chunk);
  }

  endBody(id: number): void {
    this.#runs.get(id)?.post(`[${In.END},${id}]`);
  }

  credit(id: number, bytes: number): void {
    const run = this.#runs.get(id);
    if (run !== undefined && !run.relay.credit(bytes)) run.post(`[${In.CREDIT},${id},${bytes}]`);
  }

  cancel(id: number): void {
    const run = this.#runs.get(id);
    if (run !== undefined && !run.relay.cancel()) run.post(`[${In.CANCEL},${id}]`);
  }

  answer(type: number, id: number, payload: Buffer): void {
    this.#runs.get(id)?.answer(type, payload);
  }

  check(nowMs: number): void {
    if (this.#isParsing && this.#isStuckParsing(nowMs)) return this.#endThread('The code took too long to parse');
    const running = this.#thread?.runningCall ?? 0;
    for (const run of this.#runs.values()) {
      if (run.isInTurn && running === run.id) {
        if (run.seenRunningMs === 0) run.seenRunningMs = nowMs;
        if (nowMs > Math.min(run.deadlineMs, run.seenRunningMs + run.cpuLeftMs) + GRACE_MS) {
          if (nowMs <= run.deadlineMs) run.usedCpuMs = Infinity;
          return this.#endThread('The function ran for too long');
        }
      } else if (nowMs > run.deadlineMs) run.relay.fail('TIMED_OUT', ...run.overrun());
    }
  }

  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const run of this.#runs.values()) run.relay.drop();
    this.#engines.threads.forget(this);
    this.#thread = null;
    this.#owner.onGone(this);
  }

  onParsed(parsed: Program | Stop): void {
    if (this.#gone) return;
    this.#isParsing = false;
    this.#code = '';
    if ('reason' in parsed) return this.#break(parsed);
    this.#program = parsed;
    for (const run of this.#runs.values()) this.#pump(run);
    this.#releaseIdle();
  }

  onTurned({ call, tookMs, memoryBytes, outcome }: Turned): void {
    const run = this.#runs.get(call);
    if (run === undefined) return;
    run.isInTurn = false;
    run.seenRunningMs = 0;
    run.usedCpuMs += tookMs;
    if ('reason' in outcome) return run.stopped(outcome, memoryBytes);
    try {
      run.hear(outcome, memoryBytes);
    } catch (error) {
      return run.relay.fail('SANDBOX_RECYCLED', `The mailbox of the sandbox broke: ${(error as Error).message}`);
    }
    this.#pump(run);
  }

  onThreadLost({ reason, call, program, begun }: Loss): void {
    this.#thread = null;
    if (this.#isParsing && program === this.id) this.#break({ reason: 'time', message: reason });
    else if (this.#isParsing && this.#attempts < MAX_ATTEMPTS) this.#parse();
    else if (this.#isParsing) this.#break({ reason: 'trap', message: reason });
    for (const run of this.#runs.values()) {
      if (!run.wasSent) continue;
      if (run.id === call) run.relay.fail(...lostBy(run, reason));
      else if (run.isInTurn && run.id > begun) run.relay.notBegun();
      else run.relay.fail('SANDBOX_RECYCLED', 'The sandbox was recycled under this request');
    }
  }

  #parse(): void {
    this.#attempts++;
    this.#seenParsingMs = 0;
    const { format: given, codeBytes: _, handler: kind, handlerName: name, ...rest } = this.#meta;
    // A folder is for other languages: as a source it fails as what it is, no JavaScript.
    const format = given === 'files' ? 'source' : given;
    const spec = JSON.stringify({ ...rest, kind, name });
    this.#thread = this.#engines.threads.take(this);
    this.#thread.parse(this, this.#module, this.#engines.base, { format, code: this.#code, spec }, PARSE_MS);
  }

  #isStuckParsing(nowMs: number): boolean {
    if (this.#thread?.isParsing(this) !== true) return false;
    if (this.#seenParsingMs === 0) this.#seenParsingMs = nowMs;
    return nowMs > this.#seenParsingMs + PARSE_MS + GRACE_MS;
  }

  /** There is no program, and there will be none. */
  #break({ reason, message }: Stop): void {
    this.#isParsing = false;
    this.#broken =
      reason === 'memory'
        ? ['OUT_OF_MEMORY', memoryMessage(this.#meta)]
        : ['LOAD_FAILED', `It can't be loaded: ${message}`];
    for (const run of this.#runs.values()) run.relay.fail(...this.#broken);
    this.#releaseIdle();
  }

  #pump(run: WasmRun): void {
    if (this.#program === null || this.#gone || run.relay.isOver || !run.isWaiting) return;
    this.#thread ??= this.#engines.threads.take(this);
    this.#thread.adopt(this, this.#module, this.#program);
    run.isInTurn = run.wasSent = true;
    const deadlineMs = monotonicMs() + run.deadlineMs - performance.now();
    this.#thread.turn(this, { call: run.id, deadlineMs, cpuMs: run.cpuLeftMs, ...run.take() });
  }

  #callOver(id: number): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    this.#runs.delete(id);
    run.end();
    this.#thread?.drop(id);
    this.#owner.onCallOver(id);
    this.#releaseIdle();
  }

  #releaseIdle(): void {
    if (this.#runs.size > 0 || this.#thread === null || this.#isParsing) return;
    this.#engines.threads.release(this.#thread, this);
    this.#thread = null;
  }

  #endThread(reason: string): void {
    const thread = this.#thread as EngineThread;
    this.#owner.onStopping();
    const late = setTimeout(() => this.#owner.onPoisoned(this, 'an engine thread went on running'), END_MS);
    void thread.end(reason).then(() => {
      clearTimeout(late);
      this.#owner.onStopped();
    });
  }
}

/** What the call in whose turn the thread was lost ends with. */
function lostBy(run: WasmRun, reason: string): [code: string, message: string, limit?: keyof Limits] {
  if (performance.now() > run.deadlineMs || run.cpuLeftMs <= 0) return ['TIMED_OUT', ...run.overrun()];
  return [/memory/.test(reason) ? 'OUT_OF_MEMORY' : 'SANDBOX_RECYCLED', reason];
}
