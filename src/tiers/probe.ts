/** Probe: whether a tier works on this machine, found out by running a function in it. */

import { DEFAULT_EGRESS } from '../core/egress.ts';
import type { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import { DEFAULT_CHOSEN } from '../core/limits.ts';
import { SYSTEM } from '../core/principal.ts';
import type { Executor, TierName, TierProbe } from '../core/tier.ts';
import type { WallProbe } from '../walls/wall.ts';

export function noWall(probes: readonly WallProbe[]): TierProbe & { readonly works: false } {
  const failed = probes.filter((probe) => !probe.works);
  return {
    works: false,
    reason: `No OS wall stands on this machine: ${failed.map(({ name, reason }) => `${name}: ${reason}`).join('; ')}`,
    cure: failed[0]?.cure ?? 'Install bubblewrap',
  };
}

/** Runs a function behind the wall, for real. */
export async function tryTier(tier: TierName, spawn: () => Promise<Executor>): Promise<TierProbe> {
  try {
    const executor = await spawn();
    try {
      const status = await callOnce(tier, executor);
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

function callOnce(tier: TierName, executor: Executor): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const unexpected = (fault: Fault): void => reject(fault);
  const events = { onSettled: () => undefined, onNotBegun: () => undefined, onGone: unexpected };
  const sandbox = executor.open({ ...PROBE, tier }, events);
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

const PROBE: Omit<FunctionVersion, 'tier'> = {
  key: 'cordon/probe@0',
  tenant: 'cordon',
  name: 'probe',
  number: 0,
  hash: '',
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
    ...DEFAULT_CHOSEN,
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
  minimumWall: null,
  ephemeral: true,
  artifact: {
    format: 'source',
    code: Buffer.from('export default () => ({ statusCode: 200 })'),
    cache: null,
    interleaves: false,
  },
};
