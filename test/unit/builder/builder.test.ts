import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import type { BuildResult } from '../../../src/builder/build-result.ts';
import { createBuilder, type BuilderOptions } from '../../../src/builder/builder.ts';
import type { Fault } from '../../../src/core/faults.ts';
import { HAND_OVER, handingOver } from '../../../src/lib/hand-over.ts';
import { NODE_FLAGS } from '../../../src/lib/v8-flags.ts';
import type { Wall } from '../../../src/walls/wall.ts';
import { findWall, sourceOf, startBuilder } from '../../support/builder.ts';

const wall = (await findWall()) as Wall;
const shared = await startBuilder({ after }, { wall });

interface Exports {
  readonly [name: string]: unknown;
}

const textOf = (result: BuildResult): string => Buffer.from(result.code).toString('utf8');
const exportsOf = (result: BuildResult): Exports => (runInNewContext(textOf(result)) as () => Exports)();

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => assert.fail('it was built'),
    (reason: unknown) => reason,
  );
  return error as Fault;
}

suite('a source becomes', () => {
  test('one classic script whose value returns the exports of a TypeScript module', async () => {
    const result = await shared.build(
      sourceOf({
        'index.ts':
          `import { twice } from './lib/twice.ts';\nimport data from './data.json';\nimport text from './page.html';\n` +
          `export const handler = (x: number): unknown => [twice(x), data.a, text];\nexport default class {}`,
        'lib/twice.ts': 'export const twice = (x: number): number => x * 2;',
        'data.json': '{"a":1}',
        'page.html': '<p>',
      }),
    );
    const { handler, default: Default } = exportsOf(result);
    assert.equal(JSON.stringify((handler as (x: number) => unknown)(2)), '[4,1,"<p>"]');
    assert.equal(typeof Default, 'function');
    assert.deepEqual([result.format, result.interleaves, result.warnings], ['script', true, []]);
  });

  test('a script that leaves nothing behind on the global object', async () => {
    const result = await shared.build(
      sourceOf('var leaked = 1; function also() {}; export default () => [leaked, also]'),
    );
    const global = {};
    (runInNewContext(textOf(result), global) as () => unknown)();
    assert.deepEqual(Object.getOwnPropertyNames(global), []);
  });

  test('a script without native await, so that context survives it', async () => {
    const code =
      'const f = async () => { for await (const x of g()) await x; }; async function* g() { yield 1 } export default async () => { await f(); return 7 }';
    const result = await shared.build(sourceOf(code));
    assert.doesNotMatch(textOf(result), /\bawait |\basync\b/);
    assert.equal(await (exportsOf(result)['default'] as () => Promise<number>)(), 7);
  });

  test('exports by the same names when it is CommonJS', async () => {
    const result = await shared.build(
      sourceOf({
        'index.js': 'exports.handler = () => 1; module.exports.other = require("./b").b',
        'b.cjs': 'exports.b = 2',
      }),
    );
    assert.deepEqual(Object.keys(exportsOf(result)), ['handler', 'other']);
    const whole = await shared.build(sourceOf({ 'index.js': 'module.exports = () => 5' }));
    assert.equal((exportsOf(whole) as unknown as () => number)(), 5);
  });

  test('an empty exports object when it exports nothing', async () => {
    assert.deepEqual({ ...exportsOf(await shared.build(sourceOf('globalThis.served = 1'))) }, {});
  });

  test('strict code where all of it is modules, and sloppy code where CommonJS may need it', async () => {
    const strict = await shared.build(sourceOf('export default function () { return this }'));
    const self = exportsOf(strict)['default'] as () => unknown;
    assert.equal(self(), undefined);
    const sloppy = await shared.build(
      sourceOf({ 'index.js': 'module.exports.f = function () { return typeof this }' }),
    );
    const kind = exportsOf(sloppy)['f'] as () => unknown;
    assert.equal(kind(), 'object');
  });

  test('a module, not lowered, when it awaits at its top level', async () => {
    const result = await shared.build(
      sourceOf('const x = await Promise.resolve(1); export const handler = async () => { await 1; return x }'),
    );
    assert.deepEqual([result.format, result.interleaves, result.cache], ['module', false, null]);
    assert.match(textOf(result), /= await Promise/);
    assert.match(textOf(result), /export \{/);
  });

  test('an async function of ctx when it is a script body, TypeScript included', async () => {
    const result = await shared.build(sourceOf('const n: number = await ctx.data;\nreturn n + 1 // the end', 'script'));
    assert.equal(
      await (exportsOf(result)['default'] as (ctx: unknown) => Promise<number>)({ data: Promise.resolve(4) }),
      5,
    );
    const importing = sourceOf(
      { 'index.ts': 'return (await import("./b.ts")).b', 'b.ts': 'export const b = 3' },
      'script',
    );
    assert.equal(await (exportsOf(await shared.build(importing))['default'] as () => Promise<number>)(), 3);
  });

  test('a bundle with its vendored packages, found by their conditions', async () => {
    const result = await shared.build(
      sourceOf({
        'src/index.ts':
          'import { where } from "pkg"; import { sub } from "pkg/sub"; import old from "old"; export default () => [where, sub, old]',
        'node_modules/pkg/package.json':
          '{"exports":{".":{"node":"./node.js","workerd":"./workerd.js"},"./sub":"./sub.mjs"}}',
        'node_modules/pkg/node.js': 'export const where = "node"',
        'node_modules/pkg/workerd.js': 'export const where = "workerd"',
        'node_modules/pkg/sub.mjs': 'export const sub = process.env.NODE_ENV',
        'node_modules/old/package.json': '{"main":"lib/main"}',
        'node_modules/old/lib/main.js': 'try { require("not-there") } catch {}; module.exports = "old"',
      }),
    );
    assert.equal(JSON.stringify((exportsOf(result)['default'] as () => unknown)()), '["workerd","production","old"]');
  });

  test('a source map that names its files, without their text', async () => {
    const result = await shared.build(
      sourceOf({ 'index.ts': 'import "./a/b.ts"; export default 1', 'a/b.ts': 'globalThis.b = 1' }),
    );
    const map = JSON.parse(gunzipSync(result.map!).toString()) as { sources: string[]; sourcesContent?: unknown };
    assert.deepEqual([map.sources, map.sourcesContent], [['index.ts', 'a/b.ts'], undefined]);
  });

  test('nothing that was run: an endless loop at the top level builds', async () => {
    const result = await shared.build(sourceOf('while (true) {}\nexport default 1'));
    assert.match(textOf(result), /while \(true\)/);
  });
});

suite('an error', () => {
  test('says by name which packages and modules of Node are not there', async () => {
    const source = sourceOf(
      'import a from "left/deep"; import b from "@scope/right"; import c from "npm:three@1"; import { createServer } from "net"; import fs from "node:fs"; import "./lost.ts"; export default [a, b, c, createServer, fs];',
    );
    const { details } = await faultOf(shared.build(source));
    assert.deepEqual(details.missing?.toSorted(), ['@scope/right', 'left', 'node:fs', 'node:net', 'three']);
    assert.deepEqual((await faultOf(shared.build(sourceOf('export default {')))).details.missing, []);
  });

  const failure = async (
    files: Parameters<typeof sourceOf>[0],
    handler: 'module' | 'script' = 'module',
  ): Promise<Fault> => {
    const fault = await faultOf(shared.build(sourceOf(files, handler)));
    assert.equal(fault.code, 'COMPILE_FAILED');
    return fault;
  };

  test('is told with its place, and the lines around it with a caret', async () => {
    const fault = await failure('const a = 1;\nconst b = ;\nconst c = 3;');
    assert.equal(fault.message, 'index.ts:2:11: Unexpected ";"');
    assert.deepEqual(fault.details.issues, [
      'index.ts:2:11: Unexpected ";"\n  1 | const a = 1;\n> 2 | const b = ;\n    |           ^\n  3 | const c = 3;',
    ]);
  });

  test('counts columns in characters, and shows a window of a long line', async () => {
    const fault = await failure(`const é = "${'ü'.repeat(5000)}" x;`);
    assert.match(fault.message, /^index\.ts:1:5014: /);
    for (const line of fault.details.issues![0]!.split('\n').slice(1)) assert.ok(line.length < 140);
  });

  test('in a script body has the position that the body has', async () => {
    assert.equal((await failure('const d = = 3', 'script')).message, 'index.ts:1:11: Unexpected "="');
    assert.equal((await failure('\n\n  let x = ;', 'script')).message, 'index.ts:3:11: Unexpected ";"');
    assert.equal((await failure('const d = [1,\n 2\n', 'script')).message, 'index.ts:2:3: The code ends too early');
    assert.equal((await failure('return 1 }', 'script')).message, 'index.ts:1:11: There is a "}" too many');
  });

  test('names the static import or export of a script body', async () => {
    for (const code of [
      'import x from "./y";\nreturn x',
      'import "./y"',
      'let a\n export const b = 1',
      'export default 3',
    ]) {
      assert.match(
        (await failure(code, 'script')).message,
        /:\d: A script body can have no static import or export/,
        code,
      );
    }
  });

  test('names the import that leads nowhere, and the cure', async () => {
    const fault = await failure(
      'import "left-pad/x"; import "./nope.ts"; import "fs"; import "node:net"; import "npm:zod@3"; import "jsr:@a/b"; import "https://esm.sh/x"; import "//esm.sh/x"; import "data:text/javascript,1"',
    );
    const sentences = fault.details.issues!.map((issue) => issue.split('\n')[0]!.replace(/^index\.ts:1:\d+: /, ''));
    const elsewhere =
      'is a module of Node.js that the isolate tier does not have; the tiers "worker" and "container" have it';
    const nothing = "can't be fetched: this server fetches no modules; upload the file, or install the package";
    assert.deepEqual(sentences, [
      'Could not resolve "left-pad/x": it is not among the uploaded files; run `npm install left-pad` before `cordon deploy`',
      'Could not resolve "./nope.ts": there is no such file among the uploaded files',
      `"fs" ${elsewhere}`,
      `"node:net" ${elsewhere}`,
      '"npm:zod@3": zod is not among the uploaded files; run `npm install zod` before `cordon deploy`',
      `"https://jsr.io/@a/b/meta.json" ${nothing}`,
      `"https://esm.sh/x" ${nothing}`,
      '"//esm.sh/x": modules are fetched by https: only',
      '"data:text/javascript,1": imports by data: are not supported; import a file, a package, or an address by https:',
    ]);
    assert.match(fault.message, /\(and 8 more\)$/);
  });

  test('that only V8 sees is found in the source', async () => {
    const fault = await failure({
      'index.ts': 'import { f } from "./b.ts";\nexport default f',
      'b.ts': 'type A = 1;\nexport const f = () => /(/',
    });
    assert.match(fault.message, /^b\.ts:2:24: Invalid regular expression/);
    assert.match(fault.details.issues![0]!, /> 2 \| export const f = \(\) => \/\(\//);
  });

  test('is no reason to refuse an import that is found out at run time', async () => {
    const result = await shared.build(sourceOf('export default (name: string) => import(name)'));
    assert.equal(result.format, 'script');
  });
});

test('a bundle over the limit is refused, also where the cache has it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  const source = sourceOf(`export default "${'x'.repeat(50_000)}"`);
  const limited = (maxBundleBytes: number): BuilderOptions => ({ wall, cacheDir: dir, maxBundleBytes });
  const generous = createBuilder(limited(100_000));
  await generous.build(source);
  await generous.close();
  for (const files of [source, sourceOf(`export default "${'y'.repeat(50_000)}"`)]) {
    const builder = createBuilder(limited(10_000));
    const fault = await faultOf(builder.build(files));
    await builder.close();
    assert.deepEqual([fault.code, fault.message], ['CODE_TOO_LARGE', 'The bundle exceeds 10000 bytes']);
  }
});

test('the code cache is one that an executor takes', async (t) => {
  const functions = Array.from(
    { length: 100 },
    (_, i) => `export const f${i} = (x) => ({ name: "f${i}", value: x + ${i} });`,
  );
  const { code, cache } = await shared.build(sourceOf(functions.join('\n')));
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  await Promise.all([writeFile(join(dir, 'code'), code), writeFile(join(dir, 'cache'), cache!)]);
  const script = `
    const ivm = require(${JSON.stringify(createRequire(import.meta.url).resolve('isolated-vm'))});
    const { readFileSync } = require('node:fs');
    const isolate = new ivm.Isolate();
    const cachedData = new ivm.ExternalCopy(new Uint8Array(readFileSync('cache')).buffer);
    const script = isolate.compileScriptSync(${JSON.stringify(handingOver('@'))}.replace('@', () => readFileSync('code', 'utf8')), { filename: 'function.js', cachedData });
    const context = isolate.createContextSync();
    context.evalSync('var made; var ${HAND_OVER} = (make) => { made = make; }');
    script.runSync(context);
    const call = context.evalSync('JSON.stringify(made().f7(1))');
    console.log(script.cachedDataRejected, call);`;
  const { stdout } = await promisify(execFile)(process.execPath, [...NODE_FLAGS, '-e', script], { cwd: dir });
  assert.equal(stdout, 'false {"name":"f7","value":8}\n');
});

test('the same content is built once, and comes from the cache after a restart', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  let starts = 0;
  const counting: Wall = { ...wall, start: (command) => (starts++, wall.start(command)) };
  const source = sourceOf('export default 1');
  const first = createBuilder({ wall: counting, cacheDir: dir, maxBundleBytes: 1e6 });
  const [a, b] = await Promise.all([first.build(source), first.build(source)]);
  const c = await first.build(source);
  await first.close();
  assert.ok(a === b && b === c);
  // The one that built, and the spare that took its place.
  assert.ok(starts <= 2, `${starts} children were started`);

  const broken: Wall = { ...wall, start: () => Promise.reject(new Error('nothing may be started')) };
  const second = createBuilder({ wall: broken, cacheDir: dir, maxBundleBytes: 1e6 });
  assert.deepEqual(await second.build(source), a);
  await second.close();
});

test('a cache entry that somebody else wrote is not used: the source is built again', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  const source = sourceOf('export default "honest"');
  const first = createBuilder({ wall, cacheDir: dir, maxBundleBytes: 1e6 });
  const honest = await first.build(source);
  await first.close();
  const [entry = ''] = (await readdir(dir)).filter((name) => name.endsWith('.build'));
  const forged = (await readFile(join(dir, entry), 'latin1')).replace('"honest"', '"forged"');
  await writeFile(join(dir, entry), forged, 'latin1');
  const second = createBuilder({ wall, cacheDir: dir, maxBundleBytes: 1e6 });
  const rebuilt = await second.build(source);
  await second.close();
  assert.equal(exportsOf(rebuilt)['default'], 'honest');
  assert.deepEqual(rebuilt.code, honest.code);
});

