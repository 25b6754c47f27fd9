/** The container tier with the engine `docker`: a Podman of the tests' own, shared by all that a test process starts. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Capabilities } from '../../src/core/capability.ts';
import { createContainerTier } from '../../src/tiers/container/container-tier.ts';
import { createDockerEngine, type DockerEngineOptions } from '../../src/tiers/container/docker/docker-engine.ts';
import type { ContainerEngine } from '../../src/tiers/container/engine.ts';
import { UidAllocator } from '../../src/walls/uids.ts';
import { inGroups } from './container-tier.ts';
import { startPodman, type TestPodman } from './podman.ts';
import { startWalledTier, type TierUnderTest } from './walled-tier.ts';

/** Of a range that no other tier under test has. */
export const ENGINE_UIDS = { first: 969_000, count: 400 };

let users = 0;
let running: Promise<TestPodman> | null = null;

/** Podman stops when whoever called last has called what this resolves to. */
export async function sharePodman(): Promise<{ readonly podman: TestPodman; leave(): Promise<void> }> {
  users++;
  running ??= startPodman();
  const podman = await running;
  return {
    podman,
    async leave() {
      if (--users > 0) return;
      running = null;
      await podman.stop();
    },
  };
}

export function engineOn(
  { socketPath }: Pick<TestPodman, 'socketPath'>,
  cacheDir: string,
  options: Partial<DockerEngineOptions> = {},
): ContainerEngine {
  return createDockerEngine({
    address: { host: `unix://${socketPath}`, runtimeDir: null },
    cacheDir,
    uids: new UidAllocator(ENGINE_UIDS),
    ...options,
  });
}

/** On a machine that is busy with other tests. */
export const BUILD_DEADLINE_MS = 300_000;

/** So that no test has to wait for them. */
export async function buildImages(podman: TestPodman): Promise<void> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'cordon-images-'));
  const engine = engineOn(podman, cacheDir);
  await engine.runtimes();
  await engine.close();
  rmSync(cacheDir, { recursive: true, force: true });
}

/** The tier as it is: a container for each executor. */
export async function startPlainDockerTier(capabilities?: Capabilities): Promise<TierUnderTest> {
  const { podman, leave } = await sharePodman();
  const subject = await startWalledTier({
    wallName: 'bwrap',
    uids: { first: 968_000, count: 400 },
    capabilities,
    create: ({ cacheDir, capabilities: given }) =>
      createContainerTier({ engine: engineOn(podman, cacheDir), ...(given !== undefined && { capabilities: given }) }),
  });
  return {
    ...subject,
    async close() {
      await subject.close();
      await leave();
    },
  };
}

/** For the suites that open many functions in what they take for one executor. */
export const startDockerTier = async (capabilities?: Capabilities): Promise<TierUnderTest> =>
  inGroups(await startPlainDockerTier(capabilities));
