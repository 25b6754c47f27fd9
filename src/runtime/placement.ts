/**
 * Placement: which wall a function gets that asks for `auto`: another host where one is configured, then the best that this
 * machine offers, then WebAssembly, which runs anywhere (seed 002). A wall that was asked for by name is never exchanged.
 */

import { Fault } from '../core/faults.ts';
import type { TierName, TierProbe } from '../core/tier.ts';

interface Candidate {
  readonly tier: TierName;
  readonly why: string;
}

/** In the order of preference. `worker` is none of them: it is for code that is trusted, and somebody has to say so. */
const CANDIDATES: readonly Candidate[] = [
  { tier: 'remote', why: 'FUNCTIONS_EXEC_URL sends functions to another host' },
  { tier: 'isolate', why: 'it works on this machine and is the strongest that a warm request can afford' },
  { tier: 'wasm', why: 'it works without anything that this machine lacks' },
];

type Statuses = readonly { readonly name: TierName; readonly probe: TierProbe }[];

/** Throws TIER_UNAVAILABLE, with what each candidate lacks. */
export function placeAuto(tiers: Statuses): Candidate {
  const probeOf = (name: TierName): TierProbe | undefined => tiers.find((tier) => tier.name === name)?.probe;
  const chosen = CANDIDATES.find(({ tier }) => probeOf(tier)?.works === true);
  if (chosen !== undefined) return chosen;
  const reasons = CANDIDATES.map(({ tier }) => {
    const probe = probeOf(tier);
    return `${tier}: ${probe === undefined || probe.works ? 'it is not there' : probe.reason}`;
  });
  throw new Fault('TIER_UNAVAILABLE', `tier: auto finds no wall here (${reasons.join('; ')})`);
}