test('builds that run side by side do not mix', async (t) => {
  const builder = await startBuilder(t, { wall, concurrency: 2 });
  const results = await Promise.all(
    [1, 2, 3, 4].map((n) => builder.build(sourceOf(`export default ${n}`), `tenant ${n}`)),
  );
  assert.deepEqual(
    results.map((result) => exportsOf(result)['default']),
    [1, 2, 3, 4],
  );
});

test('a child that died while it waited is replaced without a word', async (t) => {
  const started: Awaited<ReturnType<Wall['start']>>[] = [];
  const watching: Wall = {
    ...wall,
    async start(command) {
      const child = await wall.start(command);
      started.push(child);
      return child;
    },
  };
  const builder = await startBuilder(t, { wall: watching });
  await builder.build(sourceOf('export default 1'));
  while (started.length < 2) await new Promise(setImmediate);
  await started[1]!.kill();
  assert.equal(exportsOf(await builder.build(sourceOf('export default 2')))['default'], 2);
});

test('a builder that cannot start says so, and blames the platform', async (t) => {
  const broken: Wall = { ...wall, start: (command) => wall.start({ ...command, files: [] }) };
  const builder = await startBuilder(t, { wall: broken });
  const fault = await faultOf(builder.build(sourceOf('export default 1')));
  assert.deepEqual([fault.code, fault.blame], ['INTERNAL', 'platform']);
  assert.match(fault.message, /did not start: .*esbuild/s);
});

test('closing ends what runs and refuses what waits', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  const exits: Promise<unknown>[] = [];
  const watching: Wall = {
    ...wall,
    async start(command) {
      const child = await wall.start(command);
      exits.push(child.exited);
      return child;
    },
  };
  const builder = createBuilder({ wall: watching, cacheDir: dir, maxBundleBytes: 1e6, concurrency: 1 });
  const faults = ['1', '2', '3'].map((n) => faultOf(builder.build(sourceOf(`export default ${n}`))));
  await builder.close();
  for (const fault of await Promise.all(faults)) assert.equal(fault.code, 'SHUTTING_DOWN');
  await Promise.all(exits);
  await assert.rejects(builder.build(sourceOf('export default 4')), { code: 'SHUTTING_DOWN' });
  await rm(dir, { recursive: true });
});
