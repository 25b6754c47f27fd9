/** Parts: everything that runs functions, wired, without a listener. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAdminToken, type AdminToken } from '../auth/admin-token.ts';
import { openTokens, type Tokens } from '../auth/tokens.ts';
import { createBuilder, type Builder } from '../builder/builder.ts';
import type { Variables } from '../capabilities/secrets/variables.ts';
import type { Config } from '../config.ts';
import { Canaries } from '../control/canaries.ts';
import { Deployer } from '../control/deployer.ts';
import { FunctionChanges } from '../control/function-changes.ts';
import { Releases } from '../control/releases.ts';
import type { Executions } from '../core/execution.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import { InvocationIds } from '../core/invocation-ids.ts';
import { SYSTEM } from '../core/principal.ts';
import type { RateLimits } from '../core/rate-limit.ts';
import type { Invocations } from '../core/whole-invocation.ts';
import { createEgress, type Egress } from '../egress/egress.ts';
import { Origins } from '../gateway/origin.ts';
import { Routes } from '../gateway/routes.ts';
import { createAudit, type AuditTrail } from '../observe/audit.ts';
import { createLogs, type Logs } from '../observe/logs.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import type { Output } from '../observe/output.ts';
import { redact } from '../observe/redaction.ts';
import { SourceMaps } from '../observe/source-maps.ts';
import { UsageLedger } from '../observe/usage-ledger.ts';
import { createUsage, type Usage } from '../observe/usage.ts';
import type { Storage } from '../storage/storage.ts';
import { createExecutions } from '../supervisor/executions.ts';
import { createInvocations } from '../supervisor/invocations.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { Triggers } from '../triggers/triggers.ts';
import { selectWall } from '../walls/select.ts';
import { missingGuarantees, type Wall } from '../walls/wall.ts';
import { UNKNOWN_WALL, type WallLacks } from '../core/wall-level.ts';
import { quarantineEntry, refusalEntry } from './audit-entries.ts';
import { Closers } from './closers.ts';
import { followChanges } from './following.ts';
import { moduleFetchOf } from './module-fetch.ts';
import { createHostServices, type HostServices } from './host-services.ts';
import { startHousekeeping } from './housekeeping.ts';
import { allOf, openRateLimits, openStorage, openVariables } from './opening.ts';
import { placeAuto } from './placement.ts';
import { TenantBook } from './tenant-book.ts';
import { createTiers, type TierSet } from './tier-set.ts';
import { runtimeVersion, vendorOf } from './vendoring.ts';
import { engineOf, EXECUTION_TIER, probeTiers, refusalOf, wholeLadder, type TierStatus } from './tiers.ts';

/** How long what runs may take to finish when Cordon is told to stop. */
const DRAIN_MS = 10_000;
const AUDIT_RETENTION_DAYS = 365;
/** A bill for a year, and time to write it. */
const USAGE_RETENTION_DAYS = 400;

export interface Parts {
  readonly config: Config;
  readonly admin: AdminToken;
  readonly storage: Storage;
  readonly tenants: TenantBook;
  readonly tokens: Tokens;
  readonly variables: Variables;
  readonly audit: AuditTrail;
  readonly logs: Logs;
  readonly output: Output;
  readonly origins: Origins;
  readonly routes: Routes;
  readonly releases: Releases;
  readonly canaries: Canaries;
  readonly functionChanges: FunctionChanges;
  readonly supervisor: Supervisor;
  readonly deployer: Deployer;
  readonly executions: Executions;
  readonly invocations: Invocations;
  readonly egress: Egress;
  readonly services: HostServices;
  readonly triggers: Triggers;
  readonly rateLimits: RateLimits;
  readonly tierSet: TierSet;
  readonly usage: Usage;
  readonly ledger: UsageLedger;
  readonly metrics: Metrics;
  readonly wall: Wall | null;
  readonly tiers: readonly TierStatus[];
  readonly ids: InvocationIds;
  report(error: unknown): void;
  close(): Promise<void>;
}

