/** The `isolate` tier: V8 isolates in an executor that is itself walled by the operating system. */

import { dirname } from 'node:path';
import { createRequire } from 'node:module';
import type { Capabilities } from '../../core/capability.ts';
import { DEFAULT_EGRESS } from '../../core/egress.ts';
import type { FunctionVersion } from '../../core/function.ts';
import type { Executor, Tier, TierProbe, TierTraits } from '../../core/tier.ts';
import { Fault } from '../../core/faults.ts';
import { SYSTEM } from '../../core/principal.ts';
import { NODE_FLAGS } from '../../lib/v8-flags.ts';
import type { Wall, WallProbe } from '../../walls/wall.ts';
import { startExecutor } from '../walled-executor.ts';
import { makeGuestFiles, type GuestFiles } from './guest-files.ts';

export interface IsolateTierOptions {
  /** Null where no wall stands on this machine; `wallProbes` says why. */
  readonly wall: Wall | null;
  readonly wallProbes: readonly WallProbe[];
  /** Where the guest's bundles and code cache are kept between starts. */
  readonly cacheDir: string;
  /** Serves what functions ask of the host (`fetch` …). Without it, every ask is refused. */
  readonly capabilities?: Capabilities;
}

const TRAITS: TierTraits = { languageWall: 'isolate', sharesExecutor: true, pooled: true, sandboxMemory: 'heap' };

export function createIsolateTier(options: IsolateTierOptions): Tier {
  let files: Promise<GuestFiles> | null = null;
  let probed: Promise<TierProbe> | null = null;

  async function spawn(): Promise<Executor> {
    const { wall } = options;
    if (wall === null) throw new Fault('TIER_UNAVAILABLE', noWall(options.wallProbes).reason);
    files ??= makeGuestFiles(options.cacheDir);
    const { executor, guest, cache } = await files;
    const command = {
      script: executor,
      nodeFlags: NODE_FLAGS,
      args: ['/cordon/guest.js', '/cordon/guest.cache'],
      files: [
        { host: guest, inside: '/cordon/guest.js' },
        { host: cache, inside: '/cordon/guest.cache' },
        ...addonFiles(),
      ],
      scratchBytes: 0,
      env: {},
      sealsItself: true,
    };
    return startExecutor(wall, command, options.capabilities ?? null);
  }

  return {
    name: 'isolate',
    traits: TRAITS,
    probe: () => (probed ??= options.wall === null ? Promise.resolve(noWall(options.wallProbes)) : tryTier(spawn)),
    spawn,
    close: () => Promise.resolve(),
  };
}

/** The native addon and the two small packages that find and load it. */
function addonFiles(): { readonly host: string; readonly inside: string }[] {
  const require = createRequire(import.meta.url);
  const addon = dirname(require.resolve('isolated-vm/package.json'));
  const loader = dirname(createRequire(`${addon}/`).resolve('node-gyp-build/package.json'));
  return [
    { host: addon, inside: '/cordon/node_modules/isolated-vm' },
    { host: loader, inside: '/cordon/node_modules/node-gyp-build' },
  ];
}

function noWall(probes: readonly WallProbe[]): { works: false; reason: string; cure: string } {
  const failed = probes.filter((probe) => !probe.works);
  return {
    works: false,
    reason: `No OS wall stands on this machine: ${failed.map(({ name, reason }) => `${name}: ${reason}`).join('; ')}`,
    cure: failed[0]?.cure ?? 'Install bubblewrap',
  };
}

/** Runs a function behind the wall, for real. */
async function tryTier(spawn: () => Promise<Executor>): Promise<TierProbe> {
  try {
    const executor = await spawn();
    try {
      const status = await callOnce(executor);
      return { works: true, detail: `a function answered ${status} behind the wall` };
    } finally {
      await executor.kill('the probe is over');
    }
  } catch (error) {
    return {
      works: false,
      reason: (error as Error).message,
      cure: 'Run `cordon serve` with CORDON_WALL=unshare, or see the reason above',
    };
  }
}

function callOnce(executor: Executor): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const unexpected = (fault: Fault): void => reject(fault);
  const sandbox = executor.open(PROBE, { onSettled: () => undefined, onNotBegun: () => undefined, onGone: unexpected });
  sandbox.invoke(
    {
      id: 'probe',
      cause: 'invoke',
      principal: SYSTEM,
      method: 'GET',
      url: 'http://localhost/',
      headers: [],
      clientAddress: '',
      body: null,
      reply: 'http',
      attempts: 0,
    },
    {
      attach: () => undefined,
      complete: (status) => resolve(status),
      head: (status) => resolve(status),
      data: () => true,
      end: () => undefined,
      fail: unexpected,
    },
  );
  return promise;
}

const PROBE: FunctionVersion = {
  key: 'cordon/probe@0',
  tenant: 'cordon',
  name: 'probe',
  number: 0,
  hash: '',
  tier: 'isolate',
  cordon: 'function',
  handler: 'module',
  handlerName: 'handler',
  limits: {
    timeoutMs: 5_000,
    memoryMb: 128,
    requestBytes: 0,
    responseBytes: 1_000_000,
    logBytes: 1_000,
    concurrency: 1,
  },
  env: {},
  secrets: [],
  boundSecrets: [],
  requestBody: 'buffer',
  passAuthorization: false,
  verifyJwt: false,
  cors: null,
  egress: DEFAULT_EGRESS,
  capabilities: [],
  codeGeneration: false,
  ephemeral: true,
  artifact: {
    format: 'source',
    code: Buffer.from('export default () => ({ statusCode: 200 })'),
    cache: null,
    interleaves: false,
  },
};
