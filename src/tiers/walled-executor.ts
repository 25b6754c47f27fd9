/** WalledExecutor: a child process of ours behind an OS wall, and the session on its channel. */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Capabilities } from '../core/capability.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Executor, ExecutorEvents, ExecutorUsage, Sandbox, SandboxEvents } from '../core/tier.ts';
import { processCpuMs } from '../lib/process-cpu.ts';
import type { Wall, WalledCommand, WalledProcess } from '../walls/wall.ts';
import { HostSession, type SessionEvents } from '../wire/session.ts';

const READY_DEADLINE_MS = 10_000;
/** What an executor writes outside of its channel is kept for the reason of its death, no more. */
const KEPT_OUTPUT = 4 * 1024;
const PAGE_BYTES = 4096;
/** Node, V8 and isolated-vm together: a few threads for each processor, and some for whatever else. */
const MAX_TASKS = 64 + 4 * availableParallelism();

let counter = 0;

/** `capabilities` serves what its calls ask for; without it they are refused. */
export async function startExecutor(
  wall: Wall,
  command: WalledCommand,
  capabilities: Capabilities | null,
): Promise<Executor> {
  return executorOf(
    await wall.start({ profile: 'executor', limits: { maxTasks: MAX_TASKS }, ...command }),
    capabilities,
  );
}

/** Whatever started it: what counts is that frames come from its channel. Rejects with a Fault once it is late or gone. */
export async function executorOf(process: WalledProcess, capabilities: Capabilities | null): Promise<Executor> {
  const executor = new WalledExecutor(process, capabilities);
  await executor.ready();
  return executor;
}

class WalledExecutor implements Executor {
  readonly id: string = `x${++counter}`;
  readonly #process: WalledProcess;
  readonly #session: HostSession;
  #events: ExecutorEvents | null = null;
  #becameReady: () => void = () => undefined;
  readonly #ready: Promise<void>;
  #endReason: string | null = null;
  #output = '';
  #exited = false;

  constructor(process: WalledProcess, capabilities: Capabilities | null) {
    this.#process = process;
    this.#ready = new Promise((resolve) => {
      this.#becameReady = resolve;
    });
    const events: SessionEvents = {
      onReady: () => this.#becameReady(),
      onBroken: (reason, culprit) => {
        if (this.#events === null) void this.kill(reason);
        else this.#events.onBroken(reason, culprit?.key ?? null);
      },
      onOverrun: (version) => this.#events?.onOverrun(version),
      onLog: (version, invocation, entry) => this.#events?.onLog(version, invocation, entry),
      onClosed: () => void this.kill('its channel closed'),
    };
    this.#session = new HostSession(process.channel, events, capabilities);
    for (const stream of [process.stdout, process.stderr]) stream.on('data', (chunk: Buffer) => this.#keep(chunk));
    void process.exited.then(({ code, signal }) => this.#onExited(code, signal));
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
    if (this.#exited) events.onExit(this.#endReason ?? 'it ended');
  }

  open(version: FunctionVersion, events: SandboxEvents): Sandbox {
    return this.#session.open(version, events);
  }

  tick(nowMs: number): number {
    return this.#session.tick(nowMs);
  }

  usage(): ExecutorUsage | null {
    try {
      const pages = Number(readFileSync(`/proc/${this.pid}/statm`, 'latin1').split(' ')[1]);
      return pages > 0 ? { rssBytes: pages * PAGE_BYTES } : null;
    } catch {
      return null;
    }
  }

  cpuMs(): number | null {
    return processCpuMs(this.pid);
  }

  holdTo(memoryBytes: number): boolean {
    return this.#process.limit({ memoryBytes });
  }

  async kill(reason: string, cause?: Fault): Promise<void> {
    this.#endReason ??= reason;
    this.#session.end(
      cause ?? new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox was ended under this request'),
    );
    await this.#process.kill();
  }

  #onExited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exited = true;
    this.#endReason ??= `it ended with ${signal ?? `code ${code}`}${this.#output === '' ? '' : `: ${this.#output.trim()}`}`;
    this.#session.end(new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox ended under this request'));
    this.#events?.onExit(this.#endReason);
  }

  #keep(chunk: Buffer): void {
    if (this.#output.length < KEPT_OUTPUT) this.#output += chunk.toString('utf8', 0, KEPT_OUTPUT);
  }
}
