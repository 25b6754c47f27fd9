/**
 * Config: options and environment become one frozen, validated object.
 *
 * This file is the only reader of the process environment, so that everything an operator can set is in the table
 * below; the README prints the same table. A bad value stops start-up with a sentence, because a setting that is
 * silently ignored is found out about in production.
 */

import { readFileSync } from 'node:fs';
import { isIP, type BlockList } from 'node:net';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { CordonKind } from './core/function.ts';
import { MB } from './core/limits.ts';
import { StartError } from './core/start-error.ts';
import {
  blockList,
  each,
  flag,
  hostHeader,
  isHostName,
  oneOf,
  read,
  serverUrl,
  uidRange,
  whole,
  within,
} from './setting.ts';
import type { Environment, Setting, UidRange } from './setting.ts';
import { WALL_NAMES } from './walls/wall.ts';
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
}

/** What a command of the CLI needs to reach a running server. */
export interface ClientConfig {
  readonly url: string;
  /** Null: look in the data directory. */
  readonly adminToken: string | null;
  readonly dataDir: string;
}

const ENV_SETTINGS = {
  port: whole(
    'PORT',
    '3003',
    0,
    65_535,
    'The port of functions and, without CORDON_ADMIN_PORT, of the operator API; 0 lets the system choose',
  ),
  host: {
    name: 'HOST',
    fallback: '127.0.0.1',
    meaning: 'The address to listen on',
    expected: 'an IP address or a host name',
    parse: (text) => (isIP(text) !== 0 || isHostName(text) ? text.toLowerCase() : undefined),
  },
  dataDir: {
    name: 'CORDON_DATA_DIR',
    fallback: '.cordon',
    meaning: 'Where functions, logs and the admin token are kept',
    expected: 'a folder',
    parse: (text) => resolve(text),
  },
  adminToken: {
    name: 'CORDON_ADMIN_TOKEN',
    fallback: null,
    fallbackMeaning: 'made at first start, kept in the data directory',
    meaning: 'The token of the operator API',
    expected: 'at least 16 printable ASCII characters without spaces',
    parse: (text) => (/^[\x21-\x7e]{16,512}$/.test(text) ? text : undefined),
  },
  adminPort: whole(
    'CORDON_ADMIN_PORT',
    null,
    0,
    65_535,
    'Gives the operator API a listener of its own',
    'the same as PORT',
  ),
  operatorHosts: {
    name: 'CORDON_OPERATOR_HOSTS',
    fallback: null,
    fallbackMeaning: '`localhost`, `127.0.0.1`, `[::1]` and HOST',
    meaning: 'The host names, separated by commas, on which the operator API answers',
    expected: 'host names or addresses without a port, separated by commas',
    parse: (text) => each(text, hostHeader),
  },
  domain: {
    name: 'CORDON_DOMAIN',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: '`<tenant>.<this domain>` names a tenant',
    expected: 'a domain name',
    parse: (text) => (isHostName(text) ? text.toLowerCase() : undefined),
  },
  trustedProxies: {
    name: 'CORDON_TRUSTED_PROXIES',
    fallback: '',
    fallbackMeaning: 'none',
    meaning: 'The proxies, separated by commas, whose X-Forwarded-* is believed',
    expected: 'addresses or CIDR blocks, separated by commas',
    parse: blockList,
  },
  executeOpen: flag('CORDON_EXECUTE_OPEN', '0', 'Whether POST /execute answers without a token, on any HOST'),
  maxCodeBytes: whole('MAX_FUNCTION_CODE_BYTES', '262144', 1, 16 * MB, 'The largest source of one function'),
  maxBundleBytes: whole(
    'MAX_FUNCTION_BUNDLE_BYTES',
    String(10 * MB),
    1,
    256 * MB,
    'The largest bundle that the builder may make of it',
  ),
  maxBodyBytes: whole('MAX_FUNCTION_BODY_BYTES', '1048576', 0, 1024 * MB, 'The largest request body'),
  maxResponseBytes: whole(
    'MAX_FUNCTION_RESPONSE_BYTES',
    String(10 * MB),
    1,
    1024 * MB,
    'The largest buffered response body',
  ),
  functionTimeoutMs: {
    name: 'FUNCTION_TIMEOUT_SECONDS',
    fallback: '30',
    meaning: 'How long one invocation may take, unless its function says otherwise; at most 300',
    expected: 'from 1 to 300 seconds (a function holds memory and its caller’s connection for as long as it runs)',
    parse: (text) =>
      /^\d+(\.\d{1,3})?$/.test(text) && within(Number(text), 1, 300) ? Math.round(Number(text) * 1000) : undefined,
  },
  maxMemoryMb: whole('CORDON_MAX_MEMORY_MB', '512', 8, 65_536, 'The largest memory that a function may ask for'),
  executorMemoryMb: whole(
    'CORDON_EXECUTOR_MEMORY_MB',
    '512',
    64,
    1_048_576,
    'Memory for the functions of one executor',
  ),
  hostMemoryMb: whole(
    'CORDON_HOST_MEMORY_MB',
    null,
    128,
    1_073_741_824,
    'Memory for all executors',
    'half of the cgroup limit or of RAM',
  ),
  poolSize: whole('CORDON_POOL_SIZE', '2', 0, 64, 'Executors that wait, booted and walled, for a function'),
  tenantConcurrency: whole('CORDON_TENANT_CONCURRENCY', '512', 1, 1_000_000, 'Invocations of one tenant at a time'),
  uidRange: {
    name: 'CORDON_UID_RANGE',
    fallback: '961000-961999',
    meaning: 'Unused user ids for executors, where Cordon is started as root',
    expected: 'first-last, from 1000 to 4294967293',
    parse: uidRange,
  },
  cordon: oneOf('CORDON_CORDON', 'tenant', ['function', 'tenant', 'shared'], 'Which functions may share an executor'),
  wall: oneOf('CORDON_WALL', null, WALL_NAMES, 'The OS wall', 'the best that works'),
  unsafeNoOsSandbox: flag('CORDON_UNSAFE_NO_OS_SANDBOX', '0', 'Runs functions even where no OS wall works'),
  accessLog: flag('CORDON_ACCESS_LOG', '1', 'Whether each HTTP request writes a line to stdout'),
  logRetentionDays: whole('CORDON_LOG_RETENTION_DAYS', '7', 1, 3650, 'How many days the lines of functions are kept'),
} as const satisfies Record<string, Setting<unknown>>;

const CLIENT_SETTINGS = {
  url: {
    name: 'CORDON_URL',
    fallback: null,
    fallbackMeaning: '`http://127.0.0.1:$PORT`',
    meaning: 'Where the commands of the CLI find the server',
    expected: 'an http or https URL without a path',
    parse: serverUrl,
  },
} as const satisfies Record<string, Setting<unknown>>;

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
  };
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
