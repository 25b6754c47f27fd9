import assert from 'node:assert/strict';
import { after, suite, test, type TestContext } from 'node:test';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import type { BuildResult } from '../../../src/builder/build-result.ts';
import type { Builder } from '../../../src/builder/builder.ts';
import type { FetchModule } from '../../../src/builder/module-fetches.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { Wall } from '../../../src/walls/wall.ts';
import { findWall, sourceOf, startBuilder } from '../../support/builder.ts';

const wall = (await findWall()) as Wall;

/** What there is to fetch: a text, or where it has moved to. */
type Web = Readonly<Record<string, string | { readonly to: string }>>;

const WEB: Web = {
  'https://esm.example/lib@1': { to: 'https://esm.example/lib@1.2.3/mod.js' },
  'https://esm.example/lib@1.2.3/mod.js':
    'import { half } from "./half.js"; import { third } from "/third.mjs"; export const value = [half, third]; export default "lib";',
  'https://esm.example/lib@1.2.3/half.js': 'export const half = 2;',
  'https://esm.example/third.mjs': 'export const third = 3;',
  'https://ts.example/typed.ts': 'export const typed: number = 4; export type T = string;',
  'https://uses.example/node.js':
    'import { join } from "node:path"; import own from "own-package"; export default [join("a", "b"), own];',
  'https://bare.example/x.js': 'import "nothing-like-it"; export default 1;',
  'https://jsr.io/@std/text/meta.json':
    '{"versions":{"1.0.0":{},"1.4.2":{},"1.9.0":{"yanked":true},"2.0.0":{},"3.0.0-rc.1":{}}}',
  'https://jsr.io/@std/text/1.4.2_meta.json': '{"exports":{".":"./mod.ts","./case":"./case.ts"}}',
  'https://jsr.io/@std/text/1.4.2/mod.ts': 'export * from "./case.ts";',
  'https://jsr.io/@std/text/1.4.2/case.ts': 'export const upper = (text: string): string => text.toUpperCase();',
  'https://jsr.io/@std/text/2.0.0_meta.json': '{"exports":{}}',
  'https://data.example/d.json': '{"a":[1]}',
  'https://syntax.example/bad.js': 'export const a = ;',
};

class Fetches {
  readonly urls: string[] = [];
  readonly owners = new Set<string>();
  readonly #web: Web;

  constructor(web: Web = WEB) {
    this.#web = web;
  }

  readonly fetch: FetchModule = (url, _limits, owner) => {
    this.urls.push(url);
    this.owners.add(owner);
    let at = url;
    let found = this.#web[at];
    while (typeof found === 'object') found = this.#web[(at = found.to)];
    if (found === undefined) return Promise.reject(new Fault('NOT_FOUND', `${url} answered 404`));
    const contentType = at.endsWith('.ts') ? 'video/mp2t' : at.endsWith('.json') ? 'application/json' : 'text/plain';
    return Promise.resolve({ bytes: Buffer.from(found), contentType, finalUrl: at });
  };
}

async function fetching(t: TestContext, web?: Web): Promise<{ builder: Builder; fetches: Fetches }> {
  const fetches = new Fetches(web);
  return { builder: await startBuilder(t, { wall, fetchModule: fetches.fetch }), fetches };
}

const offline = await startBuilder({ after }, { wall });

function defaultOf(result: BuildResult): unknown {
  const services = { env: {}, bindContext: (fn: unknown) => fn };
  const load = runInNewContext(Buffer.from(result.code).toString()) as (given: object) => { default: unknown };
  return JSON.parse(JSON.stringify(load(services).default));
}

const faultOf = (promise: Promise<unknown>): Promise<Fault> =>
  promise.then(
    () => assert.fail('it was built'),
    (reason: Fault) => reason,
  );

