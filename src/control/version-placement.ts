/** Version placement: the language of a deployment, the wall that its version gets, and whether that wall stands here. */

import type { Deployment } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import { runtimeOf, runtimeOfEntry, versionWished, type Runtime, type RuntimeWord } from '../core/runtime.ts';
import { tierOf, type TierName, type TierProbe, type TierWord } from '../core/tier.ts';
import { UNKNOWN_WALL, wallRefusal, type WallLacks, type WallLevel } from '../core/wall-level.ts';

export interface PlacementRules {
  readonly defaultTier: TierWord;
  /** Resolves `auto`, with the reason. Throws TIER_UNAVAILABLE. */
  placeAuto?(): Placement;
  /** What works on this machine, and why the rest does not. */
  readonly tiers: readonly TierRule[];
  /** What this machine has of a runtime: `3.11.2`. Null or absent: that is not known. */
  runtimeVersion?(runtime: Runtime, tier: TierName): string | null;
  /** By default a function can ask for no wall in particular. */
  readonly wallLacks?: WallLacks;
}

export interface TierRule {
  readonly name: TierName;
  readonly probe: TierProbe;
  /** False: it has walls of its own, elsewhere. */
  readonly isLocal?: boolean;
  /** JavaScript alone where it says nothing. */
  readonly runtimes?: readonly Runtime[];
  /** The most calls that one sandbox of it serves side by side; whatever the code allows where it says nothing. */
  readonly concurrency?: number;
  /** Functions have a network interface of their own, by which their clients reach egress beside `ctx.fetch`. */
  readonly hasNetwork?: boolean;
}

/** Which wall a version gets, and why that one; null where it was named. */
export interface Placement {
  readonly tier: TierName;
  readonly why: string | null;
}

export interface PlacedVersion extends Placement {
  readonly runtime: Runtime;
}

/** Where a runtime runs that the operator's default tier does not have. */
const HOME: Readonly<Record<Runtime, TierName>> = { javascript: 'isolate', python: 'container' };
const NAMES: Readonly<Record<Runtime, string>> = { javascript: 'Node', python: 'Python' };
const ENDINGS: Readonly<Record<Runtime, string>> = { javascript: '.js, .ts and their like', python: '.py' };

/** Throws BAD_REQUEST where runtime, entry and handler kind don't fit, TIER_UNAVAILABLE. */
export function placementOf(deployment: Deployment, rules: PlacementRules): PlacedVersion {
  const runtime = requireRuntime(deployment);
  const word = deployment.tier ?? defaultTierOf(runtime, rules);
  const tier = tierOf(word);
  return { runtime, ...(tier === 'auto' ? autoOf(runtime, rules) : { tier, why: null }) };
}

/** Never a weaker wall than the one that was asked for: a refusal, with the reason. Throws TIER_UNAVAILABLE. */
export function requirePlace(
  { tier, runtime }: PlacedVersion,
  minimumWall: WallLevel | null,
  rules: PlacementRules,
): void {
  const rule = requireTier(tier, rules);
  if (!speaks(rule, runtime)) throw new Fault('TIER_UNAVAILABLE', withoutRuntime(tier, runtime, rules));
  if (rule.isLocal === false) return;
  const refusal = wallRefusal(minimumWall, rules.wallLacks ?? UNKNOWN_WALL);
  if (refusal !== null) throw refusal;
}

/** What is to be said of a version that was asked for and is not there; null where nothing is. */
export function versionWarning(
  word: RuntimeWord | undefined,
  tier: TierName,
  { runtimeVersion = ownVersionOnly }: PlacementRules,
): string | null {
  const wished = word === undefined ? null : versionWished(word);
  if (word === undefined || wished === null) return null;
  const runtime = runtimeOf(word);
  const version = runtimeVersion(runtime, tier);
  if (version === null)
    return `${word}: it runs on the ${NAMES[runtime]} of this machine, which may be another version`;
  const fits = version === wished || version.startsWith(`${wished}.`);
  return fits ? null : `${word}: this machine runs it on ${NAMES[runtime]} ${version}`;
}

const ownVersionOnly = (runtime: Runtime): string | null => (runtime === 'javascript' ? process.versions.node : null);

function requireRuntime({ runtime: word, entry, handlerKind }: Deployment): Runtime {
  const ofEntry = runtimeOfEntry(entry);
  const runtime = word === undefined ? ofEntry : runtimeOf(word);
  if (runtime !== ofEntry)
    throw new Fault(
      'BAD_REQUEST',
      `runtime: ${word} starts from a file that ends with ${ENDINGS[runtime]}, but the entry is ${JSON.stringify(entry.slice(0, 80))}`,
    );
  if (runtime !== 'javascript' && handlerKind === 'script')
    throw new Fault('BAD_REQUEST', `handlerKind: a script is JavaScript; a function in ${NAMES[runtime]} is a module`);
  return runtime;
}

function defaultTierOf(runtime: Runtime, { defaultTier, tiers }: PlacementRules): TierWord {
  const tier = tierOf(defaultTier);
  if (runtime === 'javascript' || tier === 'auto') return defaultTier;
  return speaks(ruleOf(tier, tiers), runtime) ? tier : HOME[runtime];
}

function autoOf(runtime: Runtime, { placeAuto, tiers }: PlacementRules): Placement {
  if (placeAuto === undefined) throw new Fault('TIER_UNAVAILABLE', "tier: auto can't be resolved here");
  if (runtime === 'javascript') return placeAuto();
  const found = tiers.find((rule) => rule.probe.works && speaks(rule, runtime));
  return { tier: found?.name ?? HOME[runtime], why: `it is the tier for ${NAMES[runtime]}` };
}

function requireTier(tier: TierName, { tiers }: PlacementRules): TierRule {
  const rule = ruleOf(tier, tiers);
  if (rule === undefined) throw new Fault('TIER_UNAVAILABLE', `The tier ${tier} is not part of this version of Cordon`);
  const { probe } = rule;
  if (probe.works) return rule;
  throw new Fault('TIER_UNAVAILABLE', `The tier ${tier} does not work on this machine: ${probe.reason}. ${probe.cure}`);
}

function withoutRuntime(tier: TierName, runtime: Runtime, { tiers }: PlacementRules): string {
  const others = tiers.filter((rule) => rule.probe.works && speaks(rule, runtime)).map(({ name }) => name);
  const where = others.length === 0 ? 'no tier on this machine has it' : `it runs in: ${others.join(', ')}`;
  return `The tier ${tier} has no ${NAMES[runtime]}; ${where}`;
}

const ruleOf = (tier: TierName, tiers: readonly TierRule[]): TierRule | undefined =>
  tiers.find(({ name }) => name === tier);

const speaks = (rule: TierRule | undefined, runtime: Runtime): boolean =>
  (rule?.runtimes ?? ['javascript']).includes(runtime);
