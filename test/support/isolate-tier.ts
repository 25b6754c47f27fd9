/** The isolate tier behind one of the real walls, and a builder for its code. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBuilder } from '../../src/builder/builder.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import type { Artifact, HandlerKind } from '../../src/core/function.ts';
import type { Tier } from '../../src/core/tier.ts';
import { createIsolateTier } from '../../src/tiers/isolate/isolate-tier.ts';
import { selectWall } from '../../src/walls/select.ts';
import type { WallName } from '../../src/walls/wall.ts';

export interface TierUnderTest {
  readonly tier: Tier;
  build(code: string, handler?: HandlerKind, files?: Readonly<Record<string, Uint8Array>>): Promise<Artifact>;
  close(): Promise<void>;
}

export async function startIsolateTier(wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> {
  const { wall, probes } = await selectWall({
    unsafeNoOsSandbox: false,
    force: wallName,
    uidRange: { first: 962_000, count: 100 },
  });
  if (wall === null) throw new Error(`${wallName} does not work here: ${JSON.stringify(probes)}`);
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-tier-'));
  const tier = createIsolateTier({
    wall,
    wallProbes: probes,
    cacheDir,
    ...(capabilities === undefined ? {} : { capabilities }),
  });
  const builder = createBuilder({ wall, cacheDir: join(cacheDir, 'builds'), maxBundleBytes: 10_000_000 });
  return {
    tier,
    build: (code, handler = 'module', files = {}) =>
      builder.build({
        files: new Map([['index.ts', Buffer.from(code)], ...Object.entries(files)]),
        entry: 'index.ts',
        handler,
      }),
    async close() {
      await Promise.all([builder.close(), tier.close()]);
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}
