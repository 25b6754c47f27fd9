/** Probe: whether a tier works on this machine, found out by running a function in it. */

import type { Fault } from '../core/faults.ts';
import type { Artifact, FunctionVersion } from '../core/function.ts';
import { ownVersion } from '../core/own-version.ts';
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

/** The function that a probe runs: it answers 200. */
export type ProbeFunction = Pick<FunctionVersion, 'artifact'> & Partial<FunctionVersion>;

/** Runs a function behind the wall, for real. */
export async function tryTier(
  tier: TierName,
  spawn: () => Promise<Executor>,
  probed: ProbeFunction = { artifact: CODE },
): Promise<TierProbe> {
  try {
    const executor = await spawn();
    try {
      const status = await callOnce(tier, executor, probed);
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

function callOnce(tier: TierName, executor: Executor, probed: ProbeFunction): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const unexpected = (fault: Fault): void => reject(fault);
  const events = { onSettled: () => undefined, onNotBegun: () => undefined, onGone: unexpected };
  const sandbox = executor.open(ownVersion({ tenant: 'cordon', name: 'probe', tier, ...probed }), events);
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

const CODE: Artifact = {
  format: 'source',
  code: Buffer.from('export default () => ({ statusCode: 200 })'),
  cache: null,
  interleaves: false,
};
