/**
 * Doctor: what this machine and this configuration offer, tried out where trying is the only way to know, and for each gap
 * the one command that would mend it.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { createCapabilities } from '../capabilities/registry.ts';
import { selectWall, type WallSelection } from '../walls/select.ts';
import { WALL_NAMES, type WallProbe } from '../walls/wall.ts';
import type { Finding } from './doctor/finding.ts';
import { examineMachine } from './doctor/machine.ts';
import { placementFindings } from './doctor/placement.ts';
import { examineSettings } from './doctor/settings.ts';
import { examineStorage } from './doctor/storage.ts';
import { createTiers } from './tier-set.ts';
import { EXECUTION_TIER, probeTiers, wholeLadder, type TierStatus } from './tiers.ts';

export type { Finding, Health } from './doctor/finding.ts';

export interface Examination {
  /** A server with this configuration would run functions here. */
  readonly canRun: boolean;
  readonly findings: readonly Finding[];
}

/** Starts walled processes and one function, and opens the database; leaves nothing behind. */
export async function examine(config: Config): Promise<Examination> {
  const walls = await tryWalls(config);
  const { tiers, unreachable } = await tryTiers(config, walls.chosen);
  const storage = await examineStorage(config);
  const works = tiers.some(({ name, probe }) => name === EXECUTION_TIER && probe.works);
  const isStorageFit = storage.every(({ health }) => health !== 'fatal');
  const canRun = works && isStorageFit;
  return {
    canRun,
    findings: [
      {
        group: 'functions',
        name: 'functions',
        health: canRun ? 'ok' : 'fatal',
        found: canRun ? 'they can run here' : `they can't run here: ${works ? 'see storage' : 'see tiers and walls'}`,
      },
      ...wallFindings(config, walls),
      ...tierFindings(tiers),
      ...placementFindings(config, tiers, unreachable),
      ...(await examineMachine(config, walls.chosen.wall)),
      ...storage,
      ...examineSettings(config),
    ],
  };
}

interface TriedWalls {
  /** The one that a server would take. */
  readonly chosen: WallSelection;
  /** Each that there is, whether it would be taken or not. */
  readonly tried: readonly WallProbe[];
}

async function tryWalls(config: Config): Promise<TriedWalls> {
  const { first, last } = config.uidRange;
  const options = { unsafeNoOsSandbox: config.unsafeNoOsSandbox, uidRange: { first, count: last - first + 1 } };
  const tried: WallProbe[] = [];
  for (const force of WALL_NAMES) {
    if (force === 'none') continue;
    const { probes } = await selectWall({ ...options, force });
    tried.push(...probes);
  }
  return { tried, chosen: await selectWall({ ...options, ...(config.wall === null ? {} : { force: config.wall }) }) };
}

function wallFindings({ unsafeNoOsSandbox }: Config, { chosen, tried }: TriedWalls): Finding[] {
  const { wall } = chosen;
  const cure = chosen.probes.find((probe) => !probe.works)?.cure;
  const better = wall === null || wall.name === 'none' ? 'fatal' : 'ok';
  return [
    {
      group: 'walls',
      name: 'OS wall',
      health: better,
      found:
        wall === null
          ? 'none stands, so functions are refused'
          : wall.name === 'none'
            ? 'none: every function may do what Cordon itself may'
            : `${wall.name}: ${wall.guarantees.join(', ')}`,
      ...(wall === null && cure !== undefined ? { cure } : {}),
    },
    ...(unsafeNoOsSandbox
      ? [
          {
            group: 'walls',
            name: '--unsafe-no-os-sandbox',
            health: 'fatal',
            found: 'is set: where no wall stands, functions run without one. Only for code that you trust',
            cure: 'cordon serve (without --unsafe-no-os-sandbox and CORDON_UNSAFE_NO_OS_SANDBOX)',
          } as const,
        ]
      : []),
    ...tried.map((probe): Finding => {
      const base = { group: 'walls', name: probe.name } as const;
      if (probe.works) return { ...base, health: 'ok', found: 'works: node was started behind it' };
      return { ...base, health: 'gap', found: probe.reason, cure: probe.cure };
    }),
  ];
}

interface TriedTiers {
  readonly tiers: readonly TierStatus[];
  /** Other hosts that don't answer: base URL and reason. */
  readonly unreachable: readonly (readonly [base: string, reason: string])[];
}

async function tryTiers(config: Config, walls: WallSelection): Promise<TriedTiers> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-doctor-'));
  const { local, remote } = createTiers(config, walls, cacheDir, createCapabilities({}), () => undefined);
  const all = remote === null ? local : [...local, remote];
  try {
    const tiers = wholeLadder(await probeTiers(all));
    return { tiers, unreachable: (await remote?.unreachable()) ?? [] };
  } finally {
    for (const tier of all) await tier.close();
    await rm(cacheDir, { recursive: true, force: true });
  }
}

function tierFindings(tiers: readonly TierStatus[]): Finding[] {
  return tiers.map(({ name, probe }): Finding => {
    const base = { group: 'tiers', name } as const;
    if (probe.works) return { ...base, health: 'ok', found: probe.detail };
    return { ...base, health: name === EXECUTION_TIER ? 'fatal' : 'gap', found: probe.reason, cure: probe.cure };
  });
}
