import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSources } from '../../../../src/cli/project/sources.ts';
import { projectFolder as project } from '../project-folder.ts';

const read = async (path: string): Promise<{ entry: string; paths: string[] }> => {
  const { entry, files } = await readSources(path);
  return { entry, paths: [...files.keys()] };
};

test('a single file goes alone', async (t) => {
  const root = project(t, { 'src/hello.ts': 'export default () => 1', 'src/other.ts': '' });
  assert.deepEqual(await read(join(root, 'src/hello.ts')), { entry: 'hello.ts', paths: ['hello.ts'] });
});

test('everything imported goes, relative to the nearest folder that holds it, with the package files that say how', async (t) => {
  const root = project(t, {
    'package.json': '{"name":"app"}',
    'README.md': '',
    'src/fn/index.ts': `import { a } from '../a.ts'; import data from './data.json'; import left from 'left'; import 'node:fs'; import 'path'; export default a + data.x + left;`,
    'src/a.ts': 'export const a: number = 1;',
    'src/fn/data.json': '{"x":1}',
    'src/unused.ts': '',
    'node_modules/left/package.json': '{"name":"left","exports":{".":{"node":"./node.js","browser":"./dist/web.js"}}}',
    'node_modules/left/dist/package.json': '{"type":"module"}',
    'node_modules/left/dist/web.js': `import right from '@scope/right'; export default right;`,
    'node_modules/left/node.js': '',
    'node_modules/@scope/right/package.json': '{"name":"@scope/right","main":"cjs.js","module":"esm.js"}',
    'node_modules/@scope/right/esm.js': 'export default 1;',
    'node_modules/@scope/right/cjs.js': '',
  });
  assert.deepEqual(await read(join(root, 'src/fn/index.ts')), {
    entry: 'src/fn/index.ts',
    paths: [
      'node_modules/@scope/right/esm.js',
      'node_modules/@scope/right/package.json',
      'node_modules/left/dist/package.json',
      'node_modules/left/dist/web.js',
      'node_modules/left/package.json',
      'package.json',
      'src/a.ts',
      'src/fn/data.json',
      'src/fn/index.ts',
    ],
  });
});

test('a file that does not parse, or imports what is not there, goes alone, for the server to say so', async (t) => {
  const root = project(t, {
    'broken.ts': 'export default {',
    'lost.ts': `import './nowhere.ts'`,
    'body.js': 'const x = 1;\nreturn x;',
  });
  assert.deepEqual((await read(join(root, 'broken.ts'))).paths, ['broken.ts']);
  assert.deepEqual((await read(join(root, 'lost.ts'))).paths, ['lost.ts']);
  assert.deepEqual((await read(join(root, 'body.js'))).paths, ['body.js']);
});

test('a tsconfig has no say, as the builder never sees it', async (t) => {
  const root = project(t, {
    'tsconfig.json': '{"compilerOptions":{"paths":{"#x":["./x.ts"]}}}',
    'x.ts': '',
    'index.ts': `import '#x'`,
  });
  assert.deepEqual((await read(join(root, 'index.ts'))).paths, ['index.ts']);
});

test('a link is followed to the file that it means', async (t) => {
  const root = project(t, { 'real/hello.ts': `import './b.ts'`, 'real/b.ts': '' });
  symlinkSync(join(root, 'real/hello.ts'), join(root, 'link.ts'));
  assert.deepEqual(await read(join(root, 'link.ts')), { entry: 'hello.ts', paths: ['b.ts', 'hello.ts'] });
});

test('a file that is not there is the error of the file system', async () => {
  await assert.rejects(readSources('/nowhere/x.ts'), { code: 'ENOENT' });
});

test('a project sends no file from outside of it, by no import, link or entry, but packages of the folders above', async (t) => {
  const root = project(t, {
    'home/.docker/config.json': '{"auths":{}}',
    'home/app/node_modules/own/index.js': 'export default 1',
    'home/node_modules/shared/index.js': 'export default 2',
    'home/other/node_modules/private/index.js': 'export default 3',
    'home/app/good.ts': `import a from 'own'; import b from 'shared'; export default [a, b];`,
    'home/app/import.ts': `import config from '../.docker/config.json'; export default config;`,
    'home/app/foreign.ts': `import p from '../other/node_modules/private/index.js'; export default p;`,
    'home/app-evil/x.ts': '',
  });
  const app = join(root, 'home/app');
  symlinkSync(join(root, 'home/.docker/config.json'), join(app, 'link.json'));
  symlinkSync(join(root, 'home/.docker/config.json'), join(app, 'entry.ts'));
  writeFileSync(join(app, 'linked.ts'), `import config from './link.json'; export default config;`);
  const within = { importMap: null, within: app };
  const { files } = await readSources(join(app, 'good.ts'), within);
  assert.deepEqual([...files.keys()], ['app/good.ts', 'app/node_modules/own/index.js', 'node_modules/shared/index.js']);
  for (const name of ['import.ts', 'foreign.ts', 'linked.ts', 'entry.ts', '../app-evil/x.ts'])
    await assert.rejects(readSources(join(app, name), within), /lies outside of .+\/app: if it is meant/, name);
  const wider = { importMap: null, within: join(root, 'home') };
  assert.equal((await readSources(join(app, 'import.ts'), wider)).files.size, 2);
});

test('addresses are left for the server to fetch, and the map that names them goes with the files', async (t) => {
  const root = project(t, {
    'deno.json': '{"imports":{"std/":"https://deno.land/std/","local":"./lib.ts"},"tasks":{}}',
    'lib.ts': 'export const x = 1;',
    'mapped.ts': `import { serve } from 'std/http.ts'; import { x } from 'local'; export default () => serve(x);`,
    'direct.ts': `import 'https://deno.land/x/a.ts'; import 'jsr:@std/path@1'; import left from 'npm:left@^1.2/sub.js'; export default left;`,
    'node_modules/left/package.json': '{"name":"left"}',
    'node_modules/left/sub.js': 'export default 1;',
  });
  assert.deepEqual((await read(join(root, 'mapped.ts'))).paths, [
    'deno.json',
    'lib.ts',
    'mapped.ts',
    'node_modules/local/package.json',
  ]);
  assert.deepEqual((await read(join(root, 'direct.ts'))).paths, [
    'direct.ts',
    'node_modules/left/package.json',
    'node_modules/left/sub.js',
  ]);
});
