/** Service runtimes: the runtimes that a service may name, and the tier that each needs. */

import { Fault } from '../core/faults.ts';
import type { TierName, TierProbe } from '../core/tier.ts';

export interface ServiceRuntime {
  readonly tier: TierName;
  /** The file that the code becomes. */
  readonly file: string;
}

export type ServiceRuntimes = ReadonlyMap<string, ServiceRuntime>;

/** What works on this machine, and why the rest does not. */
export type TierStatuses = readonly { readonly name: TierName; readonly probe: TierProbe }[];

/** A bundle that needs what an isolate does not have fails its build, with the name of the module. */
const NODE: ServiceRuntime = { tier: 'isolate', file: 'index.js' };
const PYTHON: ServiceRuntime = { tier: 'container', file: 'main.py' };

export const DEFAULT_RUNTIMES: ServiceRuntimes = new Map<string, ServiceRuntime>([
  ...['node18', 'node20', 'node22', 'node24', 'node26'].map((name) => [name, NODE] as const),
  ...['3.9', '3.10', '3.11', '3.12', '3.13', '3.14'].map((number) => [`python${number}`, PYTHON] as const),
]);

/** Throws BAD_REQUEST for a runtime that is not known, TIER_UNAVAILABLE for one whose tier is missing here. */
export function requireRuntime(name: string, runtimes: ServiceRuntimes, tiers: TierStatuses): ServiceRuntime {
  const runtime = runtimes.get(name);
  if (runtime === undefined)
    throw new Fault(
      'BAD_REQUEST',
      `function_runtime: there is no ${JSON.stringify(name.slice(0, 40))}, only ${[...runtimes.keys()].join(', ')}`,
    );
  const probe = tiers.find((tier) => tier.name === runtime.tier)?.probe;
  if (probe?.works === true) return runtime;
  const why = probe === undefined ? '' : `: ${probe.reason}. ${probe.cure}`;
  throw new Fault(
    'TIER_UNAVAILABLE',
    `function_runtime: ${name} needs the tier ${runtime.tier}, which is not here${why}`,
  );
}
