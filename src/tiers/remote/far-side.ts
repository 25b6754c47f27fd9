/** The far side of a session with another host: code by hash, and faults of a whole platform. */

import type { FaultCode } from '../../core/faults.ts';
import type { TierName } from '../../core/tier.ts';
import type { FarSide } from '../../wire/far-side.ts';
import { contentOf, remoteOpenMeta } from '../../wire/remote/open-meta.ts';

/** What an executor with a supervisor of its own may say beyond what a guest may. */
const PLATFORM_FAULTS: ReadonlySet<string> = new Set<FaultCode>([
  'OVERLOADED',
  'QUARANTINED',
  'SHUTTING_DOWN',
  'THROTTLED',
  'TIER_UNAVAILABLE',
]);

/** `tier`: the wall that each version must have; null: the one that the executor is for. */
export function remoteFarSide(tier: TierName | null): FarSide {
  return {
    opening: (version) => ({ meta: remoteOpenMeta(version, tier), body: null }),
    content: ({ artifact }) => contentOf(artifact),
    platformFaults: PLATFORM_FAULTS,
    overrunGraceMs: 3_000,
  };
}
