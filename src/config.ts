/**
 * Config: options and environment become one frozen, validated object.
 *
 * This file is the only reader of the process environment, so that everything an operator can set is in the table
 * of settings.ts; the README prints the same table. A bad value stops start-up with a sentence, because a setting that is
 * silently ignored is found out about in production.
 */

import { readFileSync } from 'node:fs';
import { isIP, type BlockList } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { CordonKind } from './core/function.ts';
import { MB } from './core/limits.ts';
import type { RateRule } from './core/rate-limit.ts';
import { StartError } from './core/start-error.ts';
import { hostHeader, read } from './setting.ts';
import type { Environment, Setting, UidRange } from './setting.ts';
import { CLIENT_SETTINGS, ENV_SETTINGS } from './settings.ts';
import type { WallName } from './walls/wall.ts';

export interface Config {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly dataDir: string;
  /** Null: the token file of the data directory. */
  readonly adminToken: string | null;
  /** Null: the operator API answers on `port`, on the operator hosts. */
  readonly adminPort: number | null;
  /** As a Host header writes them: lower case, IPv6 in brackets, no port. */
  readonly operatorHosts: readonly string[];
  /** `<tenant>.<domain>` names a tenant. */
  readonly domain: string | null;
  /** The peers whose X-Forwarded-* is believed. */
  readonly trustedProxies: BlockList;
  /** Whether `POST /execute` answers without a token. */
  readonly openExecute: boolean;
  readonly maxCodeBytes: number;
  readonly maxBundleBytes: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  readonly functionTimeoutMs: number;
  readonly maxMemoryMb: number;
  readonly executorMemoryMb: number;
  readonly hostMemoryMb: number;
  readonly poolSize: number;
  readonly tenantConcurrency: number;
  readonly uidRange: UidRange;
  readonly cordon: CordonKind;
  /** Null: the best that works. */
  readonly wall: WallName | null;
  readonly unsafeNoOsSandbox: boolean;
  readonly accessLog: boolean;
  readonly logRetentionDays: number;
  /** Null: SQLite in the data directory. */
  readonly databaseUrl: string | null;
  /** The key that seals secrets, 32 bytes; null: the file. */
  readonly masterKey: Buffer | null;
  /** Null: made at first start, beside the data directory. */
  readonly masterKeyFile: string | null;
  /** Variables of Cordon's own environment that functions are given. */
  readonly functionEnv: Readonly<Record<string, string>>;
  readonly jwt: JwtConfig;
  /** What a user may invoke through the operator API. */
  readonly invokeRate: RateRule;
  /** Null: no limit. */
  readonly functionRate: RateRule | null;
  readonly clientRate: RateRule | null;
  readonly egress: EgressConfig;
  /** PEM files; null: plain HTTP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
}

export interface JwtConfig {
  /** For HS256; null: such tokens are refused. */
  readonly secret: string | null;
  /** For RS256, ES256, EdDSA; null: such tokens are refused. */
  readonly jwksUrl: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
}

export interface EgressConfig {
  /** Null: unset, so that the default depends on the entry (CONTRACTS.md). */
  readonly allow: readonly string[] | null;
  /** `host:port` that may be reached although its address is private. */
  readonly allowPrivate: readonly string[];
  /** An HTTP proxy; null: none, whatever the environment says. */
  readonly proxy: string | null;
  /** Addresses; empty: the system's resolver. */
  readonly dnsServers: readonly string[];
}

