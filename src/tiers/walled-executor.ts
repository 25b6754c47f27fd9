/** WalledExecutor: a child process of ours behind an OS wall, and the session on its channel. */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Capabilities } from '../core/capability.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Executor, ExecutorEvents, ExecutorUsage, ExitCause, Sandbox, SandboxEvents } from '../core/tier.ts';
import { processCpuMs } from '../lib/process-cpu.ts';
import type { ProcessExit, Wall, WalledCommand, WalledProcess } from '../walls/wall.ts';
import { HostSession, type SessionEvents } from '../wire/session.ts';
import { RawOutput } from './raw-output.ts';

const READY_DEADLINE_MS = 10_000;
/** What an executor writes outside of its channel is kept for the reason of its death, no more. */
const KEPT_OUTPUT = 4 * 1024;
const PAGE_BYTES = 4096;
/** Between the end of a process's connection and its own. */
const LAST_MOMENTS_MS = 500;
/** Node, V8 and isolated-vm together: a few threads for each processor, and some for whatever else. */
const MAX_TASKS = 64 + 4 * availableParallelism();

let counter = 0;

/** A process that can be stopped for a while. */
interface Pausable {
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export interface ExecutorOptions {
  /**
   * It has one sandbox, which may start processes of its own: what they all use and write is that sandbox's, and so is it
   * when they run out of memory.
   */
  readonly hostsOneSandbox?: boolean;
}

/** `capabilities` serves what its calls ask for; without it they are refused. */
export async function startExecutor(
  wall: Wall,
  command: WalledCommand,
  capabilities: Capabilities | null,
): Promise<Executor> {
  const process = await wall.start({ profile: 'executor', limits: { maxTasks: MAX_TASKS }, ...command });
  return executorOf(process, capabilities);
}

/** Whatever started it: what counts is that frames come from its channel. Rejects with a Fault once it is late or gone. */
export async function executorOf(
  process: WalledProcess & Partial<Pausable>,
  capabilities: Capabilities | null,
  options: ExecutorOptions = {},
): Promise<Executor> {
  const executor = new WalledExecutor(process, capabilities, options);
  await executor.ready();
  return executor;
}

class WalledExecutor implements Executor {
  readonly id: string = `x${++counter}`;
  readonly pause?: () => Promise<void>;
  readonly resume?: () => Promise<void>;
  readonly #process: WalledProcess;
  readonly #session: HostSession;
  readonly #hostsOneSandbox: boolean;
  #events: ExecutorEvents | null = null;
  #becameReady: () => void = () => undefined;
  readonly #ready: Promise<void>;
  #endReason: string | null = null;
  #endCause: ExitCause | null = null;
  #output = '';
  #exited = false;

