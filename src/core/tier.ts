/**
 * Tier: a kind of wall. Executor: a process (or machine) behind one. Sandbox: one live instance of one version.
 *
 * These three interfaces are the seam that every tier implements and that the supervisor sees. Differences between
 * tiers are the readonly {@link TierTraits}; nothing above this seam asks a tier for its name.
 */

import type { Fault } from './faults.ts';
import type { FunctionVersion } from './function.ts';
import type { Call, LogEntry, ResponseSink } from './invocation.ts';
import type { Runtime } from './runtime.ts';

export const TIER_NAMES = ['wasm', 'isolate', 'worker', 'container', 'microvm', 'remote'] as const;
export type TierName = (typeof TIER_NAMES)[number];

/** Other names of tiers (seed 002). */
const TIER_ALIASES = { 'remote-http': 'remote', 'bun-worker': 'worker', quickjs: 'wasm' } as const;

/** What whoever deploys may say: a tier, another name of one, or `auto`, which the selector resolves. */
export const TIER_WORDS = [
  'auto',
  'wasm',
  'isolate',
  'worker',
  'container',
  'microvm',
  'remote',
  'remote-http',
  'bun-worker',
  'quickjs',
] as const;
export type TierWord = (typeof TIER_WORDS)[number];

export function tierOf(word: TierWord): TierName | 'auto' {
  return word in TIER_ALIASES ? TIER_ALIASES[word as keyof typeof TIER_ALIASES] : (word as TierName | 'auto');
}

export interface TierTraits {
  /** Its executors use this host's memory and CPU, and what they use can be read here. */
  readonly isLocal: boolean;
  /** What stands between the code and its executor. */
  readonly languageWall: 'isolate' | 'wasm' | 'none';
  /** Sandboxes of one cordon live together in one executor. */
  readonly sharesExecutor: boolean;
  /** An executor hosts one sandbox and no second one: a version that needs more of them needs more executors. */
  readonly executorPerSandbox?: true;
  /** Functions have a network interface of their own, and reach egress through a proxy beside `ctx.fetch`. */
  readonly hasNetwork?: true;
  /** A booted executor can wait in a pool for any cordon. */
  readonly pooled: boolean;
  /** The memory limit is exact for each sandbox; otherwise for each executor only. */
  readonly sandboxMemory: 'heap' | 'process';
  /** False where every invocation has an instance of its own: nothing that code keeps in memory lives on to the next. */
  readonly keepsState?: false;
  /** The languages that its executors run; JavaScript alone where it says nothing. */
  readonly runtimes?: readonly Runtime[];
  /** Where functions have a whole Node: they are built for it, and nothing of it is made for them. */
  readonly engine?: 'node';
}

/** Where a call runs, for whoever asks: the wall that it is behind, and on which host. */
export interface Place {
  readonly tier: TierName;
  readonly placement: 'local' | 'remote';
}

export type TierProbe =
  | { readonly works: true; readonly detail: string }
  | { readonly works: false; readonly reason: string; readonly cure: string };

export interface Tier {
  readonly name: TierName;
  readonly traits: TierTraits;
  /** Tries the tier on this machine, for real, once; later calls return the first answer. */
  probe(): Promise<TierProbe>;
  /**
   * Starts an executor: booted, walled, and bound to nobody; for JavaScript where no runtime is named. Rejects with a
   * Fault after a deadline.
   */
  spawn(runtime?: Runtime): Promise<Executor>;
  /** Frees what the tier holds besides executors. */
  close(): Promise<void>;
}

export interface ExecutorUsage {
  readonly rssBytes: number;
}

/** Why an executor ended by itself, where the host can tell: the kernel ended it for want of memory. */
export type ExitCause = 'memory';

/** What an executor tells its supervisor. All of it is a hint: the executor is untrusted once it runs tenant code. */
export interface ExecutorEvents {
  /**
   * It has ended by itself, for this cause by the host's own reading. Asked before its exchanges are failed, for what they
   * fail with; null: with SANDBOX_RECYCLED, as always.
   */
  faultOf?(cause: ExitCause): Fault | null;
  /** The process is gone; every exchange in it has been failed. Called exactly once. `cause` is what faultOf() was asked with. */
  onExit(reason: string, cause?: ExitCause): void;
  /** It broke the protocol, or says that it can't be trusted any more: kill it. `culprit` is a version key. */
  onBroken(reason: string, culprit: string | null): void;
  /** An exchange is past its deadline and the executor has not ended it. */
  onOverrun(version: FunctionVersion): void;
  onLog(version: FunctionVersion, invocation: string | null, entry: LogEntry): void;
  /** It takes no more calls, and finishes those it has. */
  onDraining?(): void;
}

export interface Executor {
  /** Short and unique within this host. */
  readonly id: string;
  /** Null: it is no process of this host. */
  readonly pid: number | null;
  /** Where its sandboxes run, if that is not this host, behind the tier's own wall. */
  readonly place?: Place;
  /** Loads a version. Frames are pipelined: the sandbox may be called at once. */
  open(version: FunctionVersion, events: SandboxEvents): Sandbox;
  /** Who hears about this executor; set once, when it is bound. */
  listen(events: ExecutorEvents): void;
  /** What it uses of this host, by the host's own reading; null when it is gone. */
  usage(): ExecutorUsage | null;
  /** CPU time of this host since it started, the host's own reading; null when it is gone. */
  cpuMs(): number | null;
  /**
   * Has the kernel end it at so many bytes, whole process, from now on. False where the kernel can't be asked to, and only
   * watching helps.
   */
  holdTo?(memoryBytes: number): boolean;
  /** Its share of the CPU where executors compete for it, 1024 being the usual one. False where the kernel can't be asked to. */
  weigh?(cpuShares: number): boolean;
  /** Sends a heartbeat and ends overdue calls; returns for how many ms the executor has been silent. */
  tick(nowMs: number): number;
  /** While it waits in a pool it gets no CPU, and after `resume` it is as it was. */
  pause?(): Promise<void>;
  resume?(): Promise<void>;
  /** SIGKILL, for the reason given; resolves when the process is gone. `cause` is what its calls fail with. */
  kill(reason: string, cause?: Fault): Promise<void>;
}

export interface SandboxEvents {
  /** One call is over and its slot is free; `fault` is what it ended with, if it did. */
  onSettled(fault: Fault | null): void;
  /** It is certain that the guest saw nothing of this call; its sink has heard nothing either. Comes after onSettled. */
  onNotBegun(call: Call, sink: ResponseSink): void;
  /** The sandbox can't be called any more. Comes before its calls in flight are failed. */
  onGone(cause: Fault): void;
}

export interface Sandbox {
  readonly version: FunctionVersion;
  readonly inFlight: number;
  /** performance.now() of the last time it became idle. */
  readonly idleSinceMs: number;
  invoke(call: Call, sink: ResponseSink): void;
  /** Ends it. What is in flight fails with SANDBOX_RECYCLED. */
  close(): void;
}