/** What the library and the command line may set; each wins over its variable of the environment. */
export interface CordonOptions {
  readonly port?: number;
  readonly host?: string;
  readonly dataDir?: string;
  readonly adminToken?: string;
  readonly adminPort?: number;
  readonly operatorHosts?: readonly string[];
  readonly domain?: string;
  /** Addresses or CIDR blocks. */
  readonly trustedProxies?: readonly string[];
  /** Effective only while `host` is a loopback address; CORDON_EXECUTE_OPEN=1 is effective anywhere. */
  readonly openExecute?: boolean;
  readonly maxCodeBytes?: number;
  readonly maxBundleBytes?: number;
  readonly maxBodyBytes?: number;
  readonly maxResponseBytes?: number;
  readonly functionTimeoutMs?: number;
  readonly maxMemoryMb?: number;
  readonly executorMemoryMb?: number;
  readonly hostMemoryMb?: number;
  readonly poolSize?: number;
  readonly tenantConcurrency?: number;
  /** `first-last`. */
  readonly uidRange?: string;
  readonly cordon?: CordonKind;
  readonly wall?: WallName;
  readonly unsafeNoOsSandbox?: boolean;
  readonly accessLog?: boolean;
  readonly logRetentionDays?: number;
  readonly databaseUrl?: string;
  readonly masterKeyFile?: string;
  /** Names of variables of the environment. */
  readonly functionEnv?: readonly string[];
  readonly jwt?: Partial<JwtConfig>;
  /** `60` a minute, or `10/1s`. */
  readonly invokeRate?: string;
  readonly functionRate?: string;
  readonly clientRate?: string;
  readonly egress?: Partial<EgressConfig>;
}

/** What a command of the CLI needs to reach a running server. */
export interface ClientConfig {
  readonly url: string;
  /** Null: look in the data directory. */
  readonly adminToken: string | null;
  readonly dataDir: string;
}

/** Every variable of the environment that Cordon reads, for the README. */
export const SETTINGS: readonly { readonly name: string; readonly default: string; readonly meaning: string }[] =
  Object.freeze(
    Object.values<Setting<unknown>>({ ...ENV_SETTINGS, ...CLIENT_SETTINGS }).map((setting) =>
      Object.freeze({
        name: setting.name,
        default: setting.fallbackMeaning ?? `\`${setting.fallback}\``,
        meaning: setting.meaning,
      }),
    ),
  );

/** Options win over the environment. Throws a {@link StartError}. */
export function loadConfig(options: CordonOptions, env: NodeJS.ProcessEnv = process.env): Config {
  const { executeOpen, ...values } = parseAll(options, env);
  const config: Config = {
    ...values,
    operatorHosts: Object.freeze(values.operatorHosts ?? defaultOperatorHosts(values.host)),
    uidRange: Object.freeze(values.uidRange),
    openExecute: executeOpen || (options.openExecute === true && isLoopback(values.host)),
    hostMemoryMb: values.hostMemoryMb ?? halfOfMemoryMb(),
  };
  requireConsistent(config);
  return Object.freeze(config);
}

/** The process environment over the `.env` of a directory. Throws a {@link StartError} when that can't be read. */
export function environmentWithDotenv(directory: string): NodeJS.ProcessEnv {
  return { ...readDotenv(directory), ...process.env };
}

/**
 * For the commands that talk to a server; `directory` is where they were started. CORDON_URL counts in the real
 * environment only: a `.env` that came with somebody's repository must not be able to send the token elsewhere.
 */
export function loadClientConfig(directory: string, env: NodeJS.ProcessEnv = process.env): ClientConfig {
  const withDotenv = { ...readDotenv(directory), ...env };
  const url = read(CLIENT_SETTINGS.url, undefined, env);
  const port = read(ENV_SETTINGS.port, undefined, withDotenv);
  return Object.freeze({
    url: url ?? `http://127.0.0.1:${port}`,
    adminToken: read(ENV_SETTINGS.adminToken, undefined, withDotenv),
    dataDir: read(ENV_SETTINGS.dataDir, undefined, withDotenv),
  });
}

