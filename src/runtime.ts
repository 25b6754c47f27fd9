/**
 * The composition root: the only file that knows every part, and wires them.
 *
 * `startParts` makes the parts that run functions; `startServer` puts HTTP in front of them. Parts meet here and
 * nowhere else, so what depends on what can be read off this page.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAdminToken } from './auth/admin-token.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import { createBuilder, type Builder } from './builder/builder.ts';
import type { Config } from './config.ts';
import { createControlApp } from './control/app.ts';
import { Deployer } from './control/deployer.ts';
import type { Executions } from './core/execution.ts';
import { Fault } from './core/faults.ts';
import { MAX_TIMEOUT_MS } from './core/limits.ts';
import { InvocationIds } from './core/invocation-ids.ts';
import { TIER_NAMES, type Tier, type TierName, type TierProbe } from './core/tier.ts';
import { createGateway, createHttpServer, listen, stopListening, type OnRequest } from './gateway/gateway.ts';
import { Origins } from './gateway/origin.ts';
import { Routes } from './gateway/routes.ts';
import { createLogs, type Logs } from './observe/logs.ts';
import { createOutput, type Output } from './observe/output.ts';
import { openSqliteStorage } from './storage/sqlite-storage.ts';
import type { Storage } from './storage/storage.ts';
import { createExecutions } from './supervisor/executions.ts';
import { Supervisor } from './supervisor/supervisor.ts';
import { createIsolateTier } from './tiers/isolate/isolate-tier.ts';
import { selectWall } from './walls/select.ts';
import type { Wall } from './walls/wall.ts';

/** How long what runs may take to finish when the server is told to stop. */
const DRAIN_MS = 10_000;
const DEFAULT_TIER: TierName = 'isolate';

export interface TierStatus {
  readonly name: TierName;
  readonly probe: TierProbe;
}

/** The parts that run functions, without a listener. */
export interface Parts {
  readonly config: Config;
  readonly storage: Storage;
  readonly logs: Logs;
  readonly output: Output;
  readonly routes: Routes;
  readonly supervisor: Supervisor;
  readonly deployer: Deployer;
  readonly executions: Executions;
  readonly wall: Wall | null;
  readonly tiers: readonly TierStatus[];
  readonly ids: InvocationIds;
  close(): Promise<void>;
}

export async function startParts(config: Config, output: Output): Promise<Parts> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const storage = await openSqliteStorage(config.dataDir);
  const cacheDir = join(config.dataDir, 'cache');
  const { wall, probes } = await selectWall({
    unsafeNoOsSandbox: config.unsafeNoOsSandbox,
    uidRange: { first: config.uidRange.first, count: config.uidRange.last - config.uidRange.first + 1 },
    ...(config.wall === null ? {} : { force: config.wall }),
  });
  const logs = await createLogs({ store: storage, stdout: output, retentionDays: config.logRetentionDays });
  const isolate = createIsolateTier({ wall, wallProbes: probes, cacheDir });
  const tiers = await Promise.all(
    [isolate].map(async (tier): Promise<TierStatus & { tier: Tier }> => ({
      tier,
      name: tier.name,
      probe: await tier.probe(),
    })),
  );
  const statuses: TierStatus[] = [...tiers, ...missingTiers(tiers)];
  const supervisor = new Supervisor({
    tiers: tiers.filter(({ probe }) => probe.works).map(({ tier }) => tier),
    whyNot: (name) => refusalOf(statuses, name),
    logs,
    poolSize: config.poolSize,
    executorMemoryMb: config.executorMemoryMb,
    hostMemoryMb: config.hostMemoryMb,
    tenantConcurrency: config.tenantConcurrency,
    report: (line) => output.line(`[cordon] ${line}`),
  });
  const builder =
    wall === null
      ? null
      : createBuilder({ wall, cacheDir: join(cacheDir, 'builds'), maxBundleBytes: config.maxBundleBytes });
  const routes = new Routes();
  routes.load(await storage.liveVersions());
  const deployer = new Deployer({
    limits: config,
    defaultTier: DEFAULT_TIER,
    defaultCordon: config.cordon,
    tiers: statuses,
    build: (source, tenant) => requireBuilder(builder).build(source, tenant),
    storage,
    routes,
    retire: (version) => supervisor.retire(version),
    forgetLogs: (target) => logs.forget(target),
  });
  const ids = new InvocationIds();
  const executions = createExecutions({
    ...config,
    invoker: supervisor,
    tier: DEFAULT_TIER,
    nextId: () => ids.next(),
    build: (code, handler, tenant) =>
      requireBuilder(builder).build(
        { files: new Map([['function.ts', Buffer.from(code, 'utf8')]]), entry: 'function.ts', handler },
        tenant,
      ),
  });
  await supervisor.start();

  return {
    config,
    storage,
    logs,
    output,
    routes,
    supervisor,
    deployer,
    executions,
    wall,
    tiers: statuses,
    ids,
    async close() {
      await supervisor.close(DRAIN_MS);
      await builder?.close();
      await Promise.all(tiers.map(({ tier }) => tier.close()));
      await logs.close();
      await storage.close();
      output.flush();
    },
  };
}

