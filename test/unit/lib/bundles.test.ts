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
  const kindsOfFunctions = /const \$asyncFunction=.*?,\$asyncGeneratorFunction=.*?;/;
  assert.doesNotMatch(code.replace(kindsOfFunctions, ''), /\bawait\b|\basync\b/);
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

/** The value of a bare bundle of these files, which begins with entry.ts. */
async function evaluated(t: TestContext, files: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const dir = await folder(t, files);
  const file = await bundleGuest(join(dir, 'entry.ts'), join(dir, 'cache'), { name: 'guest', platform: 'bare' });
  return runInNewContext(await readFile(file, 'utf8'), { log: [] }) as Record<string, unknown>;
}

const LOG = 'declare const log: string[]; declare function require(path: string): never;';

test('what is required of an ES module is evaluated when it is asked for, and once', async (t) => {
  const main = await evaluated(t, {
    'entry.ts': `${LOG}\nexport default { log, lazy: () => (require('./lazy.ts') as { value: () => number }).value() };`,
    'lazy.ts': `import { base } from './base.ts';\nimport inner from './inner.ts';\n${LOG}\nlog.push('lazy');\nexport const value = (): number => base + inner;`,
    'inner.ts': 'export default 2;',
    'base.ts': 'export const base = 40;',
  });
  assert.equal(String(main['log']), '');
  const lazy = main['lazy'] as () => number;
  assert.deepEqual([lazy(), lazy()], [42, 42]);
  assert.equal(String(main['log']), 'lazy');
});

test('what two parts share is evaluated once, and what the core has is the core’s own', async (t) => {
  const main = await evaluated(t, {
    'entry.ts': `import { kept } from './core.ts';\n${LOG}\nexport default { log, kept, a: () => require('./a.ts'), b: () => require('./b.ts') };`,
    'core.ts': 'export const kept = {};',
    'a.ts': `import { kept } from './core.ts';\nimport { shared } from './shared.ts';\nexport { kept, shared };`,
    'b.ts': `import * as core from './core.ts';\nimport { shared } from './shared.ts';\nexport const kept = core.kept;\nexport { shared };`,
    'shared.ts': `${LOG}\nlog.push('shared');\nexport const shared = {};`,
  });
  const [a, b] = [main['a'], main['b']].map((load) => (load as () => Record<string, unknown>)());
  assert.equal(a!['kept'], main['kept']);
  assert.equal(b!['kept'], main['kept']);
  assert.equal(a!['shared'], b!['shared']);
  assert.equal(String(main['log']), 'shared');
});

test('a part that throws while it is evaluated is evaluated again', async (t) => {
  const main = await evaluated(t, {
    'entry.ts': `${LOG}\nexport default { log, lazy: () => require('./lazy.ts') };`,
    'lazy.ts': `${LOG}\nif (log.push('lazy') === 1) throw new Error('not yet');\nexport const value = 1;`,
  });
  const lazy = main['lazy'] as () => { value: number };
  assert.throws(lazy, /not yet/);
  assert.equal(lazy().value, 1);
});

test('parts that need each other, or what changes later, are refused', async (t) => {
  const entry = `${LOG}\nimport { now } from './core.ts';\nexport default [now, () => require('./a.ts'), () => require('./b.ts')];`;
  const core = 'export let now: number = 0;\nexport const set = (n: number): void => { now = n; };';
  await assert.rejects(
    evaluated(t, {
      'entry.ts': entry,
      'core.ts': core,
      'a.ts': `import './b.ts';\nexport const a = 1;`,
      'b.ts': `import './a.ts';\nexport const b = 1;`,
    }),
    /Parts that need each other: .*a\.ts, .*b\.ts, .*a\.ts/,
  );
  await assert.rejects(
    evaluated(t, {
      'entry.ts': entry,
      'core.ts': core,
      'a.ts': `import { now } from './core.ts';\nexport const a = now;`,
      'b.ts': 'export const b = 1;',
    }),
    /A part takes now of .*core\.ts, which changes later/,
  );
});