/** Whether only this machine can reach a listener on that address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function parseAll(options: CordonOptions, env: Environment) {
  const s = ENV_SETTINGS;
  return {
    port: read(s.port, options.port, env),
    host: read(s.host, options.host, env),
    dataDir: read(s.dataDir, options.dataDir, env),
    adminToken: read(s.adminToken, options.adminToken, env),
    adminPort: read(s.adminPort, options.adminPort, env),
    operatorHosts: read(s.operatorHosts, options.operatorHosts?.join(','), env),
    domain: read(s.domain, options.domain, env),
    trustedProxies: read(s.trustedProxies, options.trustedProxies?.join(','), env),
    executeOpen: read(s.executeOpen, undefined, env),
    maxCodeBytes: read(s.maxCodeBytes, options.maxCodeBytes, env),
    maxBundleBytes: read(s.maxBundleBytes, options.maxBundleBytes, env),
    maxBodyBytes: read(s.maxBodyBytes, options.maxBodyBytes, env),
    maxResponseBytes: read(s.maxResponseBytes, options.maxResponseBytes, env),
    functionTimeoutMs: read(s.functionTimeoutMs, options.functionTimeoutMs && options.functionTimeoutMs / 1000, env),
    maxMemoryMb: read(s.maxMemoryMb, options.maxMemoryMb, env),
    executorMemoryMb: read(s.executorMemoryMb, options.executorMemoryMb, env),
    hostMemoryMb: read(s.hostMemoryMb, options.hostMemoryMb, env),
    poolSize: read(s.poolSize, options.poolSize, env),
    tenantConcurrency: read(s.tenantConcurrency, options.tenantConcurrency, env),
    uidRange: read(s.uidRange, options.uidRange, env),
    cordon: read(s.cordon, options.cordon, env),
    wall: read(s.wall, options.wall, env),
    unsafeNoOsSandbox: read(s.unsafeNoOsSandbox, options.unsafeNoOsSandbox, env),
    accessLog: read(s.accessLog, options.accessLog, env),
    logRetentionDays: read(s.logRetentionDays, options.logRetentionDays, env),
    databaseUrl: read(s.databaseUrl, options.databaseUrl, env),
    masterKey: read(s.masterKey, undefined, env),
    masterKeyFile: read(s.masterKeyFile, options.masterKeyFile, env),
    functionEnv: granted(read(s.functionEnv, options.functionEnv?.join(','), env), env),
    jwt: {
      secret: read(s.jwtSecret, options.jwt?.secret ?? undefined, env) ?? read(s.supabaseJwtSecret, undefined, env),
      jwksUrl: read(s.jwksUrl, options.jwt?.jwksUrl ?? undefined, env),
      issuer: read(s.jwtIssuer, options.jwt?.issuer ?? undefined, env),
      audience: read(s.jwtAudience, options.jwt?.audience ?? undefined, env),
    },
    invokeRate: read(s.invokeRate, options.invokeRate, env),
    functionRate: read(s.functionRate, options.functionRate, env),
    clientRate: read(s.clientRate, options.clientRate, env),
    egress: {
      allow: read(s.fetchAllow, options.egress?.allow?.join(','), env),
      allowPrivate: read(s.egressAllowPrivate, options.egress?.allowPrivate?.join(','), env),
      proxy: read(s.egressProxy, options.egress?.proxy ?? undefined, env),
      dnsServers: read(s.dnsServers, options.egress?.dnsServers?.join(','), env),
    },
    tls: tlsOf(read(s.tlsCert, undefined, env), read(s.tlsKey, undefined, env)),
  };
}

/** The values of the names that the operator lets functions have. */
function granted(names: readonly string[], env: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function tlsOf(certFile: string | null, keyFile: string | null): Config['tls'] {
  if (certFile === null && keyFile === null) return null;
  if (certFile !== null && keyFile !== null) return { certFile, keyFile };
  throw new StartError('CORDON_TLS_CERT and CORDON_TLS_KEY belong together: set both or neither');
}

function requireConsistent(config: Config): void {
  if (config.wall === 'none' && !config.unsafeNoOsSandbox) {
    throw new StartError(
      'CORDON_WALL is "none", but it must be bwrap or unshare, unless --unsafe-no-os-sandbox says that no OS wall is wanted',
    );
  }
  if (config.adminPort !== null && config.adminPort === config.port && config.port !== 0) {
    throw new StartError(`CORDON_ADMIN_PORT is ${config.adminPort}, but it must differ from PORT`);
  }
}

function readDotenv(directory: string): Environment {
  const path = join(directory, '.env');
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new StartError(`${path} can't be read: ${message}`);
  }
}

function defaultOperatorHosts(host: string): string[] {
  const own = hostHeader(host);
  const isWildcard = own === undefined || own === '0.0.0.0' || own === '[::]';
  return [...new Set(['localhost', '127.0.0.1', '[::1]', ...(isWildcard ? [] : [own])])];
}

/** A container's limit where there is one: half of the machine's memory would be more than there is. */
function halfOfMemoryMb(): number {
  const limitBytes = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.max(128, Math.floor(Math.min(limitBytes, totalmem()) / 2 / MB));
}