  constructor(
    process: WalledProcess & Partial<Pausable>,
    capabilities: Capabilities | null,
    { hostsOneSandbox = false }: ExecutorOptions,
  ) {
    this.#process = process;
    this.#hostsOneSandbox = hostsOneSandbox;
    const { pause, resume } = process;
    if (pause !== undefined) this.pause = () => pause.call(process);
    if (resume !== undefined) this.resume = () => resume.call(process);
    this.#ready = new Promise((resolve) => {
      this.#becameReady = resolve;
    });
    const events: SessionEvents = {
      onReady: () => this.#becameReady(),
      onBroken: (reason, culprit) => this.#onBroken(reason, culprit),
      onOverrun: (version) => this.#events?.onOverrun(version),
      onLog: (version, invocation, entry) => this.#events?.onLog(version, invocation, entry),
      onClosed: () => void this.kill('its channel closed'),
      onLost: () => this.#onLost(),
    };
    this.#session = new HostSession(process.channel, events, capabilities);
    if (hostsOneSandbox) this.#logOutput();
    else for (const stream of [process.stdout, process.stderr]) stream.on('data', (chunk: Buffer) => this.#keep(chunk));
    void process.exited.then((exit) => this.#onExited(exit));
  }

  get pid(): number {
    return this.#process.pid;
  }

  async ready(): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`it was not ready within ${READY_DEADLINE_MS / 1000} s`)),
      READY_DEADLINE_MS,
    );
    const gone = this.#process.exited.then(({ code, signal }) => {
      throw new Error(`it ended with ${signal ?? `code ${code}`} before it was ready`);
    });
    try {
      await Promise.race([this.#ready, late, gone]);
      if (!this.#process.isConfined()) throw new Error('it did not put on all of its seccomp filters');
    } catch (error) {
      await this.kill('it did not start');
      throw new Fault(
        'INTERNAL',
        `An executor did not start: ${(error as Error).message}. It said: ${this.#output.trim() || 'nothing'}`,
      );
    } finally {
      clearTimeout(timer);
      gone.catch(() => undefined);
    }
  }

  listen(events: ExecutorEvents): void {
    this.#events = events;
    if (this.#exited) this.#tellExit();
  }

  open(version: FunctionVersion, events: SandboxEvents): Sandbox {
    return this.#session.open(version, events);
  }

  tick(nowMs: number): number {
    return this.#session.tick(nowMs);
  }

  usage(): ExecutorUsage | null {
    if (this.#exited) return null;
    const bytes = this.#hostsOneSandbox ? this.#process.usage()?.memoryBytes : residentBytes(this.pid);
    return typeof bytes === 'number' && bytes > 0 ? { rssBytes: bytes } : null;
  }

  cpuMs(): number | null {
    return this.#hostsOneSandbox ? (this.#process.usage()?.cpuMs ?? null) : processCpuMs(this.pid);
  }

  holdTo(memoryBytes: number): boolean {
    return this.#process.limit({ memoryBytes });
  }

  weigh(cpuShares: number): boolean {
    return this.#process.limit({ cpuShares });
  }

  async kill(reason: string, cause?: Fault): Promise<void> {
    this.#endReason ??= reason;
    this.#session.end(
      cause ?? new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox was ended under this request'),
    );
    await this.#process.kill();
  }

  /** Most often it is dying, and why is known when it has ended. Whatever else comes for it goes elsewhere meanwhile. */
  #onLost(): void {
    const timer = setTimeout(() => {
      this.#onBroken('it closed its connection', null);
      void this.kill('its channel closed');
    }, LAST_MOMENTS_MS);
    void this.#process.exited.then(() => clearTimeout(timer));
    this.#events?.onDraining?.();
  }

  #onBroken(reason: string, culprit: FunctionVersion | null): void {
    if (this.#events === null) void this.kill(reason);
    else this.#events.onBroken(reason, culprit?.key ?? null);
  }

  #onExited({ code, signal, outOfMemory = false }: ProcessExit): void {
    this.#exited = true;
    if (this.#endReason === null && (outOfMemory || (this.#hostsOneSandbox && saysHeapIsFull(signal, this.#output))))
      this.#endCause = 'memory';
    const how = signal ?? `code ${code}`;
    this.#endReason ??= `it ended with ${how}${this.#endCause === 'memory' ? ', out of memory' : ''}${this.#output === '' ? '' : `: ${this.#output.trim()}`}`;
    this.#session.end(this.#faultOfExit());
    this.#tellExit();
  }

  #faultOfExit(): Fault {
    const recycled = new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox ended under this request');
    if (this.#endCause === null) return recycled;
    if (this.#events?.faultOf !== undefined) return this.#events.faultOf(this.#endCause) ?? recycled;
    return this.#hostsOneSandbox ? new Fault('OUT_OF_MEMORY', 'The function used more memory than it may') : recycled;
  }

  #tellExit(): void {
    const reason = this.#endReason ?? 'it ended';
    if (this.#endCause === null) this.#events?.onExit(reason);
    else this.#events?.onExit(reason, this.#endCause);
  }

  /** What processes write that a function has started: lines of its log, once the agent has said that it is ready. */
  #logOutput(): void {
    const { stdout, stderr } = this.#process;
    let isReady = false;
    void this.#ready.then(() => {
      isReady = true;
    });
    for (const [stream, level] of [
      [stdout, 'info'],
      [stderr, 'error'],
    ] as const) {
      const output = new RawOutput(stream, (message) =>
        this.#session.logOutside({ level, message, timeMs: Date.now() }),
      );
      stream.on('data', (chunk: Buffer) => {
        if (level === 'error') this.#keep(chunk);
        if (isReady) output.take(chunk);
      });
    }
  }

  #keep(chunk: Buffer): void {
    this.#output = (this.#output + chunk.toString('utf8', 0, KEPT_OUTPUT)).slice(-KEPT_OUTPUT);
  }
}

/** V8 ends its process by itself when its own measure of the heap is full, before the kernel's is. */
const saysHeapIsFull = (signal: NodeJS.Signals | null, output: string): boolean =>
  (signal === 'SIGABRT' || signal === 'SIGTRAP') && output.includes('heap out of memory');

function residentBytes(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return null;
  }
}
