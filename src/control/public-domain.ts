/** Public domain: a host name that leads to one function and to nothing else: which names there may be, and whose word counts. */

import { Fault } from '../core/faults.ts';
import type { FunctionChange, FunctionRecord } from '../core/function-record.ts';
import type { Principal } from '../core/principal.ts';
import { isHostName } from '../lib/host-names.ts';
import { isOperator } from './access.ts';

export interface PublicDomainRules {
  /** A host of the operator API, or one whose name says whose it is (`<tenant>.<domain>`): no function may have it. */
  isOperatorHost(host: string): boolean;
}

/**
 * What changes when a function is given this domain (null: none; undefined: as it is). It answers at once where the operator
 * gave it; anybody else's waits for the operator's approval, because a name can be claimed by who does not own it. Throws
 * BAD_REQUEST.
 */
export function domainChange(
  rules: PublicDomainRules,
  given: string | null | undefined,
  before: Pick<FunctionRecord, 'publicDomain'> | null,
  by: Principal,
): Pick<FunctionChange, 'publicDomain' | 'publicDomainApproved'> {
  if (given === undefined) return {};
  if (given === null) return { publicDomain: null, publicDomainApproved: false };
  const publicDomain = requireDomain(rules, given);
  if (isOperator(by)) return { publicDomain, publicDomainApproved: true };
  return before?.publicDomain === publicDomain ? {} : { publicDomain, publicDomainApproved: false };
}

/** In its one form: lower case, without a final dot. */
function requireDomain(rules: PublicDomainRules, given: string): string {
  const domain = given.toLowerCase().replace(/\.$/, '');
  if (!isHostName(domain) || !domain.includes('.'))
    throw new Fault(
      'BAD_REQUEST',
      `publicDomain: expected a host name like hello.example.com, but it is ${JSON.stringify(given.slice(0, 120))}`,
    );
  if (rules.isOperatorHost(domain))
    throw new Fault('BAD_REQUEST', `publicDomain: ${domain} is a host of this server's operator`);
  return domain;
}
