import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { bundleGuest } from '../../../src/lib/bundles.ts';

async function folder(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return dir;
}

test('a bare bundle is a script whose value is the default export, lowered, and nothing global', async (t) => {
  const dir = await folder(t, {
    'entry.ts': `import { n } from './n.ts';\nexport default async (): Promise<number> => await n;`,
    'n.ts': 'export const n = 5;',
  });
  const file = await bundleGuest(join(dir, 'entry.ts'), join(dir, 'cache'), { name: 'guest', platform: 'bare' });
  const code = await readFile(file, 'utf8');
  const global = {};
  const main = runInNewContext(code, global) as () => Promise<number>;
  assert.equal(await main(), 5);
  assert.deepEqual(Object.getOwnPropertyNames(global), []);
  assert.doesNotMatch(code, /\bawait\b|\basync\b/);
});

test('a bundle for Node is one module that runs by itself', async (t) => {
  const dir = await folder(t, {
    'entry.ts': `import { sep } from 'node:path';\nimport { n } from './n.ts';\nconsole.log(await n, sep);`,
    'n.ts': 'export const n: Promise<number> = Promise.resolve(5);',
  });
  const file = await bundleGuest(pathToFileURL(join(dir, 'entry.ts')), join(dir, 'cache'), {
    name: 'main',
    platform: 'node',
  });
  await Promise.all([rm(join(dir, 'entry.ts')), rm(join(dir, 'n.ts'))]);
  assert.equal((await promisify(execFile)(process.execPath, [file])).stdout, '5 /\n');
});

test('starts at the same time share one file, which is not written again', async (t) => {
  const dir = await folder(t, { 'entry.ts': 'export default 1' });
  const cacheDir = join(dir, 'cache');
  const bundle = (): Promise<string> =>
    bundleGuest(join(dir, 'entry.ts'), cacheDir, { name: 'guest', platform: 'bare' });
  const files = await Promise.all([bundle(), bundle(), bundle()]);
  assert.equal(new Set(files).size, 1);
  assert.equal((await readdir(cacheDir)).length, 1);
  const { mtimeMs } = await stat(files[0]);
  await bundle();
  assert.equal((await stat(files[0])).mtimeMs, mtimeMs);
  await writeFile(join(dir, 'entry.ts'), 'export default 2');
  assert.notEqual(await bundle(), files[0]);
});

test('an alias takes the place of a package', async (t) => {
  const dir = await folder(t, {
    'entry.ts': `import { n } from 'elsewhere';\nexport default n;`,
    'shim.ts': 'export const n = 9;',
  });
  const alias = { elsewhere: join(dir, 'shim.ts') };
  const file = await bundleGuest(join(dir, 'entry.ts'), join(dir, 'cache'), { name: 'guest', platform: 'bare', alias });
  assert.equal(runInNewContext(await readFile(file, 'utf8')), 9);
});
