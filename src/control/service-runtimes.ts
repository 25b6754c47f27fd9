/** Service runtimes: the runtimes that a service may name, and the tier that each needs. */

import { Fault } from '../core/faults.ts';
import { RUNTIME_WORDS, runtimeOf, versionWished, type Runtime, type RuntimeWord } from '../core/runtime.ts';
import type { TierName, TierProbe } from '../core/tier.ts';

export interface ServiceRuntime {
  readonly word: RuntimeWord;
  readonly tier: TierName;
  /** For code that needs modules which the tier does not have, the stronger wall first. */
  readonly fallbackTiers: readonly TierName[];
  /** The file that the code becomes. */
  readonly file: string;
}

export type ServiceRuntimes = ReadonlyMap<string, ServiceRuntime>;

/** What works on this machine, and why the rest does not. */
export type TierStatuses = readonly {
  readonly name: TierName;
  readonly probe: TierProbe;
  /** JavaScript alone where it says nothing. */
  readonly runtimes?: readonly Runtime[];
}[];

const OF_RUNTIME: Readonly<Record<Runtime, Omit<ServiceRuntime, 'word'>>> = {
  javascript: { tier: 'isolate', fallbackTiers: ['container', 'worker'], file: 'index.js' },
  python: { tier: 'container', fallbackTiers: [], file: 'main.py' },
};

/** A service names a version; the words without one are for functions. */
export const DEFAULT_RUNTIMES: ServiceRuntimes = new Map(
  RUNTIME_WORDS.filter((word) => versionWished(word) !== null).map((word) => [
    word,
    { word, ...OF_RUNTIME[runtimeOf(word)] },
  ]),
);

/** Throws BAD_REQUEST for a runtime that is not known, TIER_UNAVAILABLE for one whose tier is missing here. */
export function requireRuntime(name: string, runtimes: ServiceRuntimes, tiers: TierStatuses): ServiceRuntime {
  const runtime = runtimes.get(name);
  if (runtime === undefined)
    throw new Fault(
      'BAD_REQUEST',
      `function_runtime: there is no ${JSON.stringify(name.slice(0, 40))}, only ${[...runtimes.keys()].join(', ')}`,
    );
  const { probe, runtimes: spoken = ['javascript'] } = tiers.find((tier) => tier.name === runtime.tier) ?? {};
  const isSpoken = spoken.includes(runtimeOf(runtime.word));
  if (probe?.works === true && isSpoken) return runtime;
  const why = probe === undefined ? '' : probe.works ? ': it has no such runtime' : `: ${probe.reason}. ${probe.cure}`;
  throw new Fault(
    'TIER_UNAVAILABLE',
    `function_runtime: ${name} needs the tier ${runtime.tier}, which is not here${why}`,
  );
}
