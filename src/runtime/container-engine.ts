/** Which engine makes containers here: the one that the operator names, else the embedded one where a wall can hold them. */

import { join } from 'node:path';
import type { ContainersConfig } from '../settings/containers.ts';
import { createDockerEngine } from '../tiers/container/docker/docker-engine.ts';
import { createEmbeddedEngine } from '../tiers/container/embedded/embedded-engine.ts';
import type { ContainerEngine, EngineName } from '../tiers/container/engine.ts';
import type { WallSelection } from '../walls/select.ts';
import { missingGuarantees } from '../walls/wall.ts';

export function createContainerEngine(
  containers: ContainersConfig,
  selection: WallSelection,
  cacheDir: string,
): ContainerEngine {
  const { engine, pythonPath } = containers;
  const name = engine === 'auto' ? engineFor(selection) : engine;
  const common = { cacheDir: join(cacheDir, 'containers'), ...(pythonPath === null ? {} : { pythonPath }) };
  if (name === 'embedded')
    return createEmbeddedEngine({ ...common, wall: selection.wall, wallProbes: selection.probes });
  const { dockerHost, runtimeDir, baseImages } = containers;
  return createDockerEngine({
    ...common,
    address: { host: dockerHost, runtimeDir },
    baseImages,
    uids: selection.uids,
  });
}

const engineFor = ({ wall }: WallSelection): EngineName =>
  wall !== null && missingGuarantees(wall, 'namespaces').length === 0 ? 'embedded' : 'docker';
