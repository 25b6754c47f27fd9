/** Version settings: what a deployment says, checked, with the operator's defaults where it says nothing. */

import type { ChosenReplicas, Deployment, SourceFiles } from '../core/deployment.ts';
import { DEFAULT_EGRESS, type EgressRule } from '../core/egress.ts';
import { Fault } from '../core/faults.ts';
import type { NewVersion } from '../core/function-record.ts';
import type { CordonKind, CorsRule, HandlerKind } from '../core/function.ts';
import { DEFAULT_CAPABILITIES } from '../core/grants.ts';
import {
  chooseLimits,
  DEFAULT_LIMITS,
  MAX_TIMEOUT_MS,
  requireWithin,
  type ChosenLimits,
  type Limits,
} from '../core/limits.ts';
import { hostPattern } from '../lib/host-names.ts';
import { placementOf, requirePlace, type PlacementRules } from './version-placement.ts';

export interface VersionRules extends PlacementRules {
  readonly limits: DeployLimits;
  readonly defaultCordon: CordonKind;
}

export interface DeployLimits {
  readonly maxCodeBytes: number;
  readonly maxBundleBytes: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  readonly functionTimeoutMs: number;
  readonly maxMemoryMb: number;
  /** The most that a function may choose of each. */
  readonly largest: ChosenLimits;
}

export type VersionContent = Omit<
  NewVersion,
  'tenant' | 'name' | 'artifact' | 'hash' | 'createdBy' | 'reviewed' | 'initial' | 'change'
>;

const LOG_BYTES = 256 * 1024;
const MIN_TIMEOUT_MS = 100;
const MIN_MEMORY_MB = 16;
const MAX_ENV_BYTES = 128 * 1024;
const MAX_ITEMS = 200;
const MAX_AGE_SECONDS = 86_400;
const REPLICA_NAMES = ['minReplicas', 'maxReplicas', 'cpuShares'] as const;
const REPLICA_RULES: Readonly<
  Record<(typeof REPLICA_NAMES)[number], { readonly bounds: readonly [number, number]; readonly unit: string }>
> = {
  minReplicas: { bounds: [0, 20], unit: 'sandboxes' },
  maxReplicas: { bounds: [1, 20], unit: 'sandboxes' },
  // As Docker and the kernel count them.
  cpuShares: { bounds: [2, 262_144], unit: 'shares' },
};

/** Throws BAD_REQUEST, TIER_UNAVAILABLE. */
export function contentOf(deployment: Deployment, rules: VersionRules): VersionContent {
  const { handlerKind = 'module', env = {}, grant = null, cors = null } = deployment;
  const { minimumWall = null } = deployment;
  const placed = placementOf(deployment, rules);
  requirePlace(placed, minimumWall, rules);
  requireEnvironment(env);
  grant?.forEach((name) => requireVariableName('grant', name));
  return {
    tier: placed.tier,
    runtime: placed.runtime,
    cordon: deployment.cordon ?? rules.defaultCordon,
    handler: handlerKind,
    handlerName: deployment.handlerName ?? 'handler',
    limits: limitsOf(deployment, handlerKind, rules.limits),
    env,
    grant: bounded('grant', grant),
    requestBody: deployment.requestBody ?? 'buffer',
    passAuthorization: deployment.passAuthorization ?? false,
    verifyJwt: deployment.verifyJwt ?? true,
    cors: cors === null ? null : corsOf(cors),
    egress: egressOf(deployment.egress ?? {}),
    capabilities: [...new Set(deployment.capabilities ?? DEFAULT_CAPABILITIES)],
    codeGeneration: deployment.codeGeneration ?? false,
    minimumWall,
  };
}

/**
 * The function's own files count as its code; vendored packages and modules that were fetched count against the size of
 * the result. Throws CODE_TOO_LARGE.
 */
