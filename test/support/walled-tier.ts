/** A tier of this machine behind one of the real walls, and a builder for its code. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBuilder } from '../../src/builder/builder.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import type { Artifact, HandlerKind } from '../../src/core/function.ts';
import type { Tier } from '../../src/core/tier.ts';
import { selectWall, type WallSelection } from '../../src/walls/select.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { findWall } from './builder.ts';

export interface TierUnderTest {
  readonly tier: Tier;
  build(code: string, handler?: HandlerKind, files?: Readonly<Record<string, Uint8Array>>): Promise<Artifact>;
  close(): Promise<void>;
}

interface TierOptions extends Pick<WallSelection, 'wall'> {
  readonly wallProbes: WallSelection['probes'];
  readonly cacheDir: string;
  readonly capabilities?: Capabilities;
}

interface WalledTierOptions {
  readonly wallName: WallName;
  /** Of a range that no other tier under test has. */
  readonly uids: { readonly first: number; readonly count: number };
  readonly capabilities: Capabilities | undefined;
  create(options: TierOptions): Tier;
}

/** With the wall `none` there is none, which a tier has to allow by itself. */
export async function startWalledTier(options: WalledTierOptions): Promise<TierUnderTest> {
  const { wallName, uids, capabilities } = options;
  const { wall, probes } = await selectWall({ unsafeNoOsSandbox: false, force: wallName, uidRange: uids });
  const builderWall = wall ?? (wallName === 'none' ? await findWall() : null);
  if (builderWall === null) throw new Error(`${wallName} does not work here: ${JSON.stringify(probes)}`);
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-tier-'));
  const given = capabilities === undefined ? {} : { capabilities };
  const tier = options.create({ wall, wallProbes: probes, cacheDir, ...given });
  const builder = createBuilder({ wall: builderWall, cacheDir: join(cacheDir, 'builds'), maxBundleBytes: 10_000_000 });
  return {
    tier,
    build: (code, handler = 'module', files = {}) =>
      builder.build({
        files: new Map([['index.ts', Buffer.from(code)], ...Object.entries(files)]),
        entry: 'index.ts',
        handler,
        engine: tier.traits.engine ?? 'web',
      }),
    async close() {
      await Promise.all([builder.close(), tier.close()]);
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}
