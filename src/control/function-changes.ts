/**
 * Function changes: everything about a function that changes without a new version: which version answers whom, what
 * starts it, and whether it runs at all. Each is for admins, and is in effect when it resolves.
 */

import type { Audit } from '../core/audit.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionChange, FunctionRecord, FunctionStore, Trigger } from '../core/function-record.ts';
import type { Principal } from '../core/principal.ts';
import { actorOf, requireAdmin, requireOperator } from './access.ts';
import { requireAlias } from './alias-rules.ts';
import { domainChange, type PublicDomainRules } from './public-domain.ts';
import { missing } from './shared.ts';
import { requireTrigger } from './trigger-rules.ts';

export interface FunctionChangesOptions extends PublicDomainRules {
  readonly functions: Pick<FunctionStore, 'change' | 'find'>;
  readonly releases: { refresh(tenant: string, name: string): Promise<void> };
  readonly audit: Audit;
}

export interface FunctionUpdate {
  readonly active?: boolean;
  readonly trigger?: Trigger;
  readonly publicDomain?: string | null;
  /** For the operator alone. */
  readonly publicDomainApproved?: boolean;
}

/** Who changes which function, and the revision that it has to have still; null: any. */
export interface Changing {
  readonly tenant: string;
  readonly name: string;
  readonly by: Principal;
  readonly revision: number | null;
}

/** All methods reject with FORBIDDEN, NOT_FOUND and PRECONDITION_FAILED, and then nothing has changed. */
export class FunctionChanges {
  readonly #options: FunctionChangesOptions;

  constructor(options: FunctionChangesOptions) {
    this.#options = options;
  }

  /** Rejects with BAD_REQUEST for a trigger or domain that can't be, CONFLICT for a domain that is another function's. */
  async update(
    at: Changing,
    { active, trigger, publicDomain, publicDomainApproved }: FunctionUpdate,
  ): Promise<FunctionRecord> {
    const before = await this.#require(at);
    const domain = domainChange(this.#options, publicDomain, before, at.by);
    if (publicDomainApproved !== undefined) {
      requireOperator(at.by);
      if ((domain.publicDomain === undefined ? before.publicDomain : domain.publicDomain) === null)
        throw new Fault('CONFLICT', `The function ${at.name} has no public domain to approve`);
    }
    const change: FunctionChange = {
      ...(active === undefined ? {} : { active }),
      ...(trigger === undefined ? {} : { trigger: requireTrigger(trigger) }),
      ...domain,
      ...(publicDomainApproved === undefined ? {} : { publicDomainApproved }),
    };
    return Object.keys(change).length === 0 ? before : this.#change(at, 'update', change);
  }

  /** Makes a version live: the one with this number, else the canary. CONFLICT: there is no canary. */
  async promote(at: Changing, number: number | null): Promise<FunctionRecord> {
    const { canary } = await this.#require(at);
    const live = number ?? canary?.number;
    if (live === undefined)
      throw new Fault('CONFLICT', `The function ${at.name} has no canary: name the version to promote`);
    return this.#change(at, 'promote', { live });
  }

  /** Makes an earlier version live: the one with this number, else the one that was live before. CONFLICT: there is none. */
  async rollback(at: Changing, number: number | null): Promise<FunctionRecord> {
    const { previousNumber } = await this.#require(at);
    const live = number ?? previousNumber;
    if (live === null) throw new Fault('CONFLICT', `No version of the function ${at.name} was live before this one`);
    return this.#change(at, 'rollback', { live });
  }

  /** Null takes the alias away; NOT_FOUND where there is none. */
  async setAlias(at: Changing, alias: string, number: number | null): Promise<FunctionRecord> {
    const before = await this.#require(at);
    if (number !== null) requireAlias(alias, before);
    else if (!Object.hasOwn(before.aliases, alias))
      throw new Fault('NOT_FOUND', `The function ${at.name} has no alias ${JSON.stringify(alias.slice(0, 80))}`);
    return this.#change(at, 'alias', { aliases: { [alias]: number } });
  }

  /** Null ends it. CONFLICT where there is no live version beside which it could stand. */
  async setCanary(
    at: Changing,
    canary: { readonly number: number; readonly weight: number } | null,
  ): Promise<FunctionRecord> {
    const { live } = await this.#require(at);
    if (canary === null) return this.#change(at, 'canary', { canary: null });
    if (live === null) throw new Fault('CONFLICT', `No version of the function ${at.name} is live: promote one first`);
    if (live.number === canary.number)
      throw new Fault('CONFLICT', `Version ${live.number} is live already: a canary is another version`);
    return this.#change(at, 'canary', { canary: { ...canary, startedMs: Date.now() } });
  }

  async #require({ tenant, name, by }: Changing): Promise<FunctionRecord> {
    requireAdmin(by);
    const record = await this.#options.functions.find(tenant, name);
    if (record === null) throw missing(tenant, name);
    return record;
  }

  async #change(
    { tenant, name, by, revision }: Changing,
    verb: string,
    change: FunctionChange,
  ): Promise<FunctionRecord> {
    const { functions, releases, audit } = this.#options;
    const record = await functions.change(tenant, name, change, revision);
    await releases.refresh(tenant, name);
    const action = `function.${verb}`;
    audit.record({ actor: actorOf(by), action, tenant, target: name, outcome: 'ok', details: { ...change } });
    return record;
  }
}
