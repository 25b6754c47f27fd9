/** The wasm tier behind one of the real walls, or none, and a builder for its code. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBuilder } from '../../src/builder/builder.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import { createWasmTier } from '../../src/tiers/wasm/wasm-tier.ts';
import { selectWall } from '../../src/walls/select.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { findWall } from './builder.ts';
import type { TierUnderTest } from './isolate-tier.ts';

/** `none` is the tier without an OS wall, as its own option allows it. */
export async function startWasmTier(wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> {
  const { wall, probes } = await selectWall({
    unsafeNoOsSandbox: false,
    force: wallName,
    uidRange: { first: 964_000, count: 100 },
  });
  if (wall === null && wallName !== 'none')
    throw new Error(`${wallName} does not work here: ${JSON.stringify(probes)}`);
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-wasm-'));
  const tier = createWasmTier({
    wall,
    wallProbes: probes,
    allowWithoutOsWall: wallName === 'none',
    cacheDir,
    ...(capabilities === undefined ? {} : { capabilities }),
  });
  const builderWall = wall ?? (await findWall());
  if (builderWall === null) throw new Error('No wall works here for the builder');
  const builder = createBuilder({ wall: builderWall, cacheDir: join(cacheDir, 'builds'), maxBundleBytes: 10_000_000 });
  return {
    tier,
    build: (code, handler = 'module') =>
      builder.build({ files: new Map([['index.ts', Buffer.from(code)]]), entry: 'index.ts', handler }),
    async close() {
      await Promise.all([builder.close(), tier.close()]);
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}
