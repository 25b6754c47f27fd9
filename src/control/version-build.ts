/** Version build: a deployment's files become what a sandbox loads, in the tier that was asked for or in one that can run it. */

import type { Deployment, SourceFiles } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { Artifact, HandlerKind } from '../core/function.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TierName } from '../core/tier.ts';
import { versionWarning } from './version-placement.ts';
import { contentOf, type VersionContent, type VersionRules } from './version-settings.ts';

export interface BuildRules extends VersionRules {
  /** Each tenant has its own turn. `warnings`: one line each. `fetched`: the modules that imports named, as files to keep. */
  build(
    source: {
      readonly files: SourceFiles;
      readonly entry: string;
      readonly handler: HandlerKind;
      readonly tier: TierName;
      readonly runtime: Runtime;
    },
    tenant: string,
  ): Promise<Artifact & { readonly warnings?: readonly string[]; readonly fetched?: SourceFiles }>;
}

export interface VersionBuild {
  /** With the tier that it was built for in the end. */
  readonly content: VersionContent;
  readonly artifact: Artifact;
  readonly fetched: SourceFiles;
}

/** `say` hears a line of progress. Rejects as {@link BuildRules.build} does. */
export async function buildVersion(
  deployment: Deployment,
  content: VersionContent,
  rules: BuildRules,
  say: (line: string) => void,
): Promise<VersionBuild> {
  const { tenant, files, entry } = deployment;
  const { handler, tier, runtime } = content;
  try {
    const built = await rules.build({ files, entry, handler, tier, runtime }, tenant);
    const { warnings = [], fetched = new Map(), ...artifact } = built;
    const warning = versionWarning(deployment.runtime, tier, rules);
    for (const line of warning === null ? warnings : [warning, ...warnings]) say(line);
    return { content, artifact, fetched };
  } catch (error) {
    const missing = missingOfNode(error);
    const fallback = missing.length === 0 ? undefined : fallbackOf(deployment, rules);
    if (fallback === undefined || fallback === tier) throw error;
    say(`tier ${fallback}, because ${tier} has no ${missing.join(', ')}`);
    const moved = { ...deployment, tier: fallback };
    return buildVersion(moved, contentOf(moved, rules), rules, say);
  }
}

/** Modules of Node, where nothing else is missing. */
function missingOfNode(error: unknown): readonly string[] {
  const missing = error instanceof Fault ? (error.details.missing ?? []) : [];
  return missing.every((name) => name.startsWith('node:')) ? missing : [];
}

const fallbackOf = ({ fallbackTiers = [] }: Deployment, { tiers }: BuildRules): TierName | undefined =>
  fallbackTiers.find((name) => tiers.some((tier) => tier.name === name && tier.probe.works));
