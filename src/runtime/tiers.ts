/** Tiers: what works on this machine, and why the rest does not. */

import type { Runtime } from '../core/runtime.ts';
import { TIER_NAMES, type Tier, type TierName, type TierProbe } from '../core/tier.ts';

/** What `POST /execute` promises: an isolate for each call (seed 001). */
export const EXECUTION_TIER: TierName = 'isolate';

export interface TierStatus {
  readonly name: TierName;
  readonly probe: TierProbe;
  /** False: it has walls of its own, elsewhere. */
  readonly isLocal: boolean;
  /** The languages that work in it. */
  readonly runtimes: readonly Runtime[];
  /** The most calls that one sandbox of it serves side by side, where the tier says. */
  readonly concurrency?: number;
  /** Functions have a network interface of their own, by which their clients reach egress beside `ctx.fetch`. */
  readonly hasNetwork: boolean;
}

export type ProbedTier = TierStatus & { readonly tier: Tier };

export function probeTiers(tiers: readonly Tier[]): Promise<ProbedTier[]> {
  return Promise.all(
    tiers.map(async (tier) => {
      const probe = await tier.probe();
      const { isLocal, runtimes = JAVASCRIPT, executorPerSandbox = false, hasNetwork = false } = tier.traits;
      const one = executorPerSandbox ? { concurrency: 1 } : {};
      return { tier, name: tier.name, probe, isLocal, runtimes, hasNetwork, ...one };
    }),
  );
}

const JAVASCRIPT: readonly Runtime[] = ['javascript'];

const NOT_YET: TierProbe = {
  works: false,
  reason: 'this version of Cordon does not have it yet',
  cure: 'Use isolate',
};
const NO_REMOTE: TierProbe = {
  works: false,
  reason: 'no other host is configured',
  cure: 'Start `cordon executor` there, and set FUNCTIONS_EXEC_URL and SANDBOX_RPC_TOKEN here',
};

/** With the rest of the ladder, so that nobody wonders. */
export function wholeLadder(present: readonly ProbedTier[]): TierStatus[] {
  const missing = TIER_NAMES.filter((name) => !present.some((tier) => tier.name === name));
  return [
    ...present.map(({ tier: _, ...status }) => status),
    ...missing.map((name) => ({
      name,
      isLocal: name !== 'remote',
      runtimes: [],
      hasNetwork: false,
      probe: name === 'remote' ? NO_REMOTE : NOT_YET,
    })),
  ];
}

/** What functions of a tier are built for. */
export function engineOf(tiers: readonly ProbedTier[], name: TierName): 'web' | 'node' {
  return tiers.find((tier) => tier.name === name)?.tier.traits.engine ?? 'web';
}

/** Why a tier is not to be had, for an operator. */
export function refusalOf(tiers: readonly TierStatus[], name: TierName): string {
  const probe = tiers.find((tier) => tier.name === name)?.probe;
  return probe === undefined || probe.works ? 'it is not there' : `${probe.reason}. ${probe.cure}`;
}