suite('an import by address', () => {
  test('is fetched with what it imports, from where it was found', async (t) => {
    const { builder, fetches } = await fetching(t);
    const source = sourceOf(
      `import name, { value } from 'https://esm.example/lib@1'; import { typed } from 'https://ts.example/typed.ts'; import d from 'https://data.example/d.json'; export default [name, value, typed, d];`,
    );
    const result = await builder.build(source, 'acme');
    assert.deepEqual(defaultOf(result), ['lib', [2, 3], 4, { a: [1] }]);
    assert.deepEqual([...fetches.owners], ['acme']);
    assert.equal(new Set(fetches.urls).size, fetches.urls.length, 'a module was fetched twice');
    const { sources } = JSON.parse(gunzipSync(result.map!).toString()) as { sources: string[] };
    assert.ok(sources.includes('https://esm.example/lib@1.2.3/half.js'), sources.join());
  });

  test('may use Node’s modules, and the packages of the project', async (t) => {
    const { builder } = await fetching(t);
    const result = await builder.build(
      sourceOf({
        'index.ts': `export { default } from 'https://uses.example/node.js';`,
        'node_modules/own-package/package.json': '{"main":"main.js"}',
        'node_modules/own-package/main.js': 'module.exports = "own";',
      }),
    );
    assert.deepEqual(defaultOf(result), ['a/b', 'own']);
  });

  test('is kept with the sources, and then fetched no more', async (t) => {
    const { builder, fetches } = await fetching(t);
    const source = sourceOf(`export { default } from 'https://esm.example/lib@1';`);
    const { fetched, code } = await builder.build(source);
    assert.equal(fetched.size, 3);
    for (const path of fetched.keys()) assert.match(path, /^\.cordon\/modules\/[0-9a-f]{32}$/);
    const locked = { ...source, files: new Map([...source.files, ...fetched]) };
    const again = await offline.build(locked);
    assert.deepEqual([again.fetched.size, Buffer.compare(again.code, code)], [0, 0]);
    const count = fetches.urls.length;
    await builder.build(source);
    assert.equal(fetches.urls.length, count, 'the cache did not have it');
  });

  test('of one owner is not in the cache of another', async (t) => {
    const { builder, fetches } = await fetching(t);
    const source = sourceOf(`export { default } from 'https://data.example/d.json';`);
    await builder.build(source, 'a');
    await builder.build(source, 'b');
    assert.deepEqual([fetches.urls.length, [...fetches.owners]], [2, ['a', 'b']]);
  });

  const failures: Readonly<Record<string, [code: string, message: RegExp]>> = {
    'that is not there': [
      `import 'https://gone.example/x.js'`,
      /^index\.ts:1:8: "https:\/\/gone\.example\/x\.js" can't be fetched: .* answered 404$/,
    ],
    'by plain http:': [`import 'http://esm.example/lib@1'`, /modules are fetched by https: only/],
    'of what imports a package that is not there': [
      `import 'https://bare.example/x.js'`,
      /"nothing-like-it": it is not among the uploaded files/,
    ],
    'of what does not parse': [`import 'https://syntax.example/bad.js'`, /Unexpected ";"/],
    'of no such version': [`import 'jsr:@std/text@^7'`, /@std\/text has no version that \^7 allows/],
    'of nothing that it exports': [`import 'jsr:@std/text@1/other'`, /exports nothing as "\.\/other"/],
    'of no JSR package': [`import 'jsr:text'`, /is not of the form jsr:@scope\/name@version\/path/],
  };
  for (const [what, [code, message]] of Object.entries(failures)) {
    test(`${what} fails with its place and reason`, async (t) => {
      const { builder } = await fetching(t);
      const fault = await faultOf(builder.build(sourceOf(code)));
      assert.equal(fault.code, 'COMPILE_FAILED');
      assert.match(fault.message, message);
    });
  }

  test('fails where a module is too large, and where all are', async (t) => {
    const big = `export default "${'x'.repeat(3_900_000)}"`;
    const web = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`https://big.example/${i}`, big]));
    const { builder } = await fetching(t, { ...web, 'https://huge.example/': `/*${'x'.repeat(5_000_000)}*/` });
    const huge = await faultOf(builder.build(sourceOf(`import 'https://huge.example/'`)));
    assert.match(huge.message, /is larger than 4 MB/);
    const imports = Object.keys(web).map((url) => `import '${url}';`);
    const many = await faultOf(builder.build(sourceOf(imports.join(''))));
    assert.match(many.message, /at most 24 MB of modules/);
  });

  test('is no reason to fetch where nobody calls for it', async () => {
    const fault = await faultOf(offline.build(sourceOf(`import 'https://esm.example/lib@1'`)));
    assert.match(fault.message, /can't be fetched: this server fetches no modules/);
  });
});

test('jsr: finds the highest version that is allowed, and what it exports', async (t) => {
  const { builder, fetches } = await fetching(t);
  const code = `import { upper } from 'jsr:@std/text@^1.0.0'; import * as same from 'jsr:@std/text@1.4/case'; export default [upper('a'), same.upper === upper];`;
  assert.deepEqual(defaultOf(await builder.build(sourceOf(code))), ['A', true]);
  assert.ok(fetches.urls.includes('https://jsr.io/@std/text/1.4.2_meta.json'));
});

