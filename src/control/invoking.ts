/** Invoking: what every route that runs a function for an operator does before. */

import type { Context } from 'hono';
import { Fault } from '../core/faults.ts';
import type { FunctionRecord } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';
import { rateHeaders, type RateLimits, type RateRule } from '../core/rate-limit.ts';
import type { Invocations } from '../core/whole-invocation.ts';
import { actorOf, type ControlEnv } from './access.ts';

export interface InvokingDeps {
  readonly invocations: Invocations;
  readonly releases: {
    /**
     * The version with the environment that it is granted now; null where there is none. Rejects with CONFLICT for one that no
     * admin has reviewed, unless `unreviewed` asks for it.
     */
    versionOf(
      tenant: string,
      name: string,
      number: number,
      how?: { readonly unreviewed: boolean },
    ): Promise<FunctionVersion | null>;
  };
  readonly rateLimits: RateLimits;
  /** Of each user. */
  readonly invokeRate: RateRule;
  isSuspended(tenant: string): boolean;
}

/** Counts one invocation of this principal, and says in the answer what is left. Throws THROTTLED. */
export async function countInvocation(
  c: Context<ControlEnv>,
  deps: Pick<InvokingDeps, 'rateLimits' | 'invokeRate'>,
  principal: Principal,
): Promise<void> {
  const key = `${principal.tenant ?? '*'} ${principal.role} ${actorOf(principal)}`;
  const decision = await deps.rateLimits.take('invoke', key, deps.invokeRate);
  for (const [name, value] of Object.entries(rateHeaders(decision))) c.header(name, value);
  if (decision.allowed) return;
  const { limit, windowSeconds } = decision.rule;
  throw new Fault('THROTTLED', `At most ${limit} invocations in ${windowSeconds} seconds are taken from one user`, {
    retryAfterSeconds: decision.resetSeconds,
  });
}

/** Throws TENANT_SUSPENDED; CONFLICT for a function that nobody has reviewed. */
export function requireInvocable(deps: Pick<InvokingDeps, 'isSuspended'>, record: FunctionRecord): void {
  if (deps.isSuspended(record.tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${record.tenant} is suspended`);
  if (!record.active)
    throw new Fault(
      'CONFLICT',
      `The function ${record.name} is inactive: an admin has to review and activate it first`,
    );
}
