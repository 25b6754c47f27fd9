/** The functions of the operator API on a real listener, with real parts over stores in memory; a test plays builder and sandboxes. */

import type { TestContext } from 'node:test';
import { Deployer, type DeployerOptions } from '../../../src/control/deployer.ts';
import { FunctionChanges } from '../../../src/control/function-changes.ts';
import { addFunctionInvoke } from '../../../src/control/function-invoke.ts';
import { addFunctions } from '../../../src/control/functions.ts';
import { addInvocationResults } from '../../../src/control/invocation-results.ts';
import { addLogs } from '../../../src/control/logs.ts';
import { Releases } from '../../../src/control/releases.ts';
import { addRollouts } from '../../../src/control/rollouts.ts';
import { addVersions } from '../../../src/control/versions.ts';
import type { AuditEntry } from '../../../src/core/audit.ts';
import type { Deployment } from '../../../src/core/deployment.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionStore } from '../../../src/core/function-record.ts';
import type { Artifact, FunctionVersion } from '../../../src/core/function.ts';
import type { LogEntry } from '../../../src/core/invocation.ts';
import type { InvocationResult } from '../../../src/core/invocation-result.ts';
import type { LogLine } from '../../../src/core/log-line.ts';
import { DEFAULT_CHOSEN } from '../../../src/core/limits.ts';
import { OPERATOR, type Principal } from '../../../src/core/principal.ts';
import type { Environment, Environments } from '../../../src/core/variable.ts';
import type { InvocationOutcome, InvocationRequest } from '../../../src/core/whole-invocation.ts';
import { Routes } from '../../../src/gateway/routes.ts';
import { MemoryDeployments, MemoryFunctions } from '../../support/memory-functions.ts';
import { MemoryIdempotency } from '../../support/memory-idempotency.ts';
import { CALLERS, startOperatorServer, type OperatorServer } from './operator-server.ts';

export const ADMIN: Principal = CALLERS['acme']!;
export const USER: Principal = CALLERS['user']!;
export { OPERATOR };

export const F = '/api/v1/functions';

export interface ControlParts {
  readonly functions: MemoryFunctions;
  readonly deployments: MemoryDeployments;
  readonly routes: Routes;
  readonly releases: Releases;
  readonly deployer: Deployer;
  readonly changes: FunctionChanges;
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
  readonly retired: FunctionVersion[];
  readonly probed: FunctionVersion[];
  readonly reported: unknown[];
  /** By tenant: what its versions get beside their own variables; a test changes it. */
  readonly environments: Map<string, Environment>;
  readonly suspended: Set<string>;
  maxFunctions: number;
  /** What the next build waits for. */
  gate: Promise<void>;
  /** What the next probes find. */
  probe(version: FunctionVersion): Promise<Fault | null>;
}

export const NO_ENVIRONMENT: Environment = { env: {}, secrets: [], boundSecrets: [] };

/** Code that is `bad` does not compile, `bug` is an error of ours, `broken` does not load. */
export function createControlParts(
  store: FunctionStore = new MemoryFunctions(),
  rules: Partial<DeployerOptions> = {},
): ControlParts {
  // A test that brings another store has no use for what the one in memory can besides.
  const functions = store as MemoryFunctions;
  const routes = new Routes();
  const deployments = new MemoryDeployments();
  const audited: Omit<AuditEntry, 'timeMs'>[] = [];
  const retired: FunctionVersion[] = [];
  const reported: unknown[] = [];
  const audit = { record: (entry: Omit<AuditEntry, 'timeMs'>) => void audited.push(entry) };
  const report = (error: unknown): void => void reported.push(error);
  const tenants = new Map<string, Environment>();
  const environments: Environments = {
    resolve(tenant, _name, versionEnv) {
      const environment = tenants.get(tenant) ?? NO_ENVIRONMENT;
      return Promise.resolve({ ...environment, env: { ...environment.env, ...versionEnv } });
    },
  };
  const releases = new Releases({
    functions,
    environments,
    routes,
    retire: (version) => void retired.push(version),
    report,
  });
  const isOperatorHost = (host: string): boolean => host === 'admin.example.com';
  const parts: Omit<ControlParts, 'deployer' | 'changes'> = {
    functions,
    deployments,
    routes,
    releases,
    audited,
    retired,
    probed: [],
    reported,
    environments: tenants,
    suspended: new Set(),
    maxFunctions: 100_000,
    gate: Promise.resolve(),
    probe: ({ artifact }) =>
      Promise.resolve(
        Buffer.from(artifact.code).toString() === 'broken'
          ? new Fault('LOAD_FAILED', 'boom', { stack: 'at index.ts:1' })
          : null,
      ),
  };
  const deployer = new Deployer({
    limits: {
      maxCodeBytes: 256 * 1024,
      maxBundleBytes: 1024 * 1024,
      maxBodyBytes: 1024 * 1024,
      maxResponseBytes: 1024 * 1024,
      functionTimeoutMs: 30_000,
      maxMemoryMb: 512,
      largest: DEFAULT_CHOSEN,
    },
    defaultTier: 'isolate',
    defaultCordon: 'tenant',
    tiers: [
      { name: 'isolate', probe: { works: true, detail: '' } },
      { name: 'container', probe: { works: false, reason: 'it is not here', cure: 'Use isolate' } },
    ],
    async build({ files, entry }) {
      await parts.gate;
      return built(String(files.get(entry)));
    },
    functions,
    deployments,
    environments,
    releases,
    probe(version) {
      parts.probed.push(version);
      return parts.probe(version);
    },
    maxFunctions: () => parts.maxFunctions,
    isSuspended: (tenant) => parts.suspended.has(tenant),
    isOperatorHost,
    forgetLogs: () => undefined,
    audit,
    report,
    ...rules,
  });
  const changes = new FunctionChanges({ functions, releases, audit, isOperatorHost });
  return Object.assign(parts, { deployer, changes });
}

