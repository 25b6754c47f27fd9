/** Service desk: creates, changes and removes services, and keeps each in step with the function behind it. */

import { randomUUID } from 'node:crypto';
import type { Audit } from '../core/audit.ts';
import type { DeploymentRecord } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import { requireName } from '../core/function.ts';
import { DEFAULT_LIMITS, requireWithin } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import type { ServiceRecord, ServiceStore } from '../core/service.ts';
import { actorOf, requireAdmin, requireOperator } from './access.ts';
import {
  newestCode,
  ServiceDeployments,
  type ServiceCode,
  type ServiceDeploymentsDeps,
} from './service-deployments.ts';
import { approves, claimDomain, domainStatus, requireDomain, requireFree } from './service-domains.ts';
import { requireRuntime, type ServiceRuntimes, type TierStatuses } from './service-runtimes.ts';
import {
  deploymentOf,
  listedOf,
  type ListedService,
  type NewService,
  type ServiceChange,
  type ShownService,
} from './service-schemas.ts';
import { replaceVariables, shownVariables, type ServiceVariablesDeps } from './service-variables.ts';

export interface ServiceDeskDeps extends ServiceDeploymentsDeps, ServiceVariablesDeps {
  readonly services: ServiceStore;
  readonly functions: Pick<FunctionStore, 'find' | 'change' | 'domainOwner' | 'versions' | 'sources'>;
  readonly deployer: ServiceDeploymentsDeps['deployer'] & {
    remove(tenant: string, name: string, by: Principal): Promise<boolean>;
  };
  readonly runtimes: ServiceRuntimes;
  readonly tiers: TierStatuses;
  readonly limits: { readonly maxCodeBytes: number; readonly maxMemoryMb: number };
  isSuspended(tenant: string): boolean;
  readonly audit: Audit;
}

const MIN_MEMORY_MB = 16;
/** What a version is made of: a change makes a new one. */
const OF_VERSION = ['runtime', 'handler', 'memoryMb', 'minReplicas', 'maxReplicas', 'cpuShares'] as const;
const DEFAULT_REPLICAS = { min: 0, max: 10 };

export class ServiceDesk {
  readonly #deps: ServiceDeskDeps;
  readonly #deployments: ServiceDeployments;

  constructor(deps: ServiceDeskDeps) {
    this.#deps = deps;
    this.#deployments = new ServiceDeployments(deps);
  }

