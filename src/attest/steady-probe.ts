/**
 * Steady probe: asks the victim's function for its greeting at a steady pace, whatever else goes on, and remembers how that
 * went. Requests are sent when their time has come, not when the one before has been answered: a stall shows whole.
 */

import type { HttpClient } from './http-client.ts';

export interface ProbeSummary {
  readonly requests: number;
  /** 0 to 1. */
  readonly successRate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The first few answers that were wrong. */
  readonly failures: readonly string[];
}

export interface SteadyProbe {
  /** Waits for what is under way. */
  stop(): Promise<ProbeSummary>;
}

const KEPT_FAILURES = 5;

export function startSteadyProbe(
  client: HttpClient,
  target: { readonly path: string; readonly host: string; readonly greeting: string },
  perSecond: number,
): SteadyProbe {
  const tookMs: number[] = [];
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  let failed = 0;
  const ask = async (): Promise<void> => {
    const startedMs = performance.now();
    const wrong = await client.send(target).then(
      ({ status, text }) => (status === 200 && text === target.greeting ? null : `${status} ${text.slice(0, 120)}`),
      (error: Error) => error.message,
    );
    tookMs.push(performance.now() - startedMs);
    if (wrong === null) return;
    failed += 1;
    if (failures.length < KEPT_FAILURES) failures.push(wrong);
  };
  const startedMs = performance.now();
  let begun = 0;
  // A timer that comes late sends what is due by then, too.
  const timer = setInterval(() => {
    for (const due = ((performance.now() - startedMs) / 1000) * perSecond; begun < due; begun++) {
      const asking: Promise<void> = ask().finally(() => pending.delete(asking));
      pending.add(asking);
    }
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      const sorted = tookMs.sort((a, b) => a - b);
      const at = (share: number): number =>
        round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
      return {
        requests: sorted.length,
        successRate: sorted.length === 0 ? 0 : 1 - failed / sorted.length,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        maxMs: at(1),
        failures,
      };
    },
  };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;