test('serve of the old standard library is Deno.serve', async () => {
  const code = `import { serve } from 'https://deno.land/std@0.168.0/http/server.ts'; serve(() => new Response('x'));`;
  const { code: bundle } = await offline.build(sourceOf(code));
  let served: unknown;
  const Deno = { serve: (_options: object, handler: unknown) => void (served = handler) };
  (runInNewContext(Buffer.from(bundle).toString(), { Deno }) as () => void)();
  assert.equal(typeof served, 'function');
});

suite('npm:', () => {
  const files = (code: string, version = '4.1.0'): Record<string, string> => ({
    'functions/hello/index.ts': code,
    'node_modules/zod/package.json': JSON.stringify({ version, exports: { '.': './index.js', './mini': './mini.js' } }),
    'node_modules/zod/index.js': 'export const z = "zod";',
    'node_modules/zod/mini.js': 'export const z = "mini";',
    'node_modules/buffer/package.json': '{"version":"6.0.0","main":"index.js"}',
    'node_modules/buffer/index.js': 'exports.who = "package";',
  });

  test('is the package of that name among the uploaded files', async () => {
    const code = `import { z } from 'npm:zod@^4.0.0'; import { z as mini } from 'npm:zod@4/mini'; import { who } from 'npm:buffer'; export default [z, mini, who];`;
    const result = await offline.build(sourceOf(files(code)));
    assert.deepEqual([defaultOf(result), result.warnings], [['zod', 'mini', 'package'], []]);
  });

  test('of another version builds with a warning', async () => {
    const { warnings } = await offline.build(sourceOf(files(`export { z as default } from 'npm:zod@3.22'`)));
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /"npm:zod@3\.22" is version 4\.1\.0 in the uploaded node_modules, which 3\.22 does not allow/,
    );
  });

  test('of what a package does not export says so', async () => {
    const fault = await faultOf(offline.build(sourceOf(files(`import 'npm:zod/nope'`))));
    assert.match(fault.message, /the package zod is there, but it has nothing to import as "zod\/nope"/);
  });
});

suite('an import map', () => {
  const map = (content: object, path = 'deno.json'): Record<string, string> => ({
    [path]: `// A comment.\n${JSON.stringify(content).replace(/\}$/, ',}')}`,
  });
  const project: Record<string, string> = {
    'functions/a/index.ts': `import { shared } from '@shared/x.ts'; import { exact } from 'exact'; import pkg from 'pkg'; import { sub } from 'pkg/sub'; export default [shared, exact, pkg, sub];`,
    'functions/_shared/x.ts': 'export const shared = "shared";',
    'functions/_shared/exact.ts': 'export const exact = "exact";',
    'node_modules/real/package.json': '{"exports":{".":"./i.js","./sub":"./sub.js"}}',
    'node_modules/real/i.js': 'export default "real";',
    'node_modules/real/sub.js': 'export const sub = "sub";',
  };
  const imports = { '@shared/': '../_shared/', exact: '../_shared/exact.ts', pkg: 'npm:real@1' };

  test('beside the function names files and packages, and what is below a package', async () => {
    const result = await offline.build(sourceOf({ ...project, ...map({ imports }, 'functions/a/deno.json') }));
    assert.deepEqual(defaultOf(result), ['shared', 'exact', 'real', 'sub']);
  });

  test('of the folder of all functions is found, and named from a deno.json', async () => {
    const upper = { '@shared/': './_shared/', exact: './_shared/exact.ts', pkg: 'npm:real@1' };
    const direct = map({ imports: upper }, 'functions/import_map.json');
    const named = {
      ...map({ importMap: '../maps/all.json' }, 'functions/deno.json'),
      ...map(
        { imports: { '@shared/': '../functions/_shared/', exact: '../functions/_shared/exact.ts', pkg: 'npm:real@1' } },
        'maps/all.json',
      ),
    };
    for (const maps of [direct, named])
      assert.deepEqual(defaultOf(await offline.build(sourceOf({ ...project, ...maps }))), [
        'shared',
        'exact',
        'real',
        'sub',
      ]);
  });

  test('has scopes, the longest first', async () => {
    const scopes = {
      './functions/': { exact: './functions/_shared/x.ts' },
      './functions/a/': { who: './functions/_shared/exact.ts' },
    };
    const result = await offline.build(
      sourceOf({
        ...project,
        'functions/a/index.ts': `import { exact } from 'who'; import { shared } from 'exact'; export default [exact, shared];`,
        ...map({ imports: { exact: './nowhere.ts' }, scopes }),
      }),
    );
    assert.deepEqual(defaultOf(result), ['exact', 'shared']);
  });

  test('has no say in packages', async () => {
    const result = await offline.build(
      sourceOf({
        'index.ts': `export { default } from 'real';`,
        'node_modules/real/package.json': '{"main":"i.js"}',
        'node_modules/real/i.js': 'export { default } from "other";',
        'node_modules/other/package.json': '{"main":"i.js"}',
        'node_modules/other/i.js': 'export default "package";',
        'mine.ts': 'export default "mine";',
        ...map({ imports: { other: './mine.ts' } }),
      }),
    );
    assert.equal(defaultOf(result), 'package');
  });

  test('gives addresses, and names for what they import', async (t) => {
    const { builder } = await fetching(t, {
      'https://a.example/mod.js': 'import who from "who"; export default who;',
    });
    const result = await builder.build(
      sourceOf({
        'index.ts': `export { default } from 'lib';`,
        'who.ts': 'export default "mapped";',
        ...map({ imports: { lib: 'https://a.example/mod.js', who: './who.ts' } }),
      }),
    );
    assert.equal(defaultOf(result), 'mapped');
  });

  test('that is none, or leads nowhere, is told', async () => {
    const failing = async (maps: Record<string, string>): Promise<string> =>
      (await faultOf(offline.build(sourceOf({ ...project, ...maps })))).message;
    assert.match(await failing({ 'deno.json': '{' }), /^deno\.json: /);
    assert.match(await failing({ 'deno.json': '{"imports":[]}' }), /^deno\.json: "imports" must be an object/);
    assert.match(await failing({ 'deno.json': '{"imports":{"a":1}}' }), /what "a" stands for must be a string/);
    assert.match(
      await failing({ 'deno.json': '{"importMap":"x.json"}' }),
      /"importMap" names "x\.json", which is not among/,
    );
    const nowhere = { imports: { ...imports, '@shared/': './nowhere/' } };
    assert.match(
      await failing(map(nowhere)),
      /^functions\/a\/index\.ts:1:24: The import map gives "\.\/nowhere\/x\.ts" for it: /,
    );
  });
});

