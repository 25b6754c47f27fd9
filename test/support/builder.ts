/** A real builder behind a real wall, and sources for it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildSource } from '../../src/builder/build-source.ts';
import { createBuilder, type Builder, type BuilderOptions } from '../../src/builder/builder.ts';
import { selectWall } from '../../src/walls/select.ts';
import type { Wall, WallName } from '../../src/walls/wall.ts';

/** The best wall that works here, or the one asked for; null where it does not work. */
export async function findWall(force?: WallName): Promise<Wall | null> {
  const forced = force === undefined ? {} : { force };
  const { wall } = await selectWall({ unsafeNoOsSandbox: true, uidRange: { first: 961_500, count: 500 }, ...forced });
  return wall;
}

/** Closed, and its folder removed, when the test or suite ends. */
export async function startBuilder(
  t: { after(clean: () => Promise<void>): void },
  options: Partial<BuilderOptions> & { readonly wall: Wall },
): Promise<Builder> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  const builder = createBuilder({ cacheDir: dir, maxBundleBytes: 10_000_000, ...options });
  t.after(async () => {
    await builder.close();
    await rm(dir, { recursive: true });
  });
  return builder;
}

/** The first file is the entry. */
export function sourceOf(
  files: string | Readonly<Record<string, string>>,
  handler: 'module' | 'script' = 'module',
): BuildSource {
  const named = typeof files === 'string' ? { 'index.ts': files } : files;
  return {
    files: new Map(Object.entries(named).map(([path, text]) => [path, Buffer.from(text)])),
    entry: Object.keys(named)[0]!,
    handler,
  };
}
