/** Server: HTTP in front of the parts. */

import type { Server } from 'node:http';
import { createAuthenticator } from '../auth/authenticator.ts';
import { createJwtVerifier } from '../auth/jwt.ts';
import type { Config } from '../config.ts';
import { createControlApp, type RequestListener } from '../control/app.ts';
import { DEFAULT_RUNTIMES } from '../control/service-runtimes.ts';
import { MAX_TIMEOUT_MS } from '../core/limits.ts';
import { createGateway, createHttpServer, listen, stopListening, type OnRequest } from '../gateway/gateway.ts';
import { PUBLIC_RATE } from '../gateway/public-rates.ts';
import { readTls, watchTls } from '../gateway/tls.ts';
import { createOutput, type Output } from '../observe/output.ts';
import { redact } from '../observe/redaction.ts';
import { sumOf } from '../observe/usage.ts';
import { createWebhooks } from '../triggers/webhooks.ts';
import { isFresh } from './following.ts';
import { startParts, type Parts } from './parts.ts';
import type { TierStatus } from './tiers.ts';

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
  const parts = await startParts(config, createOutput(process.stdout));
  try {
    return await serve(parts);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function serve(parts: Parts): Promise<RunningServer> {
  const { config, admin, tokens } = parts;
  const tls = config.tls === null ? null : readTls(config.tls);
  const operators = createAuthenticator({ adminToken: admin.token, tokens });
  const callers = createAuthenticator({
    adminToken: admin.token,
    tokens,
    jwt: createJwtVerifier({ ...config.jwt, report: parts.report }),
  });
  const control = createControlApp(controlDeps(parts, operators, callers));
  const gateway = createGatewayOf(parts, operators, callers, tls, config.adminPort === null ? control : null);
  const address = await listen(gateway, config.port, config.host);
  const adminServer = config.adminPort === null ? null : createHttpServer(control, MAX_TIMEOUT_MS, tls);
  const adminAddress =
    adminServer === null ? address : await listen(adminServer, config.adminPort as number, config.host);
  const servers: Server[] = [gateway, adminServer].filter((server) => server !== null);
  const watch =
    config.tls === null
      ? null
      : watchTls({ files: config.tls, servers, report: (text) => parts.output.line(`[cordon] ${text}`) });
  const reloadTls = (): void => void watch?.reload();
  if (watch !== null) process.on('SIGHUP', reloadTls);
  const urlOf = (port: number): string => addressOf(tls === null ? 'http' : 'https', config.host, port);
  let closing: Promise<void> | null = null;

  return {
    url: urlOf(address.port),
    adminUrl: urlOf(adminAddress.port),
    tiers: parts.tiers,
    wall: parts.wall?.name ?? null,
    adminToken: admin.token,
    adminTokenPath: admin.path,
    firstStart: admin.created,
    close: () =>
      (closing ??= (async () => {
        process.off('SIGHUP', reloadTls);
        watch?.close();
        const stopped = Promise.all(servers.map(stopListening));
        await parts.close();
        for (const server of servers) server.closeAllConnections();
        await stopped;
      })()),
  };
}

type Authenticate = ReturnType<typeof createAuthenticator>;

function controlDeps(parts: Parts, authenticate: Authenticate, authenticateUser: Authenticate) {
  const { config, storage, releases, variables, tenants, tokens, logs, audit, routes, supervisor, services, triggers } =
    parts;
  return {
    ...parts,
    authenticate,
    authenticateUser,
    functions: storage.functions,
    deployments: storage.deployments,
    services: storage.services,
    idempotency: storage.idempotency,
    invocationResults: storage.results,
    tenants: storage.tenants,
    auditLog: audit,
    quarantine: { of: (tenant: string, name: string) => supervisor.quarantineOf(tenant, name) },
    usage: usageOf(parts),
    invokeRate: config.invokeRate,
    runtimes: DEFAULT_RUNTIMES,
    events: triggers.events,
    cron: triggers.cron,
    queue: storage.queue,
    items: services.items,
    collections: storage.items,
    mail: services.mail,
    limits: config,
    isSuspended: (tenant: string) => tenants.isSuspended(tenant),
    isOperatorHost: (host: string) => parts.origins.isReserved(host),
    changed: (tenant: string, name: string | null) =>
      name === null ? releases.refreshTenant(tenant) : releases.refresh(tenant, name),
    tenantHooks: {
      changed: () => tenants.load(),
      async closing(name: string) {
        const gone = routes.of(name);
        await releases.dropTenant(name);
        for (const route of gone) logs.forget(route);
      },
      async erased(name: string) {
        variables.forget(name);
        parts.usage.forget(name);
        parts.ledger.forget(name);
        parts.services.mail.forget(name);
        await Promise.all([tenants.load(), tokens.reload()]);
      },
    },
  };
}

function createGatewayOf(
  parts: Parts,
  operators: Authenticate,
  callers: Authenticate,
  tls: ReturnType<typeof readTls> | null,
  control: RequestListener | null,
): Server {
  const { config, output, logs, routes, releases, supervisor, ids, canaries, usage, origins, report } = parts;
  const onRequest = requestLog(output, config.accessLog);
  const { functionRate, clientRate } = config;
  return createGateway({
    publicRates: {
      limits: parts.rateLimits,
      perAddress: PUBLIC_RATE,
      addressOf: (request) => origins.clientAddress(request, origins.trusts(request)),
      report,
    },
    functions: {
      routes,
      origins,
      invoker: supervisor,
      logs,
      redact,
      report,
      nextId: () => ids.next(),
      onRequest,
      versionOf: (tenant, name, number) => releases.versionOf(tenant, name, number),
      isSuspended: (tenant) => parts.tenants.isSuspended(tenant),
      authenticate: callers,
      rates:
        functionRate === null && clientRate === null
          ? null
          : { limits: parts.rateLimits, perFunction: functionRate, perAddress: clientRate },
      onOutcome(version, fault, status) {
        canaries.observe(version, fault, status);
        // All others are the supervisor's, and counted there.
        if (fault?.code === 'BODY_TOO_LARGE') usage.addFault(version, fault.code);
      },
    },
    execute: {
      executions: parts.executions,
      origins,
      open: config.openExecute,
      maxBodyBytes: config.maxBodyBytes,
      authenticate: operators,
      onError: (line) => output.line(line),
      onRequest,
    },
    origins,
    ...(parts.tierSet.remote === null ? {} : { callbacks: parts.tierSet.remote.callbacks }),
    hooks: {
      report,
      webhooks: createWebhooks({
        events: parts.triggers.events,
        // A tenant that is made up costs nothing.
        secretOf: async (tenant, name) => (parts.tenants.has(tenant) ? parts.variables.read(tenant, name) : null),
      }),
    },
    control,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    tls,
    isReady: () => isFresh(parts.storage.changes),
  });
}

/** Up to now: what runs is told of once a second otherwise. */
function usageOf({ usage, ledger, supervisor }: Parts) {
  return {
    startedMs: usage.startedMs,
    async read(tenant: string) {
      supervisor.flushUsage();
      const { sinceMs, functions } = await ledger.read(tenant);
      return { sinceMs, total: sumOf(functions), functions };
    },
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

function addressOf(scheme: string, host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${name}:${port}`;
}
