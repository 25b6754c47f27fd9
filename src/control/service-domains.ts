/** Service domains: a host name of its own for a function: whose it may be, and when it answers. */

import type { Principal } from '../core/principal.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionRecord, FunctionStore } from '../core/function-record.ts';
import { isHostName } from '../lib/host-names.ts';
import { isOperator } from './access.ts';

export interface DomainsDeps {
  readonly functions: Pick<FunctionStore, 'find' | 'change' | 'domainOwner'>;
  /** A host of the operator API, or one whose name says whose it is (`<tenant>.<domain>`): no function may have it. */
  isOperatorHost(host: string): boolean;
}

/** In its one form: lower case, without a final dot. Throws BAD_REQUEST. */
export function requireDomain(deps: Pick<DomainsDeps, 'isOperatorHost'>, given: string): string {
  const domain = given.toLowerCase().replace(/\.$/, '');
  if (!isHostName(domain) || !domain.includes('.'))
    throw new Fault(
      'BAD_REQUEST',
      `public_domain: expected a host name like hello.example.com, but it is ${JSON.stringify(given.slice(0, 120))}`,
    );
  if (deps.isOperatorHost(domain))
    throw new Fault('BAD_REQUEST', `public_domain: ${domain} is a host of this server's operator`);
  return domain;
}

/** Throws CONFLICT where it is another function's. */
export async function requireFree(
  deps: DomainsDeps,
  domain: string,
  tenant: string,
  functionName: string,
): Promise<void> {
  const owner = await deps.functions.domainOwner(domain);
  if (owner === null || (owner.tenant === tenant && owner.name === functionName)) return;
  throw new Fault('CONFLICT', `public_domain: ${domain} is in use`);
}

/** A domain answers at once where the operator gave it; anybody else's waits for the operator's approval. */
export const approves = (by: Principal): boolean => isOperator(by);

/** Gives the function its domain, once there is a function. True where something changed. */
export async function claimDomain(
  { functions }: DomainsDeps,
  target: { readonly tenant: string; readonly name: string },
  domain: string | null,
  approved: boolean,
): Promise<boolean> {
  const record = await functions.find(target.tenant, target.name);
  if (record === null || record.publicDomain === domain) return false;
  const change = { publicDomain: domain, publicDomainApproved: domain !== null && approved };
  await functions.change(target.tenant, target.name, change, null);
  return true;
}

/** As a service shows it; `approved` is what will be, where there is no function yet. */
export function domainStatus(
  domain: string | null,
  record: FunctionRecord | null,
  approved: boolean,
): 'active' | 'pending' | null {
  if (domain === null) return null;
  const isActive = record === null || record.publicDomain !== domain ? approved : record.publicDomainApproved;
  return isActive ? 'active' : 'pending';
}
