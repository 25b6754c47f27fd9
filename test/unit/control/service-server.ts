/** Services on a real listener, with the real deployer over stores in memory; the test plays the builder and the sandboxes. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Deployer } from '../../../src/control/deployer.ts';
import { Releases } from '../../../src/control/releases.ts';
import { DEFAULT_RUNTIMES, type TierStatuses } from '../../../src/control/service-runtimes.ts';
import { addServices } from '../../../src/control/services.ts';
import type { DeployLimits } from '../../../src/control/version-settings.ts';
import type { Audit, AuditEntry } from '../../../src/core/audit.ts';
import type { Deployment } from '../../../src/core/deployment.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import { DEFAULT_CHOSEN } from '../../../src/core/limits.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { RateRule } from '../../../src/core/rate-limit.ts';
import type { Environments, VariableRecord } from '../../../src/core/variable.ts';
import type { InvocationOutcome, InvocationRequest } from '../../../src/core/whole-invocation.ts';
import { Routes } from '../../../src/gateway/routes.ts';
import { MemoryServices } from '../../support/memory-control.ts';
import { MemoryDeployments, MemoryFunctions } from '../../support/memory-functions.ts';
import { startOperatorServer, type Answer, type OperatorServer } from './operator-server.ts';

export const SERVICES = '/api/v1/services';
export const CODE = 'module.exports.handler = async (event) => ({ statusCode: 200, body: "hello" });';
export const HELLO: Readonly<Record<string, unknown>> = {
  name: 'hello',
  deploy_type: 'FUNCTION',
  function_runtime: 'node18',
  function_code: CODE,
  public_domain: 'hello.example.com',
};

export interface Deployed {
  readonly deployment: Deployment;
  readonly by: Principal;
}

export interface ServiceServer extends OperatorServer {
  readonly functions: MemoryFunctions;
  readonly deployed: Deployed[];
  readonly routes: Routes;
  readonly variables: Map<string, { value: string; isSecret: boolean }>;
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
  readonly invoked: { readonly version: FunctionVersion; readonly request: InvocationRequest }[];
  /** What the next invocations answer. */
  readonly outcomes: Partial<InvocationOutcome>[];
  /** Deployments wait until this is called. */
  hold(): () => void;
  /** Every tenant is, from now on. */
  suspend(): void;
  /** Asks until the newest deployment of the service has ended. */
  ended(as: string, id: string): Promise<Answer['body']>;
}

const LIMITS: DeployLimits = {
  maxCodeBytes: 256 * 1024,
  maxBundleBytes: 1024 * 1024,
  maxBodyBytes: 1024 * 1024,
  maxResponseBytes: 1024 * 1024,
  functionTimeoutMs: 30_000,
  maxMemoryMb: 1024,
  largest: DEFAULT_CHOSEN,
};

const TIERS: TierStatuses = [
  { name: 'isolate', probe: { works: true, detail: '' } },
  { name: 'worker', probe: { works: true, detail: '' } },
  { name: 'container', probe: { works: false, reason: 'this version does not have it', cure: 'Use isolate' } },
];

export const RATE: RateRule = { limit: 5, windowSeconds: 60 };