export interface RunningServer {
  readonly url: string;
  readonly adminUrl: string;
  readonly tiers: readonly TierStatus[];
  /** The OS wall that stands; `none` where the operator wants none; null where none can be had, and functions are refused. */
  readonly wall: string | null;
  readonly adminToken: string;
  /** Null where the configuration gave the token. */
  readonly adminTokenPath: string | null;
  /** The token was made by this start. */
  readonly firstStart: boolean;
  /** Takes no new requests, lets those that run finish, ends every child process. */
  close(): Promise<void>;
}

export async function startServer(config: Config): Promise<RunningServer> {
  const output = createOutput(process.stdout);
  const parts = await startParts(config, output);
  try {
    return await serve(parts);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function serve(parts: Parts): Promise<RunningServer> {
  const { config, output, logs, routes, supervisor, ids, deployer, storage, executions } = parts;
  const admin = loadAdminToken(config.dataDir, config.adminToken);
  const authenticate = createAuthenticator(admin.token);
  const origins = new Origins(config);
  const onRequest = requestLog(output, config.accessLog);
  const control = createControlApp({
    authenticate,
    deploy: (deployment) => deployer.deploy(deployment),
    functions: {
      functionsOf: (tenant) => storage.functionsOf(tenant),
      functionOf: (tenant, name) => storage.functionOf(tenant, name),
      deleteFunction: (tenant, name) => deployer.remove(tenant, name),
    },
    logs,
    report: (error) =>
      output.line(`[cordon] ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  });
  const gateway = createGateway({
    functions: { routes, origins, invoker: supervisor, logs, nextId: () => ids.next(), onRequest },
    execute: {
      executions,
      origins,
      open: config.openExecute,
      maxBodyBytes: config.maxBodyBytes,
      authenticate,
      onError: (line) => output.line(line),
      onRequest,
    },
    origins,
    control: config.adminPort === null ? control : null,
    maxTimeoutMs: MAX_TIMEOUT_MS,
  });
  const address = await listen(gateway, config.port, config.host);
  const adminServer = config.adminPort === null ? null : createHttpServer(control, MAX_TIMEOUT_MS);
  const adminAddress =
    adminServer === null ? address : await listen(adminServer, config.adminPort as number, config.host);
  let closing: Promise<void> | null = null;

  return {
    url: urlOf(config.host, address.port),
    adminUrl: urlOf(config.host, adminAddress.port),
    tiers: parts.tiers,
    wall: parts.wall?.name ?? null,
    adminToken: admin.token,
    adminTokenPath: admin.path,
    firstStart: admin.created,
    close: () =>
      (closing ??= (async () => {
        const servers = [gateway, adminServer].filter((server) => server !== null);
        const stopped = Promise.all(servers.map(stopListening));
        await parts.close();
        for (const server of servers) server.closeAllConnections();
        await stopped;
      })()),
  };
}

/** One line for each HTTP request. */
function requestLog(output: Output, wanted: boolean): OnRequest {
  if (!wanted) return () => undefined;
  return ({ method, url }, status, startedMs, note) => {
    output.line(
      `${method} ${url} ${status} ${(performance.now() - startedMs).toFixed(1)}ms${note === null ? '' : ` ${note}`}`,
    );
  };
}

function refusalOf(tiers: readonly TierStatus[], name: TierName): string {
  const probe = tiers.find((tier) => tier.name === name)?.probe;
  return probe === undefined || probe.works ? 'it is not there' : `${probe.reason}. ${probe.cure}`;
}

/** The rest of the ladder, so that nobody wonders. */
function missingTiers(present: readonly TierStatus[]): TierStatus[] {
  const missing = TIER_NAMES.filter((name) => !present.some((tier) => tier.name === name));
  return missing.map((name) => ({
    name,
    probe: { works: false, reason: 'this version of Cordon does not have it yet', cure: 'Use isolate' },
  }));
}

function requireBuilder(builder: Builder | null): Builder {
  if (builder === null)
    throw new Fault('TIER_UNAVAILABLE', 'Nothing can be built here: no OS wall stands on this machine');
  return builder;
}

function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
