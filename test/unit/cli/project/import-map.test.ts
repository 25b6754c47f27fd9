import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { mapped, readImportMap } from '../../../../src/cli/project/import-map.ts';
import { readSources } from '../../../../src/cli/project/sources.ts';
import { projectFolder } from '../project-folder.ts';

test('a name, the longest prefix, an npm package: what each stands for', () => {
  const map = {
    path: '/p/deno.json',
    imports: { '@/': './src/', '@/deep/': './deep/', lib: './lib.ts', z: 'npm:zod@4', s: 'npm:@a/b@1/sub', n: 'nano' },
  };
  assert.equal(mapped(map, '@/x.ts'), '/p/src/x.ts');
  assert.equal(mapped(map, '@/deep/x.ts'), '/p/deep/x.ts');
  assert.equal(mapped(map, 'lib'), '/p/lib.ts');
  assert.equal(mapped(map, 'lib/x'), null);
  assert.equal(mapped(map, 'z'), 'zod');
  assert.equal(mapped(map, 's'), '@a/b/sub');
  assert.equal(mapped(map, 'n'), 'nano');
  assert.equal(mapped(map, 'toString'), null);
});

test('a deno.jsonc with comments and trailing commas is read, one that points elsewhere is followed', (t) => {
  const root = projectFolder(t, {
    'deno.jsonc': '{\n  // why\n  "imports": { "a": "./a.ts", /* no */ "u": "https://x//y", },\n}',
    'deno.json': '{ "importMap": "./maps/import_map.json" }',
    'maps/import_map.json': '{ "imports": { "b": "../b.ts" } }',
    'scoped.json': '{ "imports": {}, "scopes": {} }',
    'wrong.json': '{ "imports": { "a": 1 } }',
  });
  assert.deepEqual(readImportMap(join(root, 'deno.jsonc')).imports, { a: './a.ts', u: 'https://x//y' });
  assert.equal(mapped(readImportMap(join(root, 'deno.json')), 'b'), join(root, 'b.ts'));
  assert.throws(() => readImportMap(join(root, 'scoped.json')), /"scopes" of import maps are not supported/);
  assert.throws(() => readImportMap(join(root, 'wrong.json')), /"imports" must be an object of strings/);
});

test('a bundler that knows no map finds what the map means among the uploaded files', async (t) => {
  const root = projectFolder(t, {
    'deno.json': JSON.stringify({
      imports: {
        '@/': './src/',
        '@shared/cors': './_shared/cors.ts',
        'lib/util.ts': './_shared/util.ts',
        z: 'npm:zed@1',
      },
    }),
    'hello/index.ts': `import a from '@/a.ts'; import { b } from '@shared/cors'; import { c } from 'lib/util.ts'; import d from 'z'; export default [a, b, c, d];`,
    'src/a.ts': `export default 'from a' as string;`,
    '_shared/cors.ts': `export const b: string = 'from cors';`,
    '_shared/util.ts': `import { b } from '@shared/cors'; export const c: string = 'util and ' + b;`,
    'node_modules/zed/package.json': '{"name":"zed","main":"zed.js"}',
    'node_modules/zed/zed.js': `module.exports = 'from zed';`,
  });
  const map = readImportMap(join(root, 'deno.json'));
  const { files, entry } = await readSources(join(root, 'hello/index.ts'), { importMap: map, within: root });
  const uploaded = projectFolder(t, {});
  for (const [path, content] of files) {
    mkdirSync(dirname(join(uploaded, path)), { recursive: true });
    writeFileSync(join(uploaded, path), content);
  }
  const { outputFiles } = await build({
    entryPoints: [join(uploaded, entry)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
  });
  const { default: values } = (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]!.text)}`)) as {
    default: string[];
  };
  assert.deepEqual(values, ['from a', 'from cors', 'util and from cors', 'from zed']);
});

test('what a map can not hand over is said', async (t) => {
  const root = projectFolder(t, {
    'a.ts': `import 'std/http.ts'`,
    'b.ts': `import '#x'`,
    'x.ts': '',
    'my-map.json': '{}',
  });
  const path = join(root, 'deno.json');
  await assert.rejects(
    readSources(join(root, 'a.ts'), {
      importMap: { path, imports: { 'std/': 'http://deno.land/std/' } },
      within: root,
    }),
    /maps "std\/http.ts" to http:\/\/deno.land\/std\/http.ts: only files of the project, installed packages, https: and/,
  );
  await assert.rejects(
    readSources(join(root, 'a.ts'), {
      importMap: { path: join(root, 'my-map.json'), imports: { 'std/': 'https://deno.land/std/' } },
      within: root,
    }),
    (error: Error) => error.message.includes('it must be a deno.json or import_map.json in the folder of'),
  );
  await assert.rejects(
    readSources(join(root, 'b.ts'), { importMap: { path, imports: { '#x': './x.ts' } }, within: root }),
    /no package can have that name/,
  );
});
