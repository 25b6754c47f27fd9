/** Service deployments: a service's code becomes a version in the background, and its record says how far it is. */

import { randomUUID } from 'node:crypto';
import type { Deployment, DeploymentRecord, DeploymentStore, SourceFiles } from '../core/deployment.ts';
import { toFault, type Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import type { Principal } from '../core/principal.ts';
import type { ServiceRecord, ServiceStore } from '../core/service.ts';
import { claimDomain, type DomainsDeps } from './service-domains.ts';
import type { ServiceRuntime } from './service-runtimes.ts';

export interface ServiceDeploymentsDeps extends DomainsDeps {
  readonly deployer: {
    /** Writes down how it goes under the deployment's id. */
    deploy(deployment: Deployment, by: Principal): Promise<unknown>;
  };
  readonly deployments: DeploymentStore;
  readonly services: ServiceStore;
  /** What runs follows what is kept. */
  readonly releases: { refresh(tenant: string, name: string): Promise<void> };
  report(error: unknown): void;
}

export interface ServiceCode {
  readonly files: SourceFiles;
  readonly entry: string;
}

export interface ServiceDeployment {
  readonly service: ServiceRecord;
  readonly code: ServiceCode;
  readonly runtime: ServiceRuntime;
  readonly by: Principal;
  /** The domain answers as soon as the function has it. */
  readonly approvesDomain: boolean;
}

/** Among so many is one that has just ended, and the last that was reviewed. */
const RECENT = 100;

export class ServiceDeployments {
  readonly #deps: ServiceDeploymentsDeps;
  /** The last that runs of each function; they end in the order in which they came. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(deps: ServiceDeploymentsDeps) {
    this.#deps = deps;
  }

  /** Resolves when it is on its way: with the record that says so. How it ends is kept, and told to nobody. */
  async start(deployment: ServiceDeployment): Promise<DeploymentRecord> {
    const { tenant, functionName } = deployment.service;
    const record = newRecord(tenant, functionName);
    await this.#deps.deployments.put(record);
    const key = `${tenant}/${functionName}`;
    const before = this.#running.get(key) ?? Promise.resolve();
    const running = before
      .then(() => run(this.#deps, deployment, record))
      .catch((error: unknown) => this.#deps.report(error))
      .finally(() => {
        if (this.#running.get(key) === running) this.#running.delete(key);
      });
    this.#running.set(key, running);
    return record;
  }

  /** Resolves when no deployment of this function runs here that had been started before. */
  async settled(tenant: string, functionName: string): Promise<void> {
    await this.#running.get(`${tenant}/${functionName}`);
  }
}

function newRecord(tenant: string, functionName: string): DeploymentRecord {
  return {
    id: randomUUID(),
    tenant,
    functionName,
    version: null,
    status: 'running',
    phase: 'build',
    error: null,
    log: '',
    createdMs: Date.now(),
    finishedMs: null,
  };
}

/**
 * What the newest version was made of; null where nothing was ever built. `reviewed`: rather of the newest that an admin has
 * seen, so that nobody's new code goes live by a change of something else.
 */
export async function newestCode(
  functions: Pick<FunctionStore, 'versions' | 'sources'>,
  { tenant, functionName }: ServiceRecord,
  file: string,
  reviewed: boolean,
): Promise<ServiceCode | null> {
  const { items } = await functions.versions(tenant, functionName, null, reviewed ? RECENT : 1);
  const version = (reviewed ? items.find((item) => item.reviewed) : undefined) ?? items[0];
  if (version === undefined) return null;
  const files = await functions.sources(tenant, functionName, version.number);
  const [first] = files.keys();
  // Several files came by another way than this API, and only that way knows where they start.
  const entry = files.has(file) ? file : files.size === 1 ? first : undefined;
  return entry === undefined ? null : { files, entry };
}

async function run(
  deps: ServiceDeploymentsDeps,
  { service, code, runtime, by, approvesDomain }: ServiceDeployment,
  record: DeploymentRecord,
): Promise<void> {
  const { deployer, functions, releases, services } = deps;
  const target = { tenant: service.tenant, name: service.functionName };
  let fault: Fault | null = null;
  try {
    // A function that is there already has its domain, and who approved it is not asked again.
    const isNew = (await functions.find(target.tenant, target.name)) === null;
    const domain = isNew ? { publicDomain: service.publicDomain } : {};
    await deployer.deploy({ id: record.id, ...target, ...code, ...settingsOf(service, runtime), ...domain }, by);
  } catch (error) {
    fault = faultOf(error, deps);
  }
  try {
    // It may have been given another one while the first version was built.
    const now = await services.find(service.tenant, service.id);
    if (now !== null && (await claimDomain(deps, target, now.publicDomain, approvesDomain)))
      await releases.refresh(target.tenant, target.name);
  } catch (error) {
    fault ??= faultOf(error, deps);
  }
  if (fault !== null) await requireEnded(deps, record, fault);
}

function settingsOf(service: ServiceRecord, { word, tier, fallbackTiers }: ServiceRuntime): Partial<Deployment> {
  const { handler, memoryMb, minReplicas, maxReplicas, cpuShares } = service;
  return {
    handlerName: handler,
    memoryMb,
    runtime: word,
    tier,
    fallbackTiers,
    // None at all is what an inactive function has.
    limits: { minReplicas, maxReplicas: Math.max(maxReplicas, 1), ...(cpuShares === null ? {} : { cpuShares }) },
  };
}

/** The deployer writes down how its work ends, but not that there was nothing to begin with. */
async function requireEnded(
  { deployments }: ServiceDeploymentsDeps,
  record: DeploymentRecord,
  fault: Fault,
): Promise<void> {
  const { tenant, functionName, id } = record;
  const kept = (await deployments.list(tenant, functionName, RECENT)).find((other) => other.id === id) ?? record;
  if (kept.status === 'failed') return;
  const log = `${kept.log}${[fault.message, ...(fault.details.issues ?? [])].join('\n')}\n`;
  await deployments.put({ ...kept, status: 'failed', error: fault.message, log, finishedMs: Date.now() });
}

function faultOf(error: unknown, deps: Pick<ServiceDeploymentsDeps, 'report'>): Fault {
  const fault = toFault(error);
  if (fault.code === 'INTERNAL') deps.report(error);
  return fault;
}
