import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Fault } from '../../../../../src/core/faults.ts';
import { findInterpreter } from '../../../../../src/tiers/container/embedded/interpreter.ts';
import { layOutFolder } from '../../../../../src/tiers/container/embedded/laid-out.ts';
import { pythonRoot } from '../../../../../src/tiers/container/embedded/python-root.ts';
import { commonFiles, librariesOf } from '../../../../../src/tiers/container/embedded/root.ts';
import { createLandlockWall } from '../../../../../src/walls/landlock.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-roots-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function script(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o755 });
  return path;
}

const refusal = (named: string): Promise<Fault> =>
  findInterpreter(named).then(
    () => assert.fail('it was to be refused'),
    (error: unknown) => (assert.ok(error instanceof Fault), error),
  );

describe('the interpreter', () => {
  test('is the binary behind a shim, with a standard library', async () => {
    const real = await findInterpreter();
    assert.ok(real.version[0] === 3 && real.version[1] >= 9);
    const shim = script('python-shim', `#!/bin/sh\nexec ${real.path} "$@"\n`);
    assert.deepEqual(await findInterpreter(shim), real);
    assert.ok(existsSync(join(real.modules, 'os.py')));
  });

  test('that is missing, too old or something else is refused with the cure', async () => {
    const old = script('old', `#!/bin/sh\necho '{"implementation":"cpython","version":[3,8,1],"modules":"/usr"}'\n`);
    const other = script('other', `#!/bin/sh\necho '{"implementation":"pypy","version":[3,11,1],"modules":"/usr"}'\n`);
    const broken = script('broken', '#!/bin/sh\necho no >&2\nexit 3\n');
    for (const [named, reason] of [
      [join(folder, 'nowhere'), /not installed/],
      [old, /cpython 3\.8\.1/],
      [other, /pypy/],
      [broken, /: no\./],
    ] as const) {
      const { code, message } = await refusal(named);
      assert.equal(code, 'TIER_UNAVAILABLE');
      assert.match(message, reason);
      assert.match(message, /3\.9 or newer, or name one by CORDON_PYTHON/);
    }
  });

  test('that says what is no JSON is refused too', async () => {
    assert.equal((await refusal(script('chatty', '#!/bin/sh\necho hello\n'))).code, 'TIER_UNAVAILABLE');
  });
});

describe('a folder that is laid out', () => {
  test('is named by its content, can be read by all and is made once', async () => {
    const contents = new Map<string, string | Buffer>([
      ['a/b.txt', 'b'],
      ['c', Buffer.from('c')],
    ]);
    const made = await layOutFolder('made', contents, folder);
    assert.equal(readFileSync(join(made, 'a/b.txt'), 'utf8'), 'b');
    assert.equal(statSync(join(made, 'a')).mode & 0o777, 0o755);
    assert.equal(statSync(join(made, 'c')).mode & 0o777, 0o444);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => layOutFolder('made', contents, folder))), [
      made,
      made,
      made,
    ]);
    assert.notEqual(await layOutFolder('made', new Map([['c', 'd']]), folder), made);
  });
});

describe('a root', () => {
  test('has a shell and certificates, and no name server', async () => {
    const files = await commonFiles(folder);
    const hostOf = (inside: string): string => files.find((file) => file.inside === inside)?.host ?? '';
    assert.ok(existsSync(join(hostOf('/bin'), 'sh')));
    assert.equal(readFileSync(join(hostOf('/etc'), 'resolv.conf'), 'utf8'), '');
    assert.ok(files.some(({ inside }) => /libc\.so/.test(inside)));
  });

  test('of Python shows nothing of where it lies on the host, and nothing that was installed for it', async () => {
    const interpreter = await findInterpreter();
    const { command } = await pythonRoot(interpreter, folder, await commonFiles(folder), folder);
    for (const { inside = '' } of command.files) assert.doesNotMatch(inside, /^\/(root|home|opt)/);
    const insides = command.files.map(({ inside }) => inside);
    assert.equal(new Set(insides).size, insides.length);
    const covered = command.files.filter(({ inside = '' }) => /(site|dist)-packages$/.test(inside));
    for (const { host } of covered) assert.match(host, /container-empty/);
    assert.equal(
      covered.length > 0,
      ['site-packages', 'dist-packages'].some((name) => existsSync(join(interpreter.modules, name))),
    );
  });

  test('shows system libraries where they are', async () => {
    for (const { host, inside } of await librariesOf(['/bin/sh'])) assert.equal(host, inside);
  });
});

test('a wall without namespaces hosts no container, and says why', async () => {
  const wall = await createLandlockWall({ nodePath: process.execPath, uids: null, cgroups: null });
  const command = {
    script: '/x',
    nodeFlags: [],
    args: [],
    files: [],
    scratchBytes: 0,
    env: {},
    profile: 'container',
  } as const;
  await assert.rejects(wall.start(command), { name: 'WallUnavailable', message: /namespaces of its own/ });
});
