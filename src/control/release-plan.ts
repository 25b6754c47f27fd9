/**
 * Release plan: what a deployment changes besides adding a version, as far as whoever deploys may decide it. An admin may
 * decide all; what anybody else deploys runs only once an admin has seen it.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Deployment } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import { HTTP_TRIGGER, type FunctionChange, type FunctionRecord, type NewVersion } from '../core/function-record.ts';
import type { Principal } from '../core/principal.ts';
import { isOperator } from './access.ts';
import { requireAlias } from './alias-rules.ts';
import { domainChange, type PublicDomainRules } from './public-domain.ts';
import { requireTrigger } from './trigger-rules.ts';

export interface ReleasePlan {
  readonly initial: NewVersion['initial'];
  /** Only what differs from how it is. */
  readonly change: Pick<FunctionChange, 'active' | 'trigger' | 'publicDomain' | 'publicDomainApproved'>;
  readonly live: boolean;
  readonly alias: string | null;
  readonly reviewed: boolean;
  /** Its code may be run now, to see whether it loads. */
  readonly checked: boolean;
}

/** Throws BAD_REQUEST, FORBIDDEN. */
export function planOf(
  deployment: Deployment,
  before: FunctionRecord | null,
  by: Principal,
  rules: PublicDomainRules,
): ReleasePlan {
  const isAdmin = by.role === 'admin';
  if (deployment.cordon === 'shared' && !isOperator(by))
    throw new Fault('FORBIDDEN', 'cordon: only the operator puts functions of several tenants into one executor');
  const initial = { active: deployment.active ?? isAdmin, trigger: HTTP_TRIGGER };
  const change = differing(
    {
      ...(deployment.active === undefined ? {} : { active: deployment.active }),
      ...(deployment.trigger === undefined ? {} : { trigger: requireTrigger(deployment.trigger) }),
      ...domainChange(rules, deployment.publicDomain, before, by),
    },
    before,
  );
  const alias = deployment.alias === undefined ? null : requireAlias(deployment.alias, before);
  if (!isAdmin) requireForReview({ ...change, ...(alias === null ? {} : { alias }) }, before);
  const isActive = change.active ?? before?.active ?? initial.active;
  const waits = !isAdmin && isActive;
  return {
    initial,
    change,
    live: !waits && deployment.live !== false,
    alias,
    reviewed: isAdmin,
    checked: isAdmin && isActive,
  };
}

/** Throws FORBIDDEN for what would take effect before an admin has seen it. */
function requireForReview(change: Readonly<Record<string, unknown>>, before: FunctionRecord | null): void {
  const wanted = before?.active === true ? Object.keys(change) : change['active'] === true ? ['active'] : [];
  if (wanted.length === 0) return;
  throw new Fault(
    'FORBIDDEN',
    `${wanted.join(', ')}: only an admin may set this, since it takes effect without a review`,
  );
}

function differing<T extends object>(change: T, before: FunctionRecord | null): T {
  const entries = Object.entries(change).filter(
    ([field, value]) => before === null || !isDeepStrictEqual(value, before[field as keyof FunctionRecord]),
  );
  return Object.fromEntries(entries) as T;
}
