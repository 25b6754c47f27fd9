/**
 * The watch: what the host reads for itself about every executor, and does about it.
 *
 * An executor is untrusted once it runs tenant code, so its memory and CPU time are read from the kernel, its silence is
 * measured, and its deadlines are held from here. Memory can grow by gigabytes a second, hence the short beat while
 * anything runs.
 */

import { Fault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import type { Admission } from './admission.ts';
import type { Cordon } from './cordon.ts';
import { runawayOf } from './cpu-shares.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ReplicaSets } from './replica-sets.ts';
import type { Standing } from './standing.ts';
import type { SupervisorOptions } from './supervisor-options.ts';

export interface Watched {
  readonly options: SupervisorOptions;
  readonly cordons: readonly Cordon[];
  readonly sets: ReplicaSets;
  readonly standing: Standing;
  readonly admission: Admission;
  readonly budget: MemoryBudget;
  flushUsage(): void;
}

export interface Watch {
  stop(): void;
}

const BEAT_MS = 20;
/** Heartbeats, CPU time and idle executors are looked at every so many beats. */
const SLOW_EVERY = 5;
/** Usage is told, and idle sandboxes are looked for, every so many beats. */
const SECOND_EVERY = 50;
const SILENCE_MS = 2_000;
/** A network may stand still for longer than a process may. */
const REMOTE_SILENCE_MS = 10_000;
/** What an executor may take to end what is over its CPU time. */
const CPU_GRACE_MS = 500;
/** A beat that comes this late says that the host itself stood still: what the executors said since then is still unread. */
const STALL_MS = 500;
/** Above this share of the bound, idle sandboxes are evicted. */
const SOFT_SHARE = 0.75;
/** An executor that nobody calls and that holds more than this share of its functions' memory is ended before its time. */
const HELD_SHARE = 0.5;
const HELD_IDLE_MS = 30_000;
/** Whoever misbehaves must not keep many executors by it. */
const ALONE_IDLE_MS = 60_000;

export function startWatch(watched: Watched): Watch {
  let beat = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const stalled = now - lastMs > STALL_MS;
    lastMs = now;
    if (stalled) return;
    beat++;
    if (beat % SLOW_EVERY === 0) slowBeat(watched, now);
    else for (const cordon of watched.cordons) if (cordon.inFlight > 0) fastBeat(cordon, now, watched.options);
    if (beat % SECOND_EVERY === 0) everySecond(watched, now);
  }, BEAT_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Between two slow beats, of what runs: what one moment may be too late for. */
function fastBeat(cordon: Cordon, now: number, options: SupervisorOptions): void {
  watchMemory(cordon, options);
  if (!cordon.ended && cordon.isExact) watchCpu(cordon, now, options);
}

function slowBeat({ options, cordons, sets, admission, budget }: Watched, now: number): void {
  admission.expire(now);
  sets.beat(now);
  let totalBytes = 0;
  for (const cordon of cordons) {
    for (const replicas of cordon.replicas) replicas.expire(now);
    if (cordon.executor === null || cordon.ended) continue;
    totalBytes += watchMemory(cordon, options);
    if (!cordon.ended && cordon.inFlight > 0) watchCpu(cordon, now, options);
    if (!cordon.ended) watchPulse(cordon, now, options);
  }
  budget.read(totalBytes, cordons);
}

function everySecond(watched: Watched, now: number): void {
  const { options, cordons } = watched;
  // First, so that what is to stand ready is not taken for idle.
  watched.standing.beat();
  for (const cordon of cordons) for (const replicas of cordon.replicas) replicas.evictIdle(now - options.idleMs);
  weigh(cordons);
  watched.flushUsage();
}

/** A tenant does not get more of the CPU by having more executors. */
function weigh(cordons: readonly Cordon[]): void {
  const busy = new Map<string, number>();
  for (const { tenant, inFlight } of cordons) if (inFlight > 0) busy.set(tenant, (busy.get(tenant) ?? 0) + 1);
  for (const { tenant, weight } of cordons) weight.divide(busy.get(tenant) ?? 1);
}

function watchMemory(cordon: Cordon, options: SupervisorOptions): number {
  const usage = cordon.executor?.usage();
  if (usage === null || usage === undefined) return 0;
  const { memory } = cordon;
  const bound = memory.bytes;
  if (usage.rssBytes > bound) {
    options.report(
      `executor of ${cordon.key}: ${Math.round(usage.rssBytes / MB)} MB of memory, more than its ${Math.round(bound / MB)} MB`,
    );
    const versions = cordon.running();
    const fault = memory.faultOf(versions) ?? undefined;
    void cordon.end('it used more memory than it may', { versions, cause: 'executor-memory' }, fault);
    return 0;
  }
  if (usage.rssBytes > bound * SOFT_SHARE) for (const replicas of cordon.replicas) replicas.evictIdle();
  return usage.rssBytes;
}

/**
 * Where executors count CPU time themselves they end what is over it, and this is for those that do not; where they don't,
 * nobody else does. In a shared executor the time is an estimate, and moves a version to one of its own; where only one
 * version can have used it, it is exact, and the end.
 */
function watchCpu(cordon: Cordon, now: number, { cpuMs, report }: SupervisorOptions): void {
  cordon.cpu.charge(cordon, now);
  const { isExact } = cordon;
  const graceMs = cordon.countsCpu ? CPU_GRACE_MS : 0;
  const runaway = runawayOf(cordon.replicas, ({ limits }, inFlight) =>
    isExact ? Math.min(cpuMs, limits.cpuMs * inFlight + graceMs) : cpuMs,
  );
  if (runaway === null) return;
  const { version } = runaway.replicas;
  if (!isExact) {
    if (!runaway.slot.isStruck) cordon.moveOut(runaway.replicas, 'cpu');
    runaway.slot.isStruck = true;
    return;
  }
  const limitMs = Math.min(cpuMs, version.limits.cpuMs);
  report(`executor of ${cordon.key}: ${version.key} used more than ${limitMs} ms of CPU time`);
  const fault = new Fault('TIMED_OUT', `Execution used more than ${limitMs / 1000}s of CPU time`, {
    limit: `cpu-ms=${limitMs}`,
  });
  void cordon.end('a function used more CPU time than it may', { versions: [version], cause: 'cpu' }, fault);
}

function watchPulse(cordon: Cordon, now: number, options: SupervisorOptions): void {
  const silentMs = Math.min(cordon.executor?.tick(now) ?? 0, cordon.answersAtWork ? Infinity : restMsOf(cordon, now));
  if (silentMs > (cordon.place.placement === 'local' ? SILENCE_MS : REMOTE_SILENCE_MS)) {
    options.report(`executor of ${cordon.key}: no sign of life for ${Math.round(silentMs)} ms`);
    return void cordon.end('it gave no sign of life', { versions: cordon.running(), cause: 'silence' });
  }
  if (cordon.ended || cordon.stands || cordon.inFlight + cordon.waiting > 0) return;
  const idleMs = now - cordon.idleSinceMs;
  if (idleMs > (cordon.isHeld ? Math.min(options.idleMs, ALONE_IDLE_MS) : options.idleMs))
    return void cordon.end('it was idle');
  if (idleMs < HELD_IDLE_MS) return;
  const heldBytes = (cordon.executor?.usage()?.rssBytes ?? 0) - cordon.memory.baseBytes;
  if (heldBytes > cordon.memory.memoryMb * MB * HELD_SHARE)
    void cordon.end('it was idle and did not give its memory back');
}

/** How long nothing has run in it. */
const restMsOf = ({ inFlight, idleSinceMs }: Cordon, now: number): number => (inFlight > 0 ? 0 : now - idleSinceMs);
