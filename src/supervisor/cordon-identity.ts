/** Which cordon a call belongs to: what may share an executor with what. */

import type { FunctionVersion } from '../core/function.ts';
import type { TierTraits } from '../core/tier.ts';
import type { CordonIdentity } from './cordon-seams.ts';

export interface CallStanding {
  /** Its version is in quarantine. */
  readonly isHeld: boolean;
  /** Whoever calls may do more than the function's own tenant. */
  readonly isPrivileged: boolean;
}

export function identify(version: FunctionVersion, traits: TierTraits, standing: CallStanding): CordonIdentity {
  const { tier, runtime, tenant, ephemeral } = version;
  const { isHeld, isPrivileged } = standing;
  const engine = runtime === 'javascript' ? tier : `${tier} ${runtime}`;
  return {
    key: `${engine} ${membersOf(version, traits, isHeld)}${isPrivileged ? ' privileged' : ''}`,
    tenant,
    tier,
    runtime,
    traits,
    isAlone: !ephemeral && (isHeld || traits.executorPerSandbox === true),
    isOfOne: !traits.sharesExecutor || (!ephemeral && (isHeld || version.cordon === 'function')),
  };
}

/**
 * Who is in quarantine is alone; privileged callers never share with others; the rest is the version's own choice.
 * Executions in quarantine share with each other: code costs nothing to make up, and executors do. Where a tier has an
 * executor serve one function alone, nobody shares, and where it has it host one sandbox, no two versions do.
 */
function membersOf(version: FunctionVersion, traits: TierTraits, isHeld: boolean): string {
  const { tenant, name, key, cordon, ephemeral } = version;
  const isLone = !traits.sharesExecutor;
  if (traits.executorPerSandbox === true) return `version ${key}`;
  if (isHeld) return `alone ${tenant} ${ephemeral && !isLone ? '' : key}`;
  if (cordon === 'function' || isLone) return `function ${tenant}/${isLone && ephemeral ? key : name}`;
  return cordon === 'tenant' ? `tenant ${tenant}` : 'shared';
}
