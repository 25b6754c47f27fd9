/**
 * The `remote` tier: a place and not a wall. Its executors are on other hosts, each behind walls of its own; what functions
 * ask of the host (`ctx.fetch` …) is asked of this one.
 */

import type { Capabilities } from '../../core/capability.ts';
import type { Executor, Tier, TierName, TierProbe, TierTraits } from '../../core/tier.ts';
import { remoteKeys } from '../../wire/remote/keys.ts';
import { reasonOf } from './address.ts';
import { Callbacks } from './callbacks.ts';
import { dial } from './dial.ts';
import { remoteFarSide } from './far-side.ts';
import { Fleet, type Remote } from './fleet.ts';
import { RemoteExecutor } from './remote-executor.ts';

export interface RemoteTierOptions {
  /** Base URLs, without a `/` at the end. None: there is no remote. */
  readonly bases: readonly string[];
  /** SANDBOX_RPC_TOKEN. */
  readonly sharedKey: string;
  /** The wall that executors must have; null: the one that each of them is for. */
  readonly tier: TierName | null;
  /** The origin of this host as executors call it back; null: they can't. */
  readonly selfUrl: string | null;
  /** Serves what functions ask of the host (`fetch` …). Without it, every ask is refused. */
  readonly capabilities?: Capabilities;
  /** What happened to a remote, for the operator. */
  report(line: string): void;
}

export interface RemoteTier extends Tier {
  /** Who calls back, by their tokens. */
  readonly callbacks: Callbacks;
  /** Tries each executor, for real; those that can't be used now. */
  unreachable(): Promise<readonly Unreachable[]>;
}

type Unreachable = readonly [base: string, reason: string];

const TRAITS: TierTraits = {
  isLocal: false,
  languageWall: 'none',
  sharesExecutor: true,
  pooled: true,
  sandboxMemory: 'heap',
};

/** Those that run what is built for a whole Node. */
const NODE_TIERS: ReadonlySet<TierName | null> = new Set(['worker', 'container', 'microvm'] as const);

export function createRemoteTier(options: RemoteTierOptions): RemoteTier {
  const keys = remoteKeys(options.sharedKey);
  const farSide = remoteFarSide(options.tier);
  const capabilities = options.capabilities ?? null;
  const fleet: Fleet = new Fleet({ bases: options.bases, report: options.report, connect });
  const executors = (): RemoteExecutor[] => fleet.remotes.flatMap((remote) => [...remote.executors]);
  let probed: Promise<TierProbe> | null = null;

  async function connect(remote: Remote, instance: string): Promise<RemoteExecutor> {
    const { base } = remote;
    const dialled = await dial({ base, keys, instance, tier: options.tier });
    const { tier } = dialled.answer;
    if (NODE_TIERS.has(tier) && options.tier === null) {
      dialled.socket.destroy();
      throw new Error(`it runs ${tier}: set CORDON_REMOTE_TIER=${tier} here, so that functions are built for it`);
    }
    const executor: RemoteExecutor = new RemoteExecutor(dialled, {
      base,
      farSide,
      capabilities,
      onGone(lost) {
        remote.executors.delete(executor);
        if (lost) fleet.fail(remote, 'it closed a connection');
      },
    });
    remote.executors.add(executor);
    await executor.ready();
    return executor;
  }

  /** Opens a stream on each: the key, the clock, the network and the wall are right. */
  async function tryAll(): Promise<readonly Unreachable[]> {
    await fleet.checkAll();
    const found = fleet.remotes.map(async (remote): Promise<Unreachable | null> => {
      try {
        if (remote.instance === null) return [remote.base, remote.reason];
        const executor = await connect(remote, remote.instance);
        await executor.kill('the probe is over');
        return null;
      } catch (error) {
        return [remote.base, reasonOf(error)];
      }
    });
    return (await Promise.all(found)).filter((one) => one !== null);
  }

  return {
    name: 'remote',
    traits: NODE_TIERS.has(options.tier) ? { ...TRAITS, engine: 'node' } : TRAITS,
    callbacks: new Callbacks({
      keys,
      audience: options.selfUrl,
      live: (invocation) => firstOf(executors(), (executor) => executor.live(invocation)),
    }),
    probe: () => (probed ??= tryRemotes(options.bases, tryAll)),
    unreachable: tryAll,
    spawn: (): Promise<Executor> => fleet.open(),
    async close() {
      fleet.close();
      for (const executor of executors()) await executor.kill('Cordon is shutting down');
    },
  };
}

/**
 * Other hosts come and go: where some are configured the tier is there, and each call finds out which of them answers. What is
 * tried, for real, is said.
 */
async function tryRemotes(
  bases: readonly string[],
  unreachable: () => Promise<readonly Unreachable[]>,
): Promise<TierProbe> {
  if (bases.length === 0)
    return {
      works: false,
      reason: 'no other host is configured',
      cure: 'Start `cordon executor` there, and set FUNCTIONS_EXEC_URL, SANDBOX_RPC_TOKEN and SELF_URL here',
    };
  const missing = await unreachable();
  const away = missing.map(([base, reason]) => `${base} does not answer now (${reason})`);
  const there = bases.filter((base) => !missing.some(([of]) => of === base));
  return { works: true, detail: [...there.map((base) => `${base} answers`), ...away].join(', ') };
}

function firstOf<T, U>(items: readonly T[], find: (item: T) => U | undefined): U | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
