/** Placement: where functions run that ask for `auto`, and whether the other hosts answer. */

import type { Config } from '../../config.ts';
import { Fault } from '../../core/faults.ts';
import type { TierName, TierProbe } from '../../core/tier.ts';
import { placeAuto } from '../placement.ts';
import type { Finding } from './finding.ts';

/** `unreachable`: base URL and reason, of executors that don't answer. */
export function placementFindings(
  { remote }: Config,
  tiers: readonly { readonly name: TierName; readonly probe: TierProbe }[],
  unreachable: readonly (readonly [base: string, reason: string])[],
): Finding[] {
  return [
    autoFinding(tiers),
    {
      group: 'settings',
      name: 'default tier',
      health: 'ok',
      found: `${remote.defaultTier}, for functions that name none`,
    },
    ...remote.urls.map((base): Finding => {
      const reason = unreachable.find(([of]) => of === base)?.[1];
      const own = { group: 'tiers', name: `remote ${base}` } as const;
      if (reason === undefined) return { ...own, health: 'ok', found: 'answers, and holds the same key' };
      return { ...own, health: 'gap', found: reason, cure: 'On that host: SANDBOX_RPC_TOKEN=… cordon executor' };
    }),
  ];
}

function autoFinding(tiers: readonly { readonly name: TierName; readonly probe: TierProbe }[]): Finding {
  const own = { group: 'tiers', name: 'auto' } as const;
  try {
    const { tier, why } = placeAuto(tiers);
    return { ...own, health: 'ok', found: `${tier}, because ${why}` };
  } catch (error) {
    return { ...own, health: 'gap', found: error instanceof Fault ? error.message : String(error) };
  }
}
