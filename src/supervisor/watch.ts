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
import type { SupervisorOptions } from './supervisor-options.ts';

export interface Watched {
  readonly options: SupervisorOptions;
  readonly cordons: readonly Cordon[];
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
    else for (const cordon of watched.cordons) if (cordon.inFlight > 0) watchMemory(cordon, watched.options);
    if (beat % SECOND_EVERY === 0) everySecond(watched, now);
  }, BEAT_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function slowBeat({ options, cordons, admission, budget }: Watched, now: number): void {
  admission.expire(now);
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
  for (const cordon of cordons) for (const replicas of cordon.replicas) replicas.evictIdle(now - options.idleMs);
  watched.flushUsage();
}

function watchMemory(cordon: Cordon, options: SupervisorOptions): number {
  const usage = cordon.executor?.usage();
  if (usage === null || usage === undefined) return 0;
  const bound = cordon.memoryBoundBytes;
  if (usage.rssBytes > bound) {
    options.report(
      `executor of ${cordon.key}: ${Math.round(usage.rssBytes / MB)} MB of memory, more than its ${Math.round(bound / MB)} MB`,
    );
    const versions = cordon.running();
    // Where only one version was running there is no doubt whose memory it was.
    const fault =
      versions.length === 1
        ? new Fault('OUT_OF_MEMORY', 'The function used more memory than its executor may', {
            limit: `executor-memory-mb=${cordon.memoryMb}`,
          })
        : undefined;
    void cordon.end('it used more memory than it may', { versions, cause: 'executor-memory' }, fault);
    return 0;
  }
  if (usage.rssBytes > bound * SOFT_SHARE) for (const replicas of cordon.replicas) replicas.evictIdle();
  return usage.rssBytes;
}

/**
 * The executor ends what is over its CPU time, by V8's own count; this is for one that does not. In a shared executor the
 * time is an estimate, and moves a version to one of its own; there it is exact, and the end.
 */
function watchCpu(cordon: Cordon, now: number, { cpuMs, report }: SupervisorOptions): void {
  cordon.cpu.charge(cordon, now);
  const runaway = runawayOf(cordon.replicas, ({ limits }, inFlight) =>
    cordon.isAlone ? Math.min(cpuMs, limits.cpuMs * inFlight + CPU_GRACE_MS) : cpuMs,
  );
  if (runaway === null) return;
  const { version } = runaway.replicas;
  if (!cordon.isAlone) {
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
  const silentMs = cordon.executor?.tick(now) ?? 0;
  if (silentMs > (cordon.place.placement === 'local' ? SILENCE_MS : REMOTE_SILENCE_MS)) {
    options.report(`executor of ${cordon.key}: no sign of life for ${Math.round(silentMs)} ms`);
    return void cordon.end('it gave no sign of life', { versions: cordon.running(), cause: 'silence' });
  }
  if (cordon.ended || cordon.inFlight + cordon.waiting > 0) return;
  const idleMs = now - cordon.idleSinceMs;
  if (idleMs > (cordon.isAlone ? Math.min(options.idleMs, ALONE_IDLE_MS) : options.idleMs))
    return void cordon.end('it was idle');
  if (idleMs < HELD_IDLE_MS) return;
  const heldBytes = (cordon.executor?.usage()?.rssBytes ?? 0) - cordon.baseBytes;
  if (heldBytes > cordon.memoryMb * MB * HELD_SHARE) void cordon.end('it was idle and did not give its memory back');
}
