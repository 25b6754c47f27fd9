import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { field } from '../../../../src/walls/cgroup/files.ts';
import { findPlaces } from '../../../../src/walls/cgroup/places.ts';
import { openCgroups } from '../../../../src/walls/cgroup/select.ts';
import { openV2 } from '../../../../src/walls/cgroup/v2.ts';

const MOUNTINFO = `35 24 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 24 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
37 24 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
38 24 0:33 / /proc rw - proc proc rw
`;

test('the host’s own cgroups are found in each hierarchy', () => {
  const places = findPlaces('4:memory:/a/b\n3:cpu,cpuacct:/\n0::/user.slice\n', MOUNTINFO);
  assert.deepEqual(
    places.map(({ version, folder }) => [version, folder]),
    [
      [1, '/sys/fs/cgroup/memory/a/b'],
      [1, '/sys/fs/cgroup/cpu,cpuacct'],
      [2, '/sys/fs/cgroup/unified/user.slice'],
    ],
  );
});

test('a container that is shown a part of a hierarchy finds itself in it', () => {
  const mounted = '35 24 0:30 /docker/1f /sys/fs/cgroup rw - cgroup2 cgroup rw\n';
  assert.deepEqual(
    findPlaces('0::/docker/1f/inner\n', mounted).map(({ folder }) => folder),
    ['/sys/fs/cgroup/inner'],
  );
  assert.deepEqual(
    findPlaces('0::/elsewhere\n', mounted).map(({ folder }) => folder),
    ['/sys/fs/cgroup/'],
  );
});

test('a field is found by its whole name', () => {
  const text = 'active_file 3\ntotal_active_file 5\n';
  assert.equal(field(text, 'active_file'), 3);
  assert.equal(field(text, 'total_active_file'), 5);
  assert.equal(field(text, 'file'), null);
  assert.equal(field(null, 'file'), null);
});

test('version 2 writes limits and reads usage where controllers are delegated', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-cgroup-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const home = join(folder, 'cordon-test');
  mkdirSync(home);
  for (const each of [folder, home]) {
    writeFileSync(join(each, 'cgroup.controllers'), 'cpu memory pids\n');
    writeFileSync(join(each, 'cgroup.subtree_control'), 'cpu memory pids\n');
  }
  const cgroups = openV2([{ version: 2, controllers: [], folder }], 'cordon-test');
  assert.deepEqual(cgroups?.limits, ['cpu', 'memory', 'tasks']);
  const cgroup = cgroups.create({ memoryBytes: 1 << 20, cpuCores: 0.5, cpuShares: 2_048, maxTasks: 9 });
  assert.equal(readFileSync(join(home, 'cpu.weight'), 'utf8'), '50', 'what is walled weighs as much as the host');
  const [entrance = ''] = cgroup.entrances;
  const written = (name: string): string => readFileSync(join(dirname(entrance), name), 'utf8');
  assert.deepEqual(
    ['memory.max', 'cpu.max', 'cpu.weight', 'pids.max', 'memory.swap.max', 'memory.oom.group'].map(written),
    ['1048576', '50000 100000', '200', '9', '0', '1'],
  );
  for (const [shares, weight] of [
    [2, '1'],
    [262_144, '10000'],
  ] as const) {
    assert.ok(cgroup.limit({ cpuShares: shares }));
    assert.equal(written('cpu.weight'), weight);
  }
  assert.equal(cgroup.usage(), null);
  writeFileSync(join(dirname(entrance), 'memory.current'), '5000\n');
  writeFileSync(join(dirname(entrance), 'memory.stat'), 'anon 1\nactive_file 1000\ninactive_file 500\n');
  writeFileSync(join(dirname(entrance), 'memory.events'), 'oom 1\noom_kill 2\n');
  writeFileSync(join(dirname(entrance), 'cpu.stat'), 'usage_usec 7500\nuser_usec 1\n');
  assert.deepEqual(cgroup.usage(), { memoryBytes: 3500, cpuMs: 7.5, oomKills: 2 });
});

test('no controllers, no cgroups', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-cgroup-'));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.equal(openV2([{ version: 2, controllers: [], folder }], 'cordon-test'), null);
  assert.equal(openV2([], 'cordon-test'), null);
});

const real = openCgroups();

test(
  'a real cgroup is entered, counts, ends all that is in it, and is removed',
  { skip: real === null && 'no cgroup here' },
  async () => {
    assert.ok(real !== null);
    const cgroup = real.create({ maxTasks: 50, memoryBytes: 256 << 20 });
    const enter = cgroup.entrances.map((file) => `echo 0 > '${file}'`).join('; ');
    const child = spawn(
      'sh',
      ['-c', `${enter}; sleep 600 & i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; wait`],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    const usage = cgroup.usage();
    assert.ok((usage?.memoryBytes ?? 0) > 0 && (usage?.cpuMs ?? 0) > 0, JSON.stringify(usage));
    cgroup.kill();
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    await cgroup.remove();
    for (const file of cgroup.entrances) assert.ok(!existsSync(dirname(file)), file);
  },
);

test(
  'who weighs more gets more of a processor that both want, as the kernel counts it',
  { skip: (real === null || !real.limits.includes('cpu')) && 'no cgroup that divides the CPU here' },
  async () => {
    assert.ok(real !== null);
    const [heavy, light] = [real.create({ cpuShares: 4_096 }), real.create({ cpuShares: 256 })];
    const children = [heavy, light].map(({ entrances }) => {
      const enter = entrances.map((file) => `echo 0 > '${file}'`).join('; ');
      return spawn('sh', ['-c', `${enter}; taskset -p -c 0 $$ > /dev/null; while :; do :; done`], { stdio: 'inherit' });
    });
    const cpuMs = (): readonly number[] => [heavy, light].map((cgroup) => cgroup.usage()?.cpuMs ?? 0);
    try {
      // Until both have begun, whoever is alone has it all.
      while (cpuMs().some((ms) => ms < 40)) await delay(20);
      const begun = cpuMs();
      const used = (): readonly number[] => cpuMs().map((ms, at) => ms - (begun[at] ?? 0));
      while (used().reduce((sum, ms) => sum + ms) < 1_000) await delay(50);
      const [most = 0, least = 0] = used();
      assert.ok(most > 4 * least, `${most} ms against ${least} ms`);
    } finally {
      for (const cgroup of [heavy, light]) cgroup.kill();
      await Promise.all(children.filter(({ signalCode }) => signalCode === null).map((child) => once(child, 'exit')));
      await Promise.all([heavy.remove(), light.remove()]);
    }
  },
);