  /** Nothing is kept of what could never be deployed. */
  async create(tenant: string, body: NewService, by: Principal): Promise<ShownService> {
    this.#requireRunning(tenant);
    const service = this.#newRecord(tenant, body);
    const runtime = this.#requireDeployable(service);
    const code = this.#codeOf(body.function_code, runtime.file);
    if (service.publicDomain !== null)
      await requireFree(this.#deps, service.publicDomain, tenant, service.functionName);
    if ((await this.#deps.functions.find(tenant, service.functionName)) !== null)
      throw new Fault('CONFLICT', `function_name: there is a function ${service.functionName} already`);
    await this.#deps.services.add(service);
    await this.#orUndo(service, () => replaceVariables(this.#deps, tenant, service.functionName, body.env_vars ?? []));
    this.#audit('service.create', service, by);
    const deployment = await this.#deploy(service, code, by);
    return { ...(await this.shown(service, deployment, by)), function_code: body.function_code };
  }

  async change(before: ServiceRecord, body: ServiceChange, by: Principal): Promise<ShownService> {
    this.#requireRunning(before.tenant);
    const service = this.#changedRecord(before, body);
    const code = await this.#codeToDeploy(before, service, body.function_code, by);
    await this.#requireMayChange(service, body, by);
    if (service.publicDomain !== null && service.publicDomain !== before.publicDomain)
      await requireFree(this.#deps, service.publicDomain, service.tenant, service.functionName);
    // What may still be refused comes first.
    if (body.env_vars !== undefined)
      await replaceVariables(this.#deps, service.tenant, service.functionName, body.env_vars);
    await this.#applyDomain(before, service, body.public_domain_approved, by);
    await this.#deps.services.update(service);
    this.#audit('service.update', service, by, { fields: Object.keys(body) });
    const deployment = code === null ? null : await this.#deploy(service, code, by);
    const shown = await this.shown(service, deployment, by);
    return body.function_code === undefined ? shown : { ...shown, function_code: body.function_code };
  }

  async redeploy(service: ServiceRecord, by: Principal): Promise<DeploymentRecord> {
    this.#requireRunning(service.tenant);
    const code = await this.#newest(service, by);
    this.#audit('service.redeploy', service, by);
    return this.#deploy(service, code, by);
  }

  /** After its last deployment, which would bring the function back. */
  async remove(service: ServiceRecord, by: Principal): Promise<void> {
    requireAdmin(by);
    const { tenant, id, functionName } = service;
    await this.#deployments.settled(tenant, functionName);
    await this.#deps.deployer.remove(tenant, functionName, by);
    // They may be there without a function that was ever built, and must not become another's.
    await replaceVariables(this.#deps, tenant, functionName, []);
    await this.#deps.services.remove(tenant, id);
    this.#audit('service.delete', service, by);
  }

  async listed(service: ServiceRecord, by?: Principal): Promise<ListedService> {
    const record = await this.#deps.functions.find(service.tenant, service.functionName);
    return listedOf(service, {
      public_domain_status: domainStatus(service.publicDomain, record, by !== undefined && approves(by)),
      active: record?.active ?? by?.role === 'admin',
      live_version: record?.live?.number ?? null,
    });
  }

  /** `by`: who has just changed it. */
  async shown(service: ServiceRecord, deployment: DeploymentRecord | null, by?: Principal): Promise<ShownService> {
    const { tenant, functionName } = service;
    const [listed, code, variables] = await Promise.all([
      this.listed(service, by),
      newestCode(this.#deps.functions, service, this.#fileOf(service), false),
      shownVariables(this.#deps, tenant, functionName),
    ]);
    return {
      ...listed,
      function_code: code === null ? null : textOf(code),
      env_vars: variables,
      deployment: deployment === null ? null : deploymentOf(deployment),
    };
  }

  #newRecord(tenant: string, body: NewService): ServiceRecord {
    const nowMs = Date.now();
    return {
      id: randomUUID(),
      tenant,
      name: body.name,
      functionName: requireName('function', body.function_name ?? body.name),
      runtime: body.function_runtime,
      handler: body.function_handler ?? 'handler',
      publicDomain: this.#domainOf(body.public_domain ?? null),
      memoryMb: body.memory_mb ?? DEFAULT_LIMITS.function.memoryMb,
      cpuShares: body.cpu_shares ?? null,
      minReplicas: body.min_replicas ?? DEFAULT_REPLICAS.min,
      maxReplicas: body.max_replicas ?? Math.max(DEFAULT_REPLICAS.max, body.min_replicas ?? 0),
      createdMs: nowMs,
      updatedMs: nowMs,
    };
  }

  #changedRecord(before: ServiceRecord, body: ServiceChange): ServiceRecord {
    return {
      ...before,
      runtime: body.function_runtime ?? before.runtime,
      handler: body.function_handler ?? before.handler,
      publicDomain: body.public_domain === undefined ? before.publicDomain : this.#domainOf(body.public_domain),
      memoryMb: body.memory_mb ?? before.memoryMb,
      cpuShares: body.cpu_shares === undefined ? before.cpuShares : body.cpu_shares,
      minReplicas: body.min_replicas ?? before.minReplicas,
      maxReplicas: body.max_replicas ?? before.maxReplicas,
      updatedMs: Date.now(),
    };
  }

  /** Throws BAD_REQUEST, TIER_UNAVAILABLE. */
  #requireDeployable(service: ServiceRecord): { readonly file: string } {
    const { runtime, memoryMb, minReplicas, maxReplicas } = service;
    requireWithin('memory_mb', memoryMb, [MIN_MEMORY_MB, this.#deps.limits.maxMemoryMb], 'MB');
    if (minReplicas > maxReplicas)
      throw new Fault(
        'BAD_REQUEST',
        `min_replicas must be at most max_replicas, but it is ${minReplicas} and that is ${maxReplicas}`,
      );
    return requireRuntime(runtime, this.#deps.runtimes, this.#deps.tiers);
  }

  /** Null: what was changed is no part of a version. */
  async #codeToDeploy(
    before: ServiceRecord,
    service: ServiceRecord,
    text: string | undefined,
    by: Principal,
  ): Promise<ServiceCode | null> {
    const { file } = this.#requireDeployable(service);
    if (text !== undefined) return this.#codeOf(text, file);
    if (file !== this.#fileOf(before))
      throw new Fault('BAD_REQUEST', `function_code: code in the language of ${service.runtime} is needed with it`);
    const isSame = OF_VERSION.every((field) => before[field] === service[field]);
    return isSame ? null : this.#newest(service, by);
  }

  /** Throws CODE_TOO_LARGE. */
  #codeOf(text: string, file: string): ServiceCode {
    const bytes = Buffer.from(text);
    const { maxCodeBytes } = this.#deps.limits;
    if (bytes.length > maxCodeBytes)
      throw new Fault('CODE_TOO_LARGE', `Function code exceeds ${maxCodeBytes / 1024} KB`);
    return { files: new Map([[file, bytes]]), entry: file };
  }

  async #newest(service: ServiceRecord, by: Principal): Promise<ServiceCode> {
    const code = await newestCode(this.#deps.functions, service, this.#fileOf(service), by.role === 'admin');
    if (code === null)
      throw new Fault('CONFLICT', `The service ${service.name} has no code that was ever built: send function_code`);
    return code;
  }

  #fileOf({ runtime }: ServiceRecord): string {
    return this.#deps.runtimes.get(runtime)?.file ?? '';
  }

  #domainOf(domain: string | null): string | null {
    return domain === null ? null : requireDomain(this.#deps, domain);
  }

  #requireRunning(tenant: string): void {
    if (this.#deps.isSuspended(tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${tenant} is suspended`);
  }

  /** Who is no admin can't change what a reviewed function runs with: that would be a way around the review. */
  async #requireMayChange(service: ServiceRecord, body: ServiceChange, by: Principal): Promise<void> {
    if (body.public_domain_approved !== undefined) requireOperator(by);
    if (by.role === 'admin' || (body.env_vars === undefined && body.public_domain === undefined)) return;
    const record = await this.#deps.functions.find(service.tenant, service.functionName);
    if (record?.active === true)
      throw new Fault('FORBIDDEN', 'env_vars and public_domain of an active function are changed by an admin');
  }

  async #applyDomain(
    before: ServiceRecord,
    service: ServiceRecord,
    approved: boolean | undefined,
    by: Principal,
  ): Promise<void> {
    const { functions, releases } = this.#deps;
    const { tenant, functionName, publicDomain } = service;
    if (before.publicDomain === publicDomain && approved === undefined) return;
    const target = { tenant, name: functionName };
    await claimDomain(this.#deps, target, publicDomain, approved ?? approves(by));
    if (approved !== undefined) {
      if (publicDomain === null || (await functions.find(tenant, functionName)) === null)
        throw new Fault('CONFLICT', 'public_domain_approved: there is no deployed function with a public_domain yet');
      await functions.change(tenant, functionName, { publicDomainApproved: approved }, null);
    }
    await releases.refresh(tenant, functionName);
  }

  #deploy(service: ServiceRecord, code: ServiceCode, by: Principal): Promise<DeploymentRecord> {
    const runtime = requireRuntime(service.runtime, this.#deps.runtimes, this.#deps.tiers);
    return this.#deployments.start({ service, code, runtime, by, approvesDomain: approves(by) });
  }

  async #orUndo(service: ServiceRecord, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#deps.services.remove(service.tenant, service.id);
      throw error;
    }
  }

  #audit(action: string, service: ServiceRecord, by: Principal, details: Record<string, unknown> = {}): void {
    const { tenant, id, name } = service;
    this.#deps.audit.record({
      actor: actorOf(by),
      action,
      tenant,
      target: id,
      outcome: 'ok',
      details: { name, ...details },
    });
  }
}

/** The code as it was sent: one file, or the one that the function starts from. */
const textOf = ({ files, entry }: ServiceCode): string => Buffer.from(files.get(entry) ?? []).toString('utf8');
