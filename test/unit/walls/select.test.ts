import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { selectWall } from '../../../src/walls/select.ts';
import { requireTool } from '../../../src/walls/tools.ts';
import { WALL_LEVELS } from '../../../src/core/wall-level.ts';
import { LEVEL_GUARANTEES, missingGuarantees } from '../../../src/walls/wall.ts';
import { UID_RANGE, wallNamed } from './guest.ts';

const AS_ROOT = process.getuid?.() === 0;
const SELECT = new URL('../../../src/walls/select.ts', import.meta.url).href;

test('each level asks for all that the next one does', () => {
  const [strongest, middle, none] = WALL_LEVELS.map((level) => LEVEL_GUARANTEES[level]);
  assert.ok(middle?.every((guarantee) => strongest?.includes(guarantee)));
  assert.deepEqual(none, []);
});

test('a wall that guarantees less than was asked for is refused with what it lacks', async (t) => {
  const wall = await wallNamed('landlock');
  if (typeof wall === 'string') return t.skip(wall);
  assert.deepEqual(missingGuarantees(wall, 'landlock'), []);
  const options = {
    unsafeNoOsSandbox: false,
    uidRange: UID_RANGE,
    force: 'landlock',
    minimumWall: 'namespaces',
  } as const;
  const { wall: none, probes } = await selectWall(options);
  assert.equal(none, null);
  const probe = probes[0];
  assert.ok(probe?.works === false);
  assert.match(probe.reason, /does not guarantee pid, mount, ipc, uts, cgroup, session/);
});

test(
  'without bubblewrap and unshare the wall is landlock’s',
  { skip: !AS_ROOT && 'only root can hide them' },
  async (t) => {
    const wall = await wallNamed('landlock');
    if (typeof wall === 'string') return t.skip(wall);
    const script = `import { selectWall } from ${JSON.stringify(SELECT)};
    const { wall, probes } = await selectWall({ unsafeNoOsSandbox: false, uidRange: ${JSON.stringify(UID_RANGE)} });
    console.log(JSON.stringify([wall?.name, probes.map(({ name, works }) => [name, works])]));`;
    const hide =
      'for tool in bwrap unshare; do for dir in /usr/bin /bin; do [ -e $dir/$tool ] && mount --bind /dev/null $dir/$tool; done; done; exec "$@"';
    const args = ['--mount', 'sh', '-c', hide, 'sh', process.execPath, '--input-type=module', '-e', script];
    const child = spawn(requireTool('unshare'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.deepEqual(JSON.parse(await text(child.stdout)), [
      'landlock',
      [
        ['bwrap', false],
        ['unshare', false],
        ['landlock', true],
      ],
    ]);
  },
);