function built(code: string): Artifact & { readonly warnings: readonly string[] } {
  if (code === 'bad') throw new Fault('COMPILE_FAILED', 'index.ts:1:1: no', { issues: ['  1 | bad\n    | ^'] });
  if (code === 'bug') throw new Error('a secret of the host');
  return { format: 'script', code: Buffer.from(code), cache: null, interleaves: true, warnings: [] };
}

export function deploymentOf(name: string, changes: Partial<Deployment> = {}, code = 'ok'): Deployment {
  return { tenant: 'acme', name, files: new Map([['index.ts', Buffer.from(code)]]), entry: 'index.ts', ...changes };
}

export interface ControlServer extends ControlParts, OperatorServer {
  readonly reported: unknown[];
  readonly invoked: { readonly version: FunctionVersion; readonly request: InvocationRequest }[];
  /** What the next invocation's outcome is; a test may wait with it. */
  outcome: Partial<InvocationOutcome> | Promise<Partial<InvocationOutcome>>;
  readonly results: Map<string, InvocationResult>;
  readonly lines: LogLine[];
  /** Followers wait for what is written. */
  write(line: LogLine): void;
  /** Resolves when the first follower has gone. */
  readonly followerGone: Promise<void>;
}

export async function startControlServer(
  t: TestContext,
  parts: ControlParts = createControlParts(),
): Promise<ControlServer> {
  const invoked: { version: FunctionVersion; request: InvocationRequest }[] = [];
  const results = new Map<string, InvocationResult>();
  const lines: LogLine[] = [];
  const followerGone = Promise.withResolvers<void>();
  let written = Promise.withResolvers<void>();
  const counts = new Map<string, number>();
  const deps = {
    functions: parts.functions,
    deployments: parts.deployments,
    deployer: parts.deployer,
    functionChanges: parts.changes,
    releases: parts.releases,
    idempotency: new MemoryIdempotency(),
    invocations: {
      run(version: FunctionVersion, request: InvocationRequest) {
        const id = `run-${invoked.push({ version, request })}`;
        const outcome = Promise.resolve(server.outcome).then((ended) => ({ ...ANSWERED, id, ...ended }));
        return { id, outcome, cancel: () => undefined };
      },
    },
    invocationResults: {
      put: (result: InvocationResult) => Promise.resolve(void results.set(result.id, result)),
      find(tenant: string, id: string) {
        const found = results.get(id);
        return Promise.resolve(found?.tenant === tenant ? found : null);
      },
    },
    rateLimits: {
      take(_scope: string, key: string, rule: { readonly limit: number; readonly windowSeconds: number }) {
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        return { allowed: count <= rule.limit, rule, remaining: Math.max(0, rule.limit - count), resetSeconds: 60 };
      },
    },
    invokeRate: { limit: 60, windowSeconds: 60 },
    isSuspended: (tenant: string) => parts.suspended.has(tenant),
    logs: {
      read: () => Promise.resolve(lines),
      async *follow(_target: unknown, signal: AbortSignal) {
        signal.addEventListener('abort', () => followerGone.resolve());
        for (let next = 0; !signal.aborted;) {
          while (next < lines.length) yield lines[next++]!;
          await Promise.race([written.promise, followerGone.promise]);
        }
      },
    },
    report: (error: unknown) => void parts.reported.push(error),
  };
  const operator = await startOperatorServer(
    (app) => {
      addFunctions(app, deps);
      addVersions(app, deps);
      addRollouts(app, deps);
      addFunctionInvoke(app, deps);
      addInvocationResults(app, deps);
      addLogs(app, deps);
    },
    { report: deps.report },
  );
  t.after(() => operator.close());
  const server: ControlServer = Object.assign(parts, operator, {
    reported: parts.reported,
    invoked,
    outcome: {},
    results,
    lines,
    write(line: LogLine) {
      lines.push(line);
      written.resolve();
      written = Promise.withResolvers();
    },
    followerGone: followerGone.promise,
  });
  return server;
}

const ANSWERED: Omit<InvocationOutcome, 'id'> = {
  response: { status: 200, headers: ['content-type', 'application/json'], body: Buffer.from('{"a":1}') },
  fault: null,
  logs: [{ level: 'info', message: 'hello', timeMs: 1 } satisfies LogEntry],
  durationMs: 1,
};
