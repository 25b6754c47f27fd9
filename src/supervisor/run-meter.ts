/**
 * RunMeter: what the runs of one version take, counted without looking at any single one: a few additions when a run
 * begins and ends. Running time is the number of runs times the time that they were as many.
 */

import type { Fault, FaultCode } from '../core/faults.ts';
import type { RunCounts } from '../core/usage.ts';

export class RunMeter {
  /** Runs now. */
  running = 0;
  #invocations = 0;
  #coldStarts = 0;
  #wallMs = 0;
  #cpuMs = 0;
  #faults: Map<FaultCode, number> | null = null;
  #countedMs = 0;
  /** Running time that no CPU time was charged for yet. */
  #unchargedMs = 0;

  begin(nowMs: number): void {
    if (this.running > 0) this.advance(nowMs);
    else this.#countedMs = nowMs;
    this.running++;
  }

  end(nowMs: number, fault: Fault | null): void {
    this.advance(nowMs);
    this.running--;
    this.#invocations++;
    if (fault !== null) this.countFault(fault.code);
  }

  countColdStart(): void {
    this.#coldStarts++;
  }

  countFault(code: FaultCode): void {
    this.#faults ??= new Map();
    this.#faults.set(code, (this.#faults.get(code) ?? 0) + 1);
  }

  /** Counts the running time until now. */
  advance(nowMs: number): void {
    const ms = this.running * (nowMs - this.#countedMs);
    this.#countedMs = nowMs;
    this.#wallMs += ms;
    this.#unchargedMs += ms;
  }

  /** The running time since the last charge. */
  get unchargedMs(): number {
    return this.#unchargedMs;
  }

  charge(cpuMs: number): void {
    this.#cpuMs += cpuMs;
    this.#unchargedMs = 0;
  }

  /** All that was counted since the last take; null: nothing. */
  take(): RunCounts | null {
    if (
      this.#wallMs === 0 &&
      this.#faults === null &&
      this.#invocations === 0 &&
      this.#coldStarts === 0 &&
      this.#cpuMs === 0
    )
      return null;
    const counts = {
      invocations: this.#invocations,
      coldStarts: this.#coldStarts,
      wallMs: this.#wallMs,
      cpuMs: this.#cpuMs,
      faults: this.#faults,
    };
    this.#invocations = 0;
    this.#coldStarts = 0;
    this.#wallMs = 0;
    this.#cpuMs = 0;
    this.#faults = null;
    return counts;
  }
}