suite('a module of Node', () => {
  test('costs a function nothing that does not import it', async () => {
    const plain = await offline.build(sourceOf('export default 1'));
    assert.ok(plain.code.length < 1500, `${plain.code.length} bytes`);
    const { code } = await offline.build(sourceOf(`import { join } from 'path'; export default join('a', 'b')`));
    assert.ok(code.length < 8000, `${code.length} bytes`);
  });

  test('is the same by every name, and for require', async () => {
    const code = `import a from 'node:events'; import b, { EventEmitter } from 'events'; const c = require('events'); const d = require('node:events'); export default [a === b, a === c, c === d, a === EventEmitter, c.EventEmitter === c];`;
    assert.deepEqual(defaultOf(await offline.build(sourceOf(code))), [true, true, true, true, true]);
  });

  test('that is missing may be looked for in a try', async () => {
    const code = `let fs = 'none'; try { fs = require('fs') } catch {} export default fs;`;
    const result = await offline.build(sourceOf(code));
    assert.deepEqual([defaultOf(result), result.warnings], ['none', []]);
  });

  test('has no export but those that it has', async () => {
    const fault = await faultOf(
      offline.build(sourceOf(`import { createCipheriv } from 'node:crypto'; export default createCipheriv;`)),
    );
    assert.match(fault.message, /^index\.ts:1:10: No matching export in "node:crypto" for import "createCipheriv"/);
  });

  test('of ours that only ours may import is not there', async () => {
    const fault = await faultOf(offline.build(sourceOf(`import 'node:internal/inspect'`)));
    assert.match(fault.message, /"node:internal\/inspect" is a module of Node\.js that the isolate tier does not have/);
  });

  test('gives its globals to modules, and none to script bodies', async () => {
    const code = 'typeof process + typeof Buffer + typeof setImmediate + typeof global';
    const asModule = await offline.build(sourceOf(`export default ${code};`));
    assert.equal(defaultOf(asModule), 'objectfunctionfunctionobject');
    const { code: script } = await offline.build(sourceOf(`return ${code}`, 'script'));
    const { default: run } = (
      runInNewContext(Buffer.from(script).toString()) as () => { default: () => Promise<string> }
    )();
    assert.equal(await run(), 'undefined'.repeat(4));
  });

  test('that keeps stores is warned of where await is not lowered', async () => {
    const code = `import { AsyncLocalStorage } from 'node:async_hooks'; await null; export default new AsyncLocalStorage();`;
    const { format, warnings } = await offline.build(sourceOf(code));
    assert.equal(format, 'module');
    assert.match(warnings.join(), /AsyncLocalStorage loses its store/);
  });
});
