/** Bundles for a whole Node. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import vm from 'node:vm';
import { gunzipSync } from 'node:zlib';
import type { Builder } from '../../../src/builder/builder.ts';
import type { BuildResult } from '../../../src/builder/build-result.ts';
import type { Fault } from '../../../src/core/faults.ts';
import { findWall, sourceOf, startBuilder } from '../../support/builder.ts';

suite('a build for Node', () => {
  let builder: Builder;
  const closers: (() => Promise<void>)[] = [];
  before(async () => {
    const wall = await findWall();
    assert.ok(wall);
    builder = await startBuilder({ after: (close) => void closers.push(close) }, { wall });
  });
  after(() => Promise.all(closers.map((close) => close())));
  const build = (
    files: string | Record<string, string>,
    handler: 'module' | 'script' = 'module',
  ): Promise<BuildResult> => builder.build({ ...sourceOf(files, handler), engine: 'node' });
  const textOf = ({ code }: BuildResult): string => Buffer.from(code).toString('utf8');

  test('keeps await, and imports of Node’s modules, and is another than that for a bare engine', async () => {
    const source = `import fs from 'fs'; export default async () => { await null; return typeof fs.statSync; }`;
    const built = await build(source);
    assert.match(textOf(built), /await null/);
    assert.deepEqual([built.format, built.interleaves, built.cache], ['script', true, null]);
    const evaluate = vm.runInThisContext(textOf(built)) as (load: unknown) => { default(): Promise<string> };
    assert.equal(await evaluate(() => ({ statSync: () => 0 })).default(), 'function');
    await assert.rejects(builder.build(sourceOf(source)), /"fs" is a module of Node\.js/);
  });

  test('with await at the top level is a module, and interleaves all the same', async () => {
    const built = await build(`const { sep } = await import('node:path'); export default () => sep;`);
    assert.deepEqual([built.format, built.interleaves], ['module', true]);
  });

  test('takes a package the way that Node does', async () => {
    const built = await build({
      'index.ts': `import { where } from 'both'; import legacy from 'legacy'; export default () => where + legacy();`,
      'node_modules/both/package.json': `{"exports":{".":{"node":"./node.js","browser":"./browser.js"}}}`,
      'node_modules/both/node.js': `exports.where = 'node';`,
      'node_modules/both/browser.js': `exports.where = 'browser';`,
      'node_modules/legacy/package.json': `{"main":"./main.js"}`,
      'node_modules/legacy/main.js': `const os = require('os'); module.exports = () => os.EOL.length;`,
    });
    const evaluate = vm.runInThisContext(textOf(built)) as (load: unknown) => { default(): string };
    assert.equal(evaluate(() => ({ EOL: '\n' })).default(), 'node1');
  });

  test('of a script body has no require', async () => {
    const built = await build(`return ctx.data`, 'script');
    const exports = (vm.runInThisContext(textOf(built)) as () => { default(ctx: object): Promise<unknown> })();
    assert.equal(await exports.default({ data: 7 }), 7);
    assert.doesNotMatch(textOf(built), /\brequire\b/);
  });

  test('says where it fails, and maps where it does not', async () => {
    const fault = await build(`import 'absent';\nexport default 1`).catch((error: Fault) => error);
    assert.match((fault as Fault).message, /npm install absent/);
    const { map } = await build(`\n\nexport default () => 1`);
    const { sources } = JSON.parse(gunzipSync(map ?? '').toString()) as { sources: string[] };
    assert.deepEqual(sources, ['index.ts']);
  });
});
