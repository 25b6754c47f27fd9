/**
 * A tier in memory that keeps the promises of core/tier.ts, in their order, and does nothing by itself: the test says when
 * a process starts, what becomes of a call, how much memory is used and when an executor dies.
 */

import { Fault } from '../../src/core/faults.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Call, Exchange, LogEntry, ResponseSink } from '../../src/core/invocation.ts';
import type { Runtime } from '../../src/core/runtime.ts';
import type {
  Executor,
  ExecutorEvents,
  ExecutorUsage,
  ExitCause,
  Sandbox,
  SandboxEvents,
  Tier,
  TierName,
  TierProbe,
  TierTraits,
} from '../../src/core/tier.ts';

const MB = 1024 * 1024;

export class MemoryTier implements Tier {
  name: TierName = 'isolate';
  traits: TierTraits = {
    isLocal: true,
    languageWall: 'isolate',
    sharesExecutor: true,
    pooled: true,
    sandboxMemory: 'heap',
  };
  /** Every executor that was ever started. */
  readonly executors: MemoryExecutor[] = [];
  /** What the next starts fail with. */
  readonly failures: Error[] = [];
  /** So many of the next executors are dead when they are handed out. */
  stillborn = 0;
  /** The next executors can be paused. */
  pauses = false;
  /** What pausing, or resuming, fails with. */
  readonly pauseFailures: { pause?: Error; resume?: Error } = {};
  readonly #held: (() => void)[] = [];
  #holds = false;
  #waiters: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  probe(): Promise<TierProbe> {
    return Promise.resolve({ works: true, detail: 'in memory' });
  }

  async spawn(runtime: Runtime = 'javascript'): Promise<Executor> {
    if (this.#holds) await new Promise<void>((resolve) => this.#held.push(resolve));
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const executor = new MemoryExecutor(`m${this.executors.length + 1}`, runtime, () => this.changed());
    if (this.pauses) executor.canPause(this.pauseFailures);
    this.executors.push(executor);
    if (this.stillborn > 0) {
      this.stillborn--;
      executor.crash('it ended with SIGKILL');
    }
    this.changed();
    return executor;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Starts wait until release(). */
  hold(): void {
    this.#holds = true;
  }

  release(): void {
    this.#holds = false;
    for (const go of this.#held.splice(0)) go();
  }

  get calls(): MemoryCall[] {
    return this.executors.flatMap(({ calls }) => calls);
  }

  /** The calls of one function that no one has answered yet. */
  open(name: string): MemoryCall[] {
    return this.calls.filter(({ over, sandbox }) => !over && sandbox.version.name === name);
  }

  /** Resolves when so many calls of this function are running. */
  async running(name: string, count = 1): Promise<MemoryCall[]> {
    await this.until(() => this.open(name).length >= count);
    return this.open(name);
  }

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ condition, resolve }));
  }

  changed(): void {
    const due = this.#waiters.filter(({ condition }) => condition());
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }
}

export class MemoryExecutor implements Executor {
  readonly id: string;
  readonly pid = 0;
  readonly sandboxes: MemorySandbox[] = [];
  readonly calls: MemoryCall[] = [];
  readonly changed: () => void;
  readonly runtime: Runtime;
  /** What it was told to weigh, in order. */
  readonly weights: number[] = [];
  pause?: () => Promise<void>;
  resume?: () => Promise<void>;
  /** Nothing in it runs. */
  paused = false;
  rssBytes: number = 50 * MB;
  usedCpuMs = 0;
  /** Heartbeats get no answer. */
  silent = false;
  endReason: string | null = null;
  /** Heartbeats so far. */
  ticks = 0;
  #events: ExecutorEvents | null = null;
  #silentSinceMs: number | null = null;
  #exited = false;

  constructor(id: string, runtime: Runtime, changed: () => void) {
    this.id = id;
    this.runtime = runtime;
    this.changed = changed;
  }

  get alive(): boolean {
    return this.endReason === null;
  }

  open(version: FunctionVersion, events: SandboxEvents): Sandbox {
    const sandbox = new MemorySandbox(this, version, events);
    if (this.alive) this.sandboxes.push(sandbox);
    return sandbox;
  }

  listen(events: ExecutorEvents): void {
    this.#events = events;
    if (this.#exited) events.onExit(this.endReason ?? '');
  }

  usage(): ExecutorUsage | null {
    return this.alive ? { rssBytes: this.rssBytes } : null;
  }

  cpuMs(): number | null {
    return this.alive ? this.usedCpuMs : null;
  }

  weigh(cpuShares: number): boolean {
    this.weights.push(cpuShares);
    this.changed();
    return true;
  }

  canPause(failures: MemoryTier['pauseFailures']): void {
    const set = async (paused: boolean, failure: Error | undefined): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      if (failure !== undefined) throw failure;
      this.paused = paused;
      this.changed();
    };
    this.pause = () => set(true, failures.pause);
    this.resume = () => set(false, failures.resume);
  }

