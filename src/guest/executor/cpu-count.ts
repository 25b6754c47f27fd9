/**
 * CpuCount: whose the CPU time of one isolate was.
 *
 * V8 counts for how long an isolate ran, also while its thread waited for a processor; the kernel counts the CPU time of
 * the process. So an isolate's is the process's, by running time, and no more than it ran. A call that is alone in its
 * isolate is charged with all of it; among several, the one that the watchdog finds running is charged with the time since
 * it last looked, as a sampling profiler would.
 */

/** What nobody was found running for waits for the next look, up to this. */
const MAX_WAITING_MS = 50;

export class CpuCount {
  #countedMs = 0;
  #lookedMs = 0;
  #waitingMs = 0;

  /** A call begins where none was: for how long the isolate ran until now concerns nobody. */
  start(ranMs: number, nowMs: number): void {
    this.#countedMs = ranMs;
    this.#lookedMs = nowMs;
    this.#waitingMs = 0;
  }

  /** For how long the isolate ran since it was last asked. */
  sinceLast(ranMs: number): number {
    const sinceMs = Math.max(0, ranMs - this.#countedMs);
    this.#countedMs = ranMs;
    return sinceMs;
  }

  /** What to charge now: to the call that is alone, to the one that runs, or, where neither is known, to nobody. */
  charge(usedMs: number, nowMs: number, who: 'alone' | 'running' | 'nobody'): number {
    const dueMs = this.#waitingMs + usedMs;
    const sinceMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    const chargedMs = who === 'alone' ? dueMs : who === 'running' ? Math.min(dueMs, sinceMs) : 0;
    this.#waitingMs = Math.min(dueMs - chargedMs, MAX_WAITING_MS);
    return chargedMs;
  }
}