/** Code that has `bad` in it does not compile; with `broken` it does not load, and is kept; `node:net` no isolate has. */
export async function startServices(
  t: TestContext,
  { maxFunctions = 100, tiers = TIERS }: { readonly maxFunctions?: number; readonly tiers?: TierStatuses } = {},
): Promise<ServiceServer> {
  const functions = new MemoryFunctions();
  const deployed: Deployed[] = [];
  const audited: Omit<AuditEntry, 'timeMs'>[] = [];
  const invoked: { version: FunctionVersion; request: InvocationRequest }[] = [];
  const outcomes: Partial<InvocationOutcome>[] = [];
  const variables = new Map<string, { value: string; isSecret: boolean }>();
  const counts = new Map<string, number>();
  let gate = Promise.resolve();
  let suspended = false;

  const environments: Environments = {
    resolve: () => Promise.resolve({ env: {}, secrets: [], boundSecrets: [] }),
  };
  const routes = new Routes();
  const releases = new Releases({
    functions,
    environments,
    routes,
    retire: () => undefined,
    report: (error) => void server.reported.push(error),
  });
  const deployments = new MemoryDeployments();
  const audit: Audit = { record: (entry) => void audited.push(entry) };
  const common = {
    functions,
    deployments,
    releases,
    audit,
    limits: LIMITS,
    tiers,
    isOperatorHost: (host: string) => host === 'admin.example.com' || host.endsWith('.fn.example.com'),
    isSuspended: () => suspended,
    report: (error: unknown) => void server.reported.push(error),
  };
  const deployer = new Deployer({
    ...common,
    defaultTier: 'isolate',
    defaultCordon: 'tenant',
    environments,
    async build({ files, entry, tier }) {
      await gate;
      const code = String(files.get(entry));
      if (code.includes('node:net') && tier === 'isolate')
        throw new Fault('COMPILE_FAILED', 'there is no node:net', { missing: ['node:net'] });
      if (code.includes('bug')) throw new Error('a secret of the host');
      if (code.includes('bad')) throw new Fault('COMPILE_FAILED', 'index.js:1:1: no', { issues: ['  1 | bad'] });
      return { format: 'script', code: Buffer.from(code), cache: null, interleaves: true };
    },
    probe({ artifact }) {
      const loads = !Buffer.from(artifact.code).includes('broken');
      return Promise.resolve(loads ? null : new Fault('LOAD_FAILED', 'it threw'));
    },
    maxFunctions: () => maxFunctions,
    forgetLogs: () => undefined,
  });

  const server = await startOperatorServer((app) =>
    addServices(app, {
      services: new MemoryServices(),
      ...common,
      deployer: {
        deploy(deployment, by) {
          deployed.push({ deployment, by });
          return deployer.deploy(deployment, by);
        },
        remove: (tenant, name, by) => deployer.remove(tenant, name, by),
      },
      variables: {
        set: (tenant, name, changes) => {
          for (const change of changes) variables.set(`${tenant}/${name}/${change.name}`, change);
          return Promise.resolve();
        },
        remove: (tenant, name, names) =>
          Promise.resolve(names.filter((one) => variables.delete(`${tenant}/${name}/${one}`))),
        list: (tenant, functionName) => {
          const found = [...variables].filter(([key]) => key.startsWith(`${tenant}/${functionName}/`));
          return Promise.resolve(
            found.map(([key, { value, isSecret }]): VariableRecord & { value: string | null } => ({
              tenant,
              functionName,
              name: key.slice(key.lastIndexOf('/') + 1),
              isSecret,
              hosts: [],
              updatedMs: 1,
              value: isSecret ? null : value,
            })),
          );
        },
      },
      changed: () => undefined,
      runtimes: DEFAULT_RUNTIMES,
      rateLimits: {
        take(scope, key, rule) {
          const count = (counts.get(`${scope} ${key}`) ?? 0) + 1;
          counts.set(`${scope} ${key}`, count);
          return { allowed: count <= rule.limit, rule, remaining: Math.max(0, rule.limit - count), resetSeconds: 60 };
        },
      },
      invokeRate: RATE,
      invocations: {
        run(version, request) {
          invoked.push({ version, request });
          const outcome = { id: 'i', response: null, fault: null, logs: [], durationMs: 1, ...outcomes.shift() };
          return { id: 'i', outcome: Promise.resolve(outcome), cancel: () => undefined };
        },
      },
    }),
  );
  t.after(() => server.close());

  return {
    ...server,
    functions,
    deployed,
    routes,
    variables,
    audited,
    invoked,
    outcomes,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    suspend() {
      suspended = true;
    },
    async ended(as, id) {
      for (;;) {
        const [newest] = (await server.call(as, 'GET', `/api/v1/services/${id}/deployments/`)).body.results;
        if (newest.status !== 'running') return newest;
      }
    },
  };
}

/** The id of a service whose first deployment has ended. */
export async function created({ call, ended }: ServiceServer, as = 'operator', more: object = {}): Promise<string> {
  const { status, body } = await call(as, 'POST', `${SERVICES}/`, { ...HELLO, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  await ended(as, body.id);
  return body.id;
}
