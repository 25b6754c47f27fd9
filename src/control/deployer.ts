/**
 * The deployer: from the files that somebody handed in to a version that answers.
 *
 * Files are bounded, built behind a wall, kept, and only then made live; a request sees the old version or the new one.
 */

import { createHash } from 'node:crypto';
import type { Deployment, FunctionRecord, NewVersion, SourceFiles } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import {
  requireName,
  type Artifact,
  type CordonKind,
  type FunctionVersion,
  type HandlerKind,
} from '../core/function.ts';
import { DEFAULT_LIMITS, MAX_TIMEOUT_MS, requireWithin } from '../core/limits.ts';
import type { TierName, TierProbe } from '../core/tier.ts';

export interface DeployerOptions {
  readonly limits: DeployLimits;
  readonly defaultTier: TierName;
  readonly defaultCordon: CordonKind;
  /** What works on this machine, and why the rest does not. */
  readonly tiers: readonly { readonly name: TierName; readonly probe: TierProbe }[];
  /** Each tenant has its own turn. */
  build(
    source: { readonly files: SourceFiles; readonly entry: string; readonly handler: HandlerKind },
    tenant: string,
  ): Promise<Artifact>;
  readonly storage: {
    deployVersion(version: NewVersion, files: SourceFiles): Promise<FunctionVersion>;
    functionOf(tenant: string, name: string): Promise<FunctionRecord | null>;
    deleteFunction(tenant: string, name: string): Promise<boolean>;
  };
  readonly routes: {
    set(version: FunctionVersion): FunctionVersion | undefined;
    remove(tenant: string, name: string): FunctionVersion | undefined;
  };
  /** Frees what a version that is no longer live has in memory. */
  retire(version: FunctionVersion): void;
  /** Drops what is held of a deleted function's logs. */
  forgetLogs(target: { readonly tenant: string; readonly name: string }): void;
}

export interface DeployLimits {
  readonly maxCodeBytes: number;
  readonly maxBundleBytes: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  readonly functionTimeoutMs: number;
  readonly maxMemoryMb: number;
}

/** Invocations that one sandbox serves side by side, where its code was built for that. */
const CONCURRENCY = 64;
const LOG_BYTES = 256 * 1024;
const MIN_TIMEOUT_MS = 100;
const MIN_MEMORY_MB = 16;
const MAX_ENV_BYTES = 128 * 1024;

export class Deployer {
  readonly #options: DeployerOptions;
  /** Two deployments of one function are made live in the order in which they were kept. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(options: DeployerOptions) {
    this.#options = options;
  }

  /** Rejects with CODE_TOO_LARGE, COMPILE_FAILED, BAD_REQUEST or TIER_UNAVAILABLE; then nothing has changed. */
  async deploy(deployment: Deployment): Promise<FunctionRecord> {
    const { storage, routes, retire, build } = this.#options;
    const { files, entry, tenant, name } = deployment;
    requireSizes(files, this.#options.limits);
    if (!files.has(entry))
      throw new Fault('BAD_REQUEST', `entry: there is no file ${JSON.stringify(entry)} among the files`);
    const settings = this.#settingsOf(deployment);
    const artifact = await build({ files, entry, handler: settings.handler }, tenant);
    return this.#inTurn(`${tenant}/${name}`, async () => {
      const version = await storage.deployVersion(
        {
          ...settings,
          limits: { ...settings.limits, concurrency: artifact.interleaves ? CONCURRENCY : 1 },
          hash: hashOf(files, entry),
          artifact,
        },
        files,
      );
      const before = routes.set(version);
      if (before !== undefined) retire(before);
      const record = await storage.functionOf(tenant, name);
      if (record === null) throw new Fault('CONFLICT', `The function ${name} was deleted while it was deployed`);
      return record;
    });
  }

  /** False where there is none. */
  remove(tenant: string, name: string): Promise<boolean> {
    const { storage, routes, retire, forgetLogs } = this.#options;
    return this.#inTurn(`${tenant}/${name}`, async () => {
      const before = routes.remove(tenant, name);
      if (before !== undefined) retire(before);
      // Before the table is cleared, so that no line that still waits is written after it.
      forgetLogs({ tenant, name });
      return storage.deleteFunction(tenant, name);
    });
  }

  #settingsOf(deployment: Deployment): Omit<NewVersion, 'artifact' | 'hash'> {
    const { limits, defaultTier, defaultCordon } = this.#options;
    const tier = deployment.tier ?? defaultTier;
    this.#requireTier(tier);
    const env = deployment.env ?? {};
    if (Buffer.byteLength(JSON.stringify(env)) > MAX_ENV_BYTES)
      throw new Fault('BAD_REQUEST', `env: its names and values take more than ${MAX_ENV_BYTES / 1024} KB`);
    return {
      tenant: requireName('tenant', deployment.tenant),
      name: requireName('function', deployment.name),
      tier,
      cordon: deployment.cordon ?? defaultCordon,
      handler: deployment.handlerKind ?? 'module',
      handlerName: deployment.handlerName ?? 'handler',
      limits: {
        // A function's own value wins over the default, up to the largest that there is.
        timeoutMs: requireWithin(
          'timeoutMs',
          deployment.timeoutMs ?? limits.functionTimeoutMs,
          [MIN_TIMEOUT_MS, MAX_TIMEOUT_MS],
          'ms',
        ),
        memoryMb: requireWithin(
          'memoryMb',
          deployment.memoryMb ?? Math.min(DEFAULT_LIMITS.function.memoryMb, limits.maxMemoryMb),
          [MIN_MEMORY_MB, limits.maxMemoryMb],
          'MB',
        ),
        requestBytes: limits.maxBodyBytes,
        responseBytes: limits.maxResponseBytes,
        logBytes: LOG_BYTES,
        concurrency: 1,
      },
      env,
      requestBody: deployment.requestBody ?? 'buffer',
      passAuthorization: deployment.passAuthorization ?? false,
    };
  }

  /** Never a weaker wall than the one that was asked for: a refusal, with the reason. */
  #requireTier(tier: TierName): void {
    const probe = this.#options.tiers.find(({ name }) => name === tier)?.probe;
    if (probe === undefined)
      throw new Fault('TIER_UNAVAILABLE', `The tier ${tier} is not part of this version of Cordon`);
    if (!probe.works)
      throw new Fault(
        'TIER_UNAVAILABLE',
        `The tier ${tier} does not work on this machine: ${probe.reason}. ${probe.cure}`,
      );
  }

  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#queues.get(key) ?? Promise.resolve()).then(work, work);
    this.#queues.set(key, turn);
    const done = (): void => {
      if (this.#queues.get(key) === turn) this.#queues.delete(key);
    };
    turn.then(done, done);
    return turn;
  }
}

/** The function's own files count as its code; vendored packages count against the size of the result. */
function requireSizes(files: SourceFiles, limits: DeployLimits): void {
  let code = 0;
  let vendored = 0;
  for (const [path, bytes] of files) {
    if (/(?:^|\/)node_modules\//.test(path)) vendored += bytes.length;
    else code += bytes.length;
  }
  if (code > limits.maxCodeBytes)
    throw new Fault('CODE_TOO_LARGE', `Function code exceeds ${limits.maxCodeBytes / 1024} KB`);
  if (vendored > limits.maxBundleBytes)
    throw new Fault('CODE_TOO_LARGE', `The vendored packages exceed ${limits.maxBundleBytes / 1024} KB`);
}

function hashOf(files: SourceFiles, entry: string): string {
  const hash = createHash('sha256').update(entry);
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`\0${path}\0${bytes.length}\0`).update(bytes);
  return hash.digest('hex');
}
