/**
 * The watch: what the host reads for itself about every executor, and does about it.
 *
 * An executor is untrusted once it runs tenant code, so its memory is read from the kernel, its silence is measured, and
 * its deadlines are held from here. Memory can grow by gigabytes a second, hence the short beat while anything runs.
 */

import { Fault } from '../core/faults.ts';
import type { Cordon } from './cordon.ts';
import type { SupervisorOptions } from './supervisor.ts';

export interface Watched {
  readonly options: SupervisorOptions;
  readonly cordons: IterableIterator<Cordon>;
}

export interface Watch {
  stop(): void;
}

const BEAT_MS = 20;
/** Heartbeats and idle executors are looked at every so many beats. */
const SLOW_EVERY = 5;
const SILENCE_MS = 2_000;
/** A beat that comes this late says that the host itself stood still: what the executors said since then is still unread. */
const STALL_MS = 500;
/** Above this share of the bound, idle sandboxes are evicted. */
const SOFT_SHARE = 0.75;
/** An executor that nobody called for so long is ended: at rest a tenant costs nothing. */
const IDLE_EXECUTOR_MS = 10 * 60_000;
const MB = 1024 * 1024;

export function startWatch(watched: Watched): Watch {
  let beat = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const stalled = now - lastMs > STALL_MS;
    lastMs = now;
    if (stalled) return;
    const slow = ++beat % SLOW_EVERY === 0;
    let totalBytes = 0;
    for (const cordon of watched.cordons) {
      if (slow) for (const replicas of cordon.replicas) replicas.expire(now);
      if (cordon.executor === null) continue;
      if (slow || cordon.inFlight > 0) totalBytes += watchMemory(cordon, watched.options);
      if (slow && !cordon.ended) watchPulse(cordon, now, watched.options);
    }
    if (slow) keepWithinBudget(watched, totalBytes);
  }, BEAT_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function watchMemory(cordon: Cordon, options: SupervisorOptions): number {
  const usage = cordon.executor?.usage();
  if (usage === null || usage === undefined) return 0;
  const bound = cordon.memoryBoundBytes;
  if (usage.rssBytes > bound) {
    options.report(
      `executor of ${cordon.key}: ${Math.round(usage.rssBytes / MB)} MB of memory, more than its ${Math.round(bound / MB)} MB`,
    );
    const running = cordon.running();
    // Where only one version was running there is no doubt whose memory it was.
    const cause =
      running.length === 1
        ? new Fault('OUT_OF_MEMORY', 'The function used more memory than its executor may')
        : undefined;
    void cordon.end('it used more memory than it may', running, cause);
  } else if (usage.rssBytes > bound * SOFT_SHARE) {
    for (const replicas of cordon.replicas) replicas.evictIdle();
  }
  return usage.rssBytes;
}

function watchPulse(cordon: Cordon, now: number, options: SupervisorOptions): void {
  const silentMs = cordon.executor?.tick(now) ?? 0;
  if (silentMs > SILENCE_MS) {
    options.report(`executor of ${cordon.key}: no sign of life for ${Math.round(silentMs)} ms`);
    return void cordon.end('it gave no sign of life', cordon.running());
  }
  if (cordon.inFlight + cordon.waiting === 0 && now - cordon.idleSinceMs > IDLE_EXECUTOR_MS)
    void cordon.end('it was idle');
}

/** Over the whole host's budget, the executors that were idle longest are ended first, whoever's they are. */
function keepWithinBudget({ cordons, options }: Watched, totalBytes: number): void {
  let over = totalBytes - options.hostMemoryMb * MB;
  if (over <= 0) return;
  const idle = [...cordons].filter((cordon) => cordon.executor !== null && cordon.inFlight + cordon.waiting === 0);
  for (const cordon of idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs)) {
    if (over <= 0) return;
    over -= cordon.executor?.usage()?.rssBytes ?? 0;
    options.report(
      `executor of ${cordon.key}: ended, because the host's ${options.hostMemoryMb} MB for executors are used up`,
    );
    void cordon.end('the host needed its memory');
  }
}
