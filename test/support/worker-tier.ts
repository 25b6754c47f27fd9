/** The worker tier behind one of the real walls, and a builder for its code. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBuilder } from '../../src/builder/builder.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import { createWorkerTier } from '../../src/tiers/worker/worker-tier.ts';
import { selectWall } from '../../src/walls/select.ts';
import type { WallName } from '../../src/walls/wall.ts';
import type { TierUnderTest } from './isolate-tier.ts';

export async function startWorkerTier(wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> {
  const { wall, probes } = await selectWall({
    unsafeNoOsSandbox: false,
    force: wallName,
    uidRange: { first: 963_500, count: 200 },
  });
  if (wall === null) throw new Error(`${wallName} does not work here: ${JSON.stringify(probes)}`);
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-worker-tier-'));
  const tier = createWorkerTier({
    wall,
    wallProbes: probes,
    cacheDir,
    ...(capabilities === undefined ? {} : { capabilities }),
  });
  const builder = createBuilder({ wall, cacheDir: join(cacheDir, 'builds'), maxBundleBytes: 10_000_000 });
  return {
    tier,
    build: (code, handler = 'module') =>
      builder.build({
        files: new Map([['index.ts', Buffer.from(code)]]),
        entry: 'index.ts',
        handler,
        engine: 'node',
      }),
    async close() {
      await Promise.all([builder.close(), tier.close()]);
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}
