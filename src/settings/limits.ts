/** How much of everything there may be: sizes, times, memory, rates. */

import { totalmem } from 'node:os';
import { DEFAULT_CHOSEN, MB } from '../core/limits.ts';
import type { ChosenLimits } from '../core/limits.ts';
import type { RateRule } from '../core/rate-limit.ts';
import { RATE_EXPECTED, rate } from './parsers.ts';
import { read, whole } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface LimitsConfig {
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
  /** Functions of a tenant that has no quota of its own. */
  readonly tenantFunctions: number;
  /** Invocations of all tenants at a time. */
  readonly hostConcurrency: number;
  /** How long a request waits for its turn. */
  readonly queueMs: number;
  /** CPU that a function may use without finishing a request. */
  readonly cpuMs: number;
  /** The most that a function may choose of each, and its default where that is no less. */
  readonly largest: ChosenLimits;
  /** After so long without a request nothing of a function is in memory. */
  readonly idleMs: number;
  /** Sandboxes that an executor has closed before it is replaced. */
  readonly recycleAfter: number;
  /** What a user may invoke through the operator API. */
  readonly invokeRate: RateRule;
  /** Null: no limit. */
  readonly functionRate: RateRule | null;
  /** Null: no limit. */
  readonly clientRate: RateRule | null;
}

export interface LimitsOptions {
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
  readonly tenantFunctions?: number;
  readonly hostConcurrency?: number;
  readonly queueMs?: number;
  readonly cpuMs?: number;
  readonly maxSubrequests?: number;
  readonly maxOpenStreams?: number;
  readonly maxEgressBytes?: number;
  readonly maxPendingTimers?: number;
  readonly idleMs?: number;
  readonly recycleAfter?: number;
  /** `60` a minute, or `10/1s`. */
  readonly invokeRate?: string;
  readonly functionRate?: string;
  readonly clientRate?: string;
}

/** Throws a {@link StartError}. */
export function readLimits(options: LimitsOptions, env: Environment): LimitsConfig {
  const timeoutMs = options.functionTimeoutMs;
  const executorMemoryMb = read(TABLE.executorMemoryMb, options.executorMemoryMb, env);
  const cpuMs = read(TABLE.cpuMs, options.cpuMs, env);
  return {
    maxCodeBytes: read(TABLE.maxCodeBytes, options.maxCodeBytes, env),
    maxBundleBytes: read(TABLE.maxBundleBytes, options.maxBundleBytes, env),
    maxBodyBytes: read(TABLE.maxBodyBytes, options.maxBodyBytes, env),
    maxResponseBytes: read(TABLE.maxResponseBytes, options.maxResponseBytes, env),
    functionTimeoutMs: read(TABLE.functionTimeoutMs, timeoutMs === undefined ? undefined : timeoutMs / 1000, env),
    maxMemoryMb: read(TABLE.maxMemoryMb, options.maxMemoryMb, env),
    executorMemoryMb,
    hostMemoryMb: read(TABLE.hostMemoryMb, options.hostMemoryMb, env) ?? halfOfMemoryMb(),
    poolSize: read(TABLE.poolSize, options.poolSize, env),
    tenantConcurrency: read(TABLE.tenantConcurrency, options.tenantConcurrency, env),
    tenantFunctions: read(TABLE.tenantFunctions, options.tenantFunctions, env),
    hostConcurrency: read(TABLE.hostConcurrency, options.hostConcurrency, env),
    queueMs: read(TABLE.queueMs, options.queueMs, env),
    cpuMs,
    largest: {
      cpuMs,
      processMemoryMb: executorMemoryMb,
      subrequests: read(TABLE.maxSubrequests, options.maxSubrequests, env),
      openStreams: read(TABLE.maxOpenStreams, options.maxOpenStreams, env),
      egressBytes: read(TABLE.maxEgressBytes, options.maxEgressBytes, env),
      pendingTimers: read(TABLE.maxPendingTimers, options.maxPendingTimers, env),
    },
    idleMs: read(TABLE.idleMs, options.idleMs, env),
    recycleAfter: read(TABLE.recycleAfter, options.recycleAfter, env),
    invokeRate: read(TABLE.invokeRate, options.invokeRate, env),
    functionRate: read(TABLE.functionRate, options.functionRate, env),
    clientRate: read(TABLE.clientRate, options.clientRate, env),
  };
}

const TABLE = {
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
      /^\d+(\.\d{1,3})?$/.test(text) && Number(text) >= 1 && Number(text) <= 300
        ? Math.round(Number(text) * 1000)
        : undefined,
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
  tenantFunctions: whole('CORDON_TENANT_FUNCTIONS', '10000', 1, 10_000_000, 'Functions that one tenant may have'),
  hostConcurrency: whole('CORDON_HOST_CONCURRENCY', '2048', 1, 1_000_000, 'Invocations of all tenants at a time'),
  queueMs: whole('CORDON_QUEUE_MS', '1000', 0, 60_000, 'How long a request waits for its turn before it is refused'),
  cpuMs: whole(
    'CORDON_FUNCTION_CPU_MS',
    '30000',
    10,
    3_600_000,
    'CPU time that one invocation may use, and the default',
  ),
  maxSubrequests: whole(
    'CORDON_MAX_SUBREQUESTS',
    String(DEFAULT_CHOSEN.subrequests),
    0,
    1_000_000,
    'Calls of fetch and ctx.* in one invocation',
  ),
  maxOpenStreams: whole(
    'CORDON_MAX_OPEN_STREAMS',
    String(DEFAULT_CHOSEN.openStreams),
    1,
    1_000,
    'Such calls of one invocation that are open at a time',
  ),
  maxEgressBytes: whole(
    'CORDON_MAX_EGRESS_BYTES',
    String(DEFAULT_CHOSEN.egressBytes),
    0,
    1024 * 1024 * MB,
    'Bytes that one invocation may send and receive by them',
  ),
  maxPendingTimers: whole(
    'CORDON_MAX_PENDING_TIMERS',
    String(DEFAULT_CHOSEN.pendingTimers),
    1,
    100_000,
    'Timers of one sandbox that may be waiting',
  ),
  idleMs: whole(
    'CORDON_IDLE_MS',
    '600000',
    100,
    86_400_000,
    'After so long without a request a function leaves memory',
  ),
  recycleAfter: whole(
    'CORDON_RECYCLE_AFTER',
    '5000',
    1,
    1_000_000_000,
    'Sandboxes closed before an executor is replaced',
  ),
  invokeRate: {
    name: 'CORDON_INVOKE_RATE',
    fallback: '60',
    meaning: 'Invocations through the operator API, for each user: `60` a minute, or `10/1s`, `1000/1h`',
    expected: RATE_EXPECTED,
    parse: rate,
  },
  functionRate: {
    name: 'CORDON_FUNCTION_RATE',
    fallback: null,
    fallbackMeaning: 'no limit',
    meaning: 'Requests for each function',
    expected: RATE_EXPECTED,
    parse: rate,
  },
  clientRate: {
    name: 'CORDON_CLIENT_RATE',
    fallback: null,
    fallbackMeaning: 'no limit',
    meaning: 'Requests for each client address',
    expected: RATE_EXPECTED,
    parse: rate,
  },
} as const satisfies SettingTable;

export const LIMITS_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

/** A container's limit where there is one: half of the machine's memory would be more than there is. */
function halfOfMemoryMb(): number {
  const limitBytes = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.max(128, Math.floor(Math.min(limitBytes, totalmem()) / 2 / MB));
}
