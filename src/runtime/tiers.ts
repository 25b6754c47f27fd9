/** Tiers: what works on this machine, and why the rest does not. */

import { TIER_NAMES, type Tier, type TierName, type TierProbe } from '../core/tier.ts';

export const DEFAULT_TIER: TierName = 'isolate';

export interface TierStatus {
  readonly name: TierName;
  readonly probe: TierProbe;
}

export type ProbedTier = TierStatus & { readonly tier: Tier };

export function probeTiers(tiers: readonly Tier[]): Promise<ProbedTier[]> {
  return Promise.all(tiers.map(async (tier) => ({ tier, name: tier.name, probe: await tier.probe() })));
}

/** With the rest of the ladder, so that nobody wonders. */
export function wholeLadder(present: readonly ProbedTier[]): TierStatus[] {
  const missing = TIER_NAMES.filter((name) => !present.some((tier) => tier.name === name));
  return [
    ...present.map(({ name, probe }) => ({ name, probe })),
    ...missing.map((name) => ({
      name,
      probe: { works: false, reason: 'this version of Cordon does not have it yet', cure: 'Use isolate' } as const,
    })),
  ];
}

/** Why a tier is not to be had, for an operator. */
export function refusalOf(tiers: readonly TierStatus[], name: TierName): string {
  const probe = tiers.find((tier) => tier.name === name)?.probe;
  return probe === undefined || probe.works ? 'it is not there' : `${probe.reason}. ${probe.cure}`;
}