  tick(nowMs: number): number {
    if (!this.silent) this.#silentSinceMs = null;
    else this.#silentSinceMs ??= nowMs;
    this.ticks++;
    this.changed();
    return this.#silentSinceMs === null ? 0 : nowMs - this.#silentSinceMs;
  }

  async kill(reason: string, cause?: Fault): Promise<void> {
    this.#lose(
      reason,
      cause ?? new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox was ended under this request'),
    );
    await new Promise((resolve) => setImmediate(resolve));
    this.#exit();
  }

  /** The process dies by itself, or the kernel ends it for a cause that can be told. */
  crash(reason: string, cause?: ExitCause): void {
    const fault = cause === undefined ? null : (this.#events?.faultOf?.(cause) ?? null);
    this.#lose(reason, fault ?? new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox ended under this request'));
    this.#exit(cause);
  }

  break(reason: string, culprit: FunctionVersion | null): void {
    this.#events?.onBroken(reason, culprit?.key ?? null);
  }

  overrun(version: FunctionVersion): void {
    this.#events?.onOverrun(version);
  }

  log(version: FunctionVersion, entry: LogEntry): void {
    this.#events?.onLog(version, null, entry);
  }

  #lose(reason: string, cause: Fault): void {
    if (!this.alive) return;
    this.endReason = reason;
    const calls = this.calls.filter(({ over }) => !over);
    for (const sandbox of this.sandboxes.splice(0)) sandbox.events.onGone(cause);
    for (const call of calls) call.fail(cause);
    this.changed();
  }

  #exit(cause?: ExitCause): void {
    if (this.#exited) return;
    this.#exited = true;
    if (cause === undefined) this.#events?.onExit(this.endReason ?? '');
    else this.#events?.onExit(this.endReason ?? '', cause);
    this.changed();
  }
}

export class MemorySandbox implements Sandbox {
  readonly version: FunctionVersion;
  readonly executor: MemoryExecutor;
  readonly events: SandboxEvents;
  inFlight = 0;
  idleSinceMs: number = performance.now();

  constructor(executor: MemoryExecutor, version: FunctionVersion, events: SandboxEvents) {
    this.executor = executor;
    this.version = version;
    this.events = events;
  }

  /** It may be called. */
  get open(): boolean {
    return this.executor.sandboxes.includes(this);
  }

  invoke(call: Call, sink: ResponseSink): void {
    this.inFlight++;
    call.attempts++;
    const made = new MemoryCall(this, call, sink);
    if (this.open) this.executor.calls.push(made);
    else queueMicrotask(() => made.notBegun());
    sink.attach(made);
    this.executor.changed();
  }

  close(): void {
    const at = this.executor.sandboxes.indexOf(this);
    if (at < 0) return;
    this.executor.sandboxes.splice(at, 1);
    for (const call of this.executor.calls) {
      if (call.sandbox === this && !call.over)
        call.fail(new Fault('SANDBOX_RECYCLED', 'The sandbox was closed under this request'));
    }
    this.executor.changed();
  }

  /** It ends in the middle of things; its calls get answers of their own. */
  gone(cause: Fault): void {
    const at = this.executor.sandboxes.indexOf(this);
    if (at >= 0) this.executor.sandboxes.splice(at, 1);
    this.events.onGone(cause);
    this.executor.changed();
  }
}

export class MemoryCall implements Exchange {
  readonly running: boolean = true;
  readonly sandbox: MemorySandbox;
  readonly call: Call;
  #sink: ResponseSink | null;
  over = false;
  cancelled = false;

  constructor(sandbox: MemorySandbox, call: Call, sink: ResponseSink) {
    this.sandbox = sandbox;
    this.call = call;
    this.#sink = sink;
  }

  write(): boolean {
    return true;
  }

  endBody(): void {
    // The test looks at what becomes of a call, not at its body.
  }

  resume(): void {
    // Nothing was held back.
  }

  cancel(): void {
    this.cancelled = true;
    this.#sink = null;
    this.sandbox.executor.changed();
  }

  reply(body = ''): void {
    this.#sink?.complete(200, [], Buffer.from(body));
    this.settle(null);
  }

  fail(fault: Fault): void {
    this.#sink?.fail(fault);
    this.settle(fault);
  }

  notBegun(): void {
    const sink = this.#sink;
    this.settle(null);
    if (sink !== null) this.sandbox.events.onNotBegun(this.call, sink);
  }

  settle(fault: Fault | null): void {
    this.over = true;
    this.#sink = null;
    this.sandbox.inFlight--;
    if (this.sandbox.inFlight === 0) this.sandbox.idleSinceMs = performance.now();
    this.sandbox.events.onSettled(fault);
    this.sandbox.executor.changed();
  }
}