export function requireSizes(files: SourceFiles, limits: DeployLimits): void {
  let code = 0;
  let vendored = 0;
  for (const [path, bytes] of files) {
    if (/(?:^|\/)node_modules\/|^\.cordon\/(?:modules|packages)\//.test(path)) vendored += bytes.length;
    else code += bytes.length;
  }
  if (code > limits.maxCodeBytes)
    throw new Fault('CODE_TOO_LARGE', `Function code exceeds ${limits.maxCodeBytes / 1024} KB`);
  if (vendored > limits.maxBundleBytes)
    throw new Fault('CODE_TOO_LARGE', `The vendored packages exceed ${limits.maxBundleBytes / 1024} KB`);
}

/** A function's own value wins over the default, up to the largest that there is. */
function limitsOf(deployment: Deployment, kind: HandlerKind, limits: DeployLimits): Limits {
  const defaults =
    kind === 'script'
      ? DEFAULT_LIMITS.script
      : { timeoutMs: limits.functionTimeoutMs, memoryMb: DEFAULT_LIMITS.function.memoryMb };
  const timeoutMs = deployment.timeoutMs ?? defaults.timeoutMs;
  const memoryMb = deployment.memoryMb ?? Math.min(defaults.memoryMb, limits.maxMemoryMb);
  return {
    timeoutMs: requireWithin('timeoutMs', timeoutMs, [MIN_TIMEOUT_MS, MAX_TIMEOUT_MS], 'ms'),
    memoryMb: requireWithin('memoryMb', memoryMb, [MIN_MEMORY_MB, limits.maxMemoryMb], 'MB'),
    requestBytes: limits.maxBodyBytes,
    responseBytes: limits.maxResponseBytes,
    logBytes: LOG_BYTES,
    concurrency: 1,
    ...chooseLimits(deployment.limits ?? {}, limits.largest),
    ...replicasOf(deployment.limits ?? {}),
  };
}

/** What is not said is not kept: the supervisor has defaults of its own. */
function replicasOf(wanted: ChosenReplicas): ChosenReplicas {
  for (const name of REPLICA_NAMES) {
    const { bounds, unit } = REPLICA_RULES[name];
    const value = wanted[name];
    if (value === undefined) continue;
    requireWithin(`limits.${name}`, value, bounds, unit);
    if (!Number.isInteger(value)) throw bad(`limits.${name}`, `expected a whole number of ${unit}, but it is ${value}`);
  }
  const { minReplicas, maxReplicas, cpuShares } = wanted;
  if (minReplicas !== undefined && maxReplicas !== undefined && minReplicas > maxReplicas)
    throw bad('limits.minReplicas', `it is ${minReplicas}, more than maxReplicas, which is ${maxReplicas}`);
  return {
    ...(minReplicas === undefined ? {} : { minReplicas }),
    ...(maxReplicas === undefined ? {} : { maxReplicas }),
    ...(cpuShares === undefined ? {} : { cpuShares }),
  };
}

function requireEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(env)) requireVariableName('env', name);
  if (Buffer.byteLength(JSON.stringify(env)) > MAX_ENV_BYTES)
    throw bad('env', `its names and values take more than ${MAX_ENV_BYTES / 1024} KB`);
}

function requireVariableName(field: string, name: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) && name !== '__proto__') return;
  throw bad(field, `${shown(name)} is not a name of letters, digits and _, not beginning with a digit`);
}

function egressOf({ allow = DEFAULT_EGRESS.allow, refusal = DEFAULT_EGRESS.refusal }: Partial<EgressRule>): EgressRule {
  const patterns = allow?.map((given) => {
    const pattern = hostPattern(given.trim());
    if (pattern === undefined)
      throw bad('egress.allow', `${shown(given)} is no host: expected one like api.example.com, *.cdn.io:8443 or *`);
    return pattern;
  });
  return { allow: bounded('egress.allow', patterns ?? null), refusal };
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;

function corsOf({ origins, methods, headers, credentials, maxAgeSeconds }: CorsRule): CorsRule {
  for (const origin of origins) {
    if (origin !== '*' && originOf(origin) !== origin)
      throw bad('cors.origins', `${shown(origin)} is no origin: expected one like https://app.example.com, or *`);
  }
  for (const method of methods) if (!TOKEN.test(method)) throw bad('cors.methods', `${shown(method)} is no method`);
  for (const name of headers) if (!TOKEN.test(name)) throw bad('cors.headers', `${shown(name)} is no name of a header`);
  return {
    origins: bounded('cors.origins', origins),
    methods: bounded('cors.methods', methods),
    headers: bounded('cors.headers', headers),
    credentials,
    maxAgeSeconds: Math.floor(requireWithin('cors.maxAgeSeconds', maxAgeSeconds, [0, MAX_AGE_SECONDS], 'seconds')),
  };
}

/** As a browser writes it; null where it is no origin of the web. */
function originOf(text: string): string | null {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) ? url.origin : null;
}

function bounded<T extends readonly string[] | null>(field: string, items: T): T {
  if (items !== null && items.length > MAX_ITEMS)
    throw bad(field, `at most ${MAX_ITEMS} are taken, but there are ${items.length}`);
  return items;
}

const bad = (field: string, message: string): Fault => new Fault('BAD_REQUEST', `${field}: ${message}`);
const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