export async function startParts(config: Config, output: Output): Promise<Parts> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const closers = new Closers();
  try {
    return await wire(config, output, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function wire(config: Config, output: Output, closers: Closers): Promise<Parts> {
  const line = (text: string): void => output.line(`[cordon] ${text}`);
  const report = (error: unknown): void =>
    line(error instanceof Error ? (error.stack ?? error.message) : String(error));
  closers.add(() => output.flush());
  const admin = loadAdminToken(config.dataDir, config.adminToken);
  const storage = await openStorage(config);
  closers.add(() => storage.close());
  const variables = await openVariables(config, storage);
  const tenants = new TenantBook(storage.tenants);
  await tenants.load();
  const tokens = await openTokens({ store: storage.tokens, report });
  closers.add(() => tokens.close());
  const audit = createAudit({ store: storage.audit, retentionDays: AUDIT_RETENTION_DAYS, report: line });
  closers.add(() => audit.close());
  const maps = new SourceMaps();
  const readStack = (version: FunctionVersion, text: string): string => maps.mapStack(version.artifact, text);
  const logs = await createLogs({
    store: storage.logs,
    stdout: output,
    retentionDays: config.logRetentionDays,
    readStack,
  });
  closers.add(() => logs.close());
  const housekeeping = await startHousekeeping(storage, report);
  closers.add(() => housekeeping.close());

  const ids = new InvocationIds();
  const nextId = (): string => ids.next();
  const cacheDir = join(config.dataDir, 'cache');
  const walls = await selectWall({
    unsafeNoOsSandbox: config.unsafeNoOsSandbox,
    uidRange: { first: config.uidRange.first, count: config.uidRange.last - config.uidRange.first + 1 },
    minimumWall: config.minimumWall,
    workDir: join(cacheDir, 'walls'),
    ...(config.wall === null ? {} : { force: config.wall }),
  });
  const { wall } = walls;
  const wallLacks: WallLacks = (level) => (wall === null ? UNKNOWN_WALL(level) : missingGuarantees(wall, level));
  const ledger = new UsageLedger({ store: storage.usage, retentionDays: USAGE_RETENTION_DAYS, report });
  closers.add(() => ledger.close());
  const usage = createUsage({ ledger });
  const egress = createEgress({
    ...config.egress,
    // Script bodies fetch what the operator has named, and nothing else (CONTRACTS.md).
    defaultAllow: ({ handler }) => config.egress.allow ?? (handler === 'script' ? [] : null),
    ceiling: config.egress.allow,
    refused: (refusal) => audit.record(refusalEntry(refusal)),
    count: (version, sentBytes, receivedBytes) => usage.addEgress(version, sentBytes, receivedBytes),
  });
  closers.add(() => egress.close());
  const rateLimits = await openRateLimits(config, report, closers);
  const services = createHostServices({
    config: config.capabilities,
    storage,
    egress,
    // Functions publish long after the triggers are there, which need them to run.
    events: { publish: (event) => triggers.events.publish(event) },
    limits: rateLimits,
    report,
    line,
  });
  closers.add(() => services.close());
  const tierSet = createTiers(config, walls, cacheDir, services.capabilities, line);
  const probed = await probeTiers([...tierSet.local, ...(tierSet.remote === null ? [] : [tierSet.remote])]);
  closers.add(() => Promise.all(probed.map(({ tier }) => tier.close())));
  const tiers = wholeLadder(probed);
  const builder =
    wall === null
      ? null
      : createBuilder({
          wall,
          cacheDir: join(cacheDir, 'builds'),
          maxBundleBytes: config.maxBundleBytes,
          fetchModule: moduleFetchOf(egress.fetch, nextId),
          ...(config.containers.installsDependencies
            ? { vendor: vendorOf(config, tiers, cacheDir, (version, request) => invocations.run(version, request)) }
            : {}),
        });
  closers.add(() => builder?.close());
  const supervisor = new Supervisor({
    tiers: probed.filter((status) => status.probe.works).map(({ tier }) => tier),
    wallLacks,
    whyNot: (name) => refusalOf(tiers, name),
    logs,
    poolSize: config.poolSize,
    readyTiers: [EXECUTION_TIER, ...(config.remote.urls.length > 0 ? (['remote'] as const) : [])],
    executorMemoryMb: config.executorMemoryMb,
    hostMemoryMb: config.hostMemoryMb,
    hostConcurrency: config.hostConcurrency,
    queueMs: config.queueMs,
    cpuMs: config.cpuMs,
    idleMs: config.idleMs,
    recycleAfter: config.recycleAfter,
    tenantConcurrency: (tenant) => tenants.concurrency(tenant) ?? config.tenantConcurrency,
    report: line,
    meter: usage,
    quarantined: (event) => audit.record(quarantineEntry(event)),
  });
  closers.add(() => supervisor.close(DRAIN_MS));
  const metrics = createMetrics({
    usage: { startedMs: usage.startedMs, all: () => (supervisor.flushUsage(), usage.all()) },
    state: () => supervisor.state(),
  });
  const invocations = createInvocations({
    invoker: supervisor,
    nextId,
    shown: (version, text) => redact(version, readStack(version, text)),
  });
  const origins = new Origins(config);
  const routes = new Routes();
  const triggers: Triggers = new Triggers({
    config: config.triggers,
    queue: storage.queue,
    outbox: storage.outbox,
    cron: storage.cron,
    versionOf(tenant, name) {
      const route = routes.find(tenant, name);
      return route?.active === true ? route.live : null;
    },
    functions: storage.functions,
    invocations,
    logs,
    isSuspended: (tenant) => tenants.isSuspended(tenant),
    report,
  });
  closers.add(() => triggers.close(DRAIN_MS));
  const releases = new Releases({
    functions: storage.functions,
    environments: variables,
    routes: allOf(routes, triggers.book, supervisor.standing),
    retire: (version) => supervisor.retire(version),
    report,
  });
  await releases.load();
  followChanges(storage.changes, { releases, variables, tenants, tokens, report });
  const isOperatorHost = (host: string): boolean => origins.isReserved(host);
  const functionChanges = new FunctionChanges({ functions: storage.functions, releases, audit, isOperatorHost });
  const deployer = new Deployer({
    limits: config,
    defaultTier: config.remote.defaultTier,
    placeAuto: () => placeAuto(tiers),
    runtimeVersion: (runtime, tier) => runtimeVersion(tiers, runtime, tier),
    wallLacks,
    defaultCordon: config.cordon,
    tiers,
    build: ({ tier, ...source }, tenant) =>
      requireBuilder(builder).build({ ...source, engine: engineOf(probed, tier) }, tenant),
    functions: storage.functions,
    deployments: storage.deployments,
    environments: variables,
    releases,
    probe: (version) => probe(invocations, version),
    maxFunctions: (tenant) => tenants.maxFunctions(tenant) ?? config.tenantFunctions,
    isSuspended: (tenant) => tenants.isSuspended(tenant),
    async forgetLogs({ tenant, name }) {
      variables.forget(tenant);
      // Before the table is cleared, so that no line that still waits is written after it.
      logs.forget({ tenant, name });
      await storage.logs.remove(tenant, name);
      await storage.queue.removeFunction(tenant, name);
    },
    isOperatorHost,
    audit,
    report,
  });
  const canaries = new Canaries({ routes, functions: storage.functions, releases, audit, logs, report });
  const executions = createExecutions({
    ...config,
    invoker: supervisor,
    tier: EXECUTION_TIER,
    nextId,
    build: (code, handler, tenant) =>
      requireBuilder(builder).build(
        { files: new Map([['function.ts', Buffer.from(code, 'utf8')]]), entry: 'function.ts', handler },
        tenant,
      ),
  });
  await supervisor.start();
  triggers.start();

  return {
    config,
    admin,
    storage,
    tenants,
    tokens,
    variables,
    audit,
    logs,
    output,
    origins,
    routes,
    releases,
    canaries,
    functionChanges,
    supervisor,
    deployer,
    executions,
    invocations,
    egress,
    services,
    triggers,
    rateLimits,
    tierSet,
    usage,
    ledger,
    metrics,
    wall,
    tiers,
    ids,
    report,
    close: () => closers.close(),
  };
}

/** A machine that is busy with others may have been too slow: once more tells that from a version that never loads. */
async function probe(invocations: Invocations, version: FunctionVersion): Promise<Fault | null> {
  const fault = await loadOnce(invocations, version);
  return fault?.code === 'TIMED_OUT' ? loadOnce(invocations, version) : fault;
}

/** Loads a version without calling its handler; its sandbox then serves the first requests. */
async function loadOnce(invocations: Invocations, version: FunctionVersion): Promise<Fault | null> {
  const { outcome } = invocations.run(version, {
    principal: SYSTEM,
    cause: 'health-check',
    method: 'GET',
    url: `http://localhost/fn/${version.name}`,
    headers: [],
    body: null,
    reply: 'load',
    fresh: false,
  });
  return (await outcome).fault;
}

function requireBuilder(builder: Builder | null): Builder {
  if (builder === null)
    throw new Fault('TIER_UNAVAILABLE', 'Nothing can be built here: no OS wall stands on this machine');
  return builder;
}
