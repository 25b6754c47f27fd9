/** What a Podman of the tests has and leaves behind, and base images for it. */

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { Runtime } from '../../src/core/runtime.ts';
import { record } from '../../src/tiers/container/docker/daemon.ts';
import { tarOf } from '../../src/tiers/container/docker/tar.ts';
import { childrenOf } from '../../src/walls/process-tree.ts';
import { ENGINE_UIDS } from './docker-tier.ts';
import type { TestPodman } from './podman.ts';

/** Images as an operator would name them, made of ours: there is no registry here. */
export async function makeBases(podman: TestPodman): Promise<Readonly<Record<Runtime, string>>> {
  const images = (await podman.daemon.call({ method: 'GET', path: '/images/json' })) as Record<string, unknown>[];
  const make = async (runtime: Runtime): Promise<string> => {
    const ours = images.find(({ Labels: labels }) => record(labels)['cordon.runtime'] === runtime);
    const tag = `localhost/operator/${runtime}:1`;
    const dockerfile = [
      `FROM ${String(ours?.['Id']).replace('sha256:', '')}`,
      'RUN ["/bin/sh", "-c", "echo -n by the operator > /made; mkdir -p /usr/local/bin; for p in /python/bin/python3.*; do test -e $p && ln -s $p /usr/local/bin/python3; done; true"]',
      'USER 12345',
      'ENTRYPOINT ["/bin/false"]',
      'ENV HTTPS_PROXY=http://operator:password@127.0.0.1:1',
      '',
    ].join('\n');
    const tar = Readable.from(tarOf([{ kind: 'text', path: 'Dockerfile', mode: 0o644, content: dockerfile }]), {
      objectMode: false,
    });
    const said: unknown[] = [];
    const query = { t: tag, layers: 'false', networkmode: 'none' };
    await podman.daemon.lines({ method: 'POST', path: '/build', query, tar, deadlineMs: 90_000 }, (line) =>
      said.push(line),
    );
    assert.ok(!JSON.stringify(said).includes('"error"'), JSON.stringify(said));
    return tag;
  };
  return { javascript: await make('javascript'), python: await make('python') };
}

/** Host pids of the agents that run in the engine, and processes of its uids that belong to none of them. */
export async function leftBehind(podman: TestPodman): Promise<readonly unknown[]> {
  const owned = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isOwned(pid));
  const listed = await podman.daemon.call({ method: 'GET', path: '/containers/json', query: { all: 'true' } });
  const inits = await Promise.all((listed as Record<string, unknown>[]).map(({ Id: id }) => pidOf(podman, String(id))));
  return owned.filter((pid) => !inits.includes(pid));
}

export async function idsOf(podman: TestPodman, agent: number | null): Promise<readonly string[]> {
  const listed = await podman.daemon.call({ method: 'GET', path: '/containers/json', query: { all: 'true' } });
  const ids = (listed as Record<string, unknown>[]).map(({ Id: id }) => String(id));
  const pids = await Promise.all(ids.map((id) => pidOf(podman, id)));
  return ids.filter((_, i) => childrenOf(pids[i] ?? 0).includes(agent ?? -1));
}

async function pidOf(podman: TestPodman, id: string): Promise<number> {
  return Number(
    record(record(await podman.daemon.call({ method: 'GET', path: `/containers/${id}/json` }))['State'])['Pid'],
  );
}

function isOwned(pid: number): boolean {
  try {
    const { uid } = statSync(`/proc/${pid}`);
    return uid >= ENGINE_UIDS.first && uid < ENGINE_UIDS.first + ENGINE_UIDS.count;
  } catch {
    return false;
  }
}
