/**
 * The library: Cordon in your own program, without a listener. The server is built on the same parts, and what the operator
 * API offers over HTTP is here as methods, on behalf of the operator.
 */

import { loadConfig, type CordonOptions } from './config.ts';
import type { VariableChange } from './capabilities/secrets/variable-rules.ts';
import type { Deployed } from './control/deployer.ts';
import type { Deployment } from './core/deployment.ts';
import type { NewEvent, Published } from './core/event.ts';
import type { ExecutionOutcome, ExecutionRequest } from './core/execution.ts';
import { Fault } from './core/faults.ts';
import type { FunctionRecord, Page, VersionRecord } from './core/function-record.ts';
import type { FunctionVersion } from './core/function.ts';
import type { LogLine } from './core/log-line.ts';
import { ANONYMOUS, OPERATOR } from './core/principal.ts';
import { DEFAULT_TENANT } from './core/tenant.ts';
import type { VariableRecord } from './core/variable.ts';
import { createOutput } from './observe/output.ts';
import { startParts, type Parts, type TierStatus } from './runtime.ts';

export interface InvokeRequest {
  readonly tenant?: string;
  /** A number or an alias; default: the live version. */
  readonly version?: number | string;
  readonly method?: string;
  /** Path and query as the function sees them; default `/`. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface InvokeResult {
  readonly status: number;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

/** Which function; default tenant: `default`. */
export interface FunctionName {
  readonly tenant?: string;
  readonly name: string;
}

export interface ListRequest {
  readonly tenant?: string;
  /** The name after which the page begins. */
  readonly after?: string;
  /** 1 to 1,000; default 100. */
  readonly limit?: number;
}

/** Every method rejects with a {@link Fault}; then nothing has changed. */
export interface Cordon {
  /** What works on this machine, and why the rest does not. */
  readonly tiers: readonly TierStatus[];
  deploy(deployment: Omit<Deployment, 'tenant'> & { readonly tenant?: string }): Promise<Deployed>;
  /** Rejects where the function gave no response. */
  invoke(name: string, request?: InvokeRequest): Promise<InvokeResult>;
  /** Runs code once, in a sandbox of its own. Rejects for a request that is not valid. */
  execute(request: ExecutionRequest): Promise<ExecutionOutcome>;
  list(request?: ListRequest): Promise<Page<FunctionRecord>>;
  /** Null where there is none. */
  info(name: FunctionName): Promise<FunctionRecord | null>;
  versions(name: FunctionName): Promise<Page<VersionRecord>>;
  /** Makes a version live; without a number, the canary. */
  promote(name: FunctionName, version?: number): Promise<FunctionRecord>;
  /** Makes a version live again; without a number, the one before. */
  rollback(name: FunctionName, version?: number): Promise<FunctionRecord>;
  /** Null removes the alias. */
  alias(name: FunctionName, alias: string, version: number | null): Promise<FunctionRecord>;
  /** `weight` is a share from 0 to 1; null ends the canary. */
  canary(name: FunctionName, canary: { version: number; weight: number } | null): Promise<FunctionRecord>;
  /** False where there is none. */
  delete(name: FunctionName): Promise<boolean>;
  /** The newest lines, in the order in which they were written. */
  logs(name: FunctionName, limit?: number): Promise<LogLine[]>;
  /** Of the tenant, or (with `name`) of one of its functions. */
  setVariables(scope: Partial<FunctionName>, variables: readonly VariableChange[]): Promise<void>;
  /** The names that were there. */
  removeVariables(scope: Partial<FunctionName>, names: readonly string[]): Promise<readonly string[]>;
  /** A secret's value is null. */
  variables(scope: Partial<FunctionName>): Promise<readonly (VariableRecord & { readonly value: string | null })[]>;
  /** What resolves is durable: each function that listens runs, at least once. */
  publishEvent(
    channel: string,
    data: unknown,
    options?: Partial<Omit<NewEvent, 'channel' | 'data' | 'hops'>>,
  ): Promise<Published>;
  /** Lets what runs finish, then ends every child process. */
  close(): Promise<void>;
}

export async function createCordon(options: CordonOptions = {}): Promise<Cordon> {
  const parts = await startParts(loadConfig(options), createOutput(process.stderr));
  return cordonOf(parts);
}

const PAGE = 100;

function cordonOf(parts: Parts): Cordon {
  const { storage, deployer, functionChanges, variables, releases, logs } = parts;
  const changed = (tenant: string, name: string | null): Promise<void> =>
    name === null ? releases.refreshTenant(tenant) : releases.refresh(tenant, name);
  return {
    tiers: parts.tiers,
    deploy: (deployment) => deployer.deploy({ tenant: DEFAULT_TENANT, ...deployment }, OPERATOR),
    invoke: (name, request = {}) => invoke(parts, name, request),
    execute: (request) => parts.executions.start(request, OPERATOR, '').outcome,
    list: ({ tenant = DEFAULT_TENANT, after = null, limit = PAGE } = {}) =>
      storage.functions.list({ tenant, after, limit }),
    info: ({ tenant = DEFAULT_TENANT, name }) => storage.functions.find(tenant, name),
    versions: ({ tenant = DEFAULT_TENANT, name }) => storage.functions.versions(tenant, name, null, PAGE),
    promote: (name, version) => functionChanges.promote(byOperator(name), version ?? null),
    rollback: (name, version) => functionChanges.rollback(byOperator(name), version ?? null),
    alias: (name, alias, version) => functionChanges.setAlias(byOperator(name), alias, version),
    canary: (name, canary) =>
      functionChanges.setCanary(
        byOperator(name),
        canary === null ? null : { number: canary.version, weight: canary.weight },
      ),
    delete: ({ tenant = DEFAULT_TENANT, name }) => deployer.remove(tenant, name, OPERATOR),
    logs: ({ tenant = DEFAULT_TENANT, name }, limit = PAGE) => logs.read({ tenant, name, afterId: null, limit }),
    async setVariables({ tenant = DEFAULT_TENANT, name = null as string | null }, changes) {
      await variables.set(tenant, name, changes);
      await changed(tenant, name);
    },
    async removeVariables({ tenant = DEFAULT_TENANT, name = null as string | null }, names) {
      const removed = await variables.remove(tenant, name, names);
      await changed(tenant, name);
      return removed;
    },
    variables: ({ tenant = DEFAULT_TENANT, name }) => variables.list(tenant, name ?? null),
    publishEvent: (channel, data, options = {}) =>
      parts.triggers.events.publish({ tenant: DEFAULT_TENANT, ...options, channel, data }),
    close: () => parts.close(),
  };
}

const byOperator = ({ tenant = DEFAULT_TENANT, name }: FunctionName) => ({
  tenant,
  name,
  by: OPERATOR,
  revision: null,
});

async function invoke(parts: Parts, name: string, request: InvokeRequest): Promise<InvokeResult> {
  const version = await versionOf(parts, request.tenant ?? DEFAULT_TENANT, name, request.version);
  const { body } = request;
  const { outcome } = parts.invocations.run(version, {
    cause: 'invoke',
    principal: ANONYMOUS,
    method: request.method ?? 'GET',
    url: `http://localhost${request.path ?? '/'}`,
    headers: Object.entries(request.headers ?? {}).flat(),
    body: body === undefined ? null : typeof body === 'string' ? Buffer.from(body, 'utf8') : body,
    reply: 'http',
    fresh: false,
  });
  const { response, fault } = await outcome;
  if (response !== null) return response;
  throw fault ?? new Fault('INTERNAL', 'The function gave no response');
}

async function versionOf(
  { routes, releases, tenants }: Parts,
  tenant: string,
  name: string,
  label: number | string | undefined,
): Promise<FunctionVersion> {
  const route = routes.find(tenant, name);
  if (route === undefined) throw missing(name);
  if (tenants.isSuspended(tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${tenant} is suspended`);
  if (!route.active) throw new Fault('CONFLICT', `The function ${name} is not active`);
  const version =
    typeof label === 'number'
      ? await releases.versionOf(tenant, name, label)
      : label === undefined
        ? route.live
        : route.aliases.get(label);
  if (version === undefined || version === null) throw missing(label === undefined ? name : `${name}@${label}`);
  return version;
}

const missing = (name: string): Fault =>
  new Fault('NOT_FOUND', `There is no function ${JSON.stringify(name.slice(0, 120))}`);
