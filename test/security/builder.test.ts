/** Attacks on the build: sources are as hostile as running code, and so is a child that a source has taken over. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { FetchModule } from '../../src/builder/module-fetches.ts';
import type { Fault } from '../../src/core/faults.ts';
import { MB } from '../../src/core/limits.ts';
import type { Wall, WalledProcess, WallName } from '../../src/walls/wall.ts';
import { findWall, sourceOf, startBuilder } from '../support/builder.ts';

type Files = Readonly<Record<string, string>>;

const best = (await findWall()) as Wall;

async function refused(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => assert.fail('it was built'),
    (reason: unknown) => reason,
  );
  return error as Fault;
}

/** A wall that remembers what was started behind it. */
function watched(wall: Wall): { readonly wall: Wall; readonly started: WalledProcess[]; readonly folders: string[] } {
  const started: WalledProcess[] = [];
  const folders: string[] = [];
  const start: Wall['start'] = async (command) => {
    const child = await wall.start(command);
    started.push(child);
    folders.push(command.args[0]!);
    return child;
  };
  return { wall: { ...wall, start }, started, folders };
}

/** Each names a file of the machine that the attacker would like to have in the bundle, or in an error message. */
const ESCAPES: Readonly<Record<string, Files>> = {
  'a relative path': { 'index.ts': `import x from '../../../../etc/passwd'; export default x` },
  'a relative path, as text': {
    'index.ts': `import x from '../../etc/passwd' with { type: 'text' }; export default x`,
  },
  'an absolute path': { 'index.ts': `import x from '/etc/passwd'; export default x` },
  'an absolute path, as text': { 'index.ts': `import x from '/etc/passwd' with { type: 'text' }; export default x` },
  'a file URL': { 'index.ts': `import x from 'file:///etc/passwd'; export default x` },
  'require of an absolute path': { 'index.js': `module.exports = require('/etc/passwd')` },
  'require in a try': { 'index.js': `try { module.exports = require('/etc/passwd') } catch {}` },
  'a dynamic import': { 'index.ts': `export default () => import('/etc/passwd')` },
  'a symbolic link of /proc': {
    'index.ts': `import x from '/proc/self/root/etc/passwd' with { type: 'text' }; export default x`,
  },
  'its own process': { 'index.ts': `import x from '/proc/self/environ' with { type: 'text' }; export default x` },
  'a package': {
    'index.ts': `import x from 'p'; export default x`,
    'node_modules/p/package.json': '{"main":"../../../../../../etc/passwd"}',
  },
  'a package with an absolute main': {
    'index.ts': `import x from 'p'; export default x`,
    'node_modules/p/package.json': '{"main":"/etc/passwd"}',
  },
  'the exports of a package': {
    'index.ts': `import x from 'p'; export default x`,
    'node_modules/p/package.json': '{"exports":"./../../../../etc/passwd"}',
  },
  'the imports of a package': {
    'index.ts': `import x from '#x'; export default x`,
    'package.json': '{"imports":{"#x":"/etc/passwd"}}',
  },
  'the paths of a tsconfig': {
    'index.ts': `import x from 'p'; export default x`,
    'tsconfig.json': '{"compilerOptions":{"baseUrl":"/","paths":{"p":["/etc/passwd"]}}}',
  },
  CSS: {
    'index.ts': `import x from './a.css'; import y from '/etc/passwd'; export default [x, y]`,
    'a.css': '@import "/etc/passwd";',
  },
};

for (const name of ['bwrap', 'unshare', 'none'] satisfies WallName[]) {
  const wall = await findWall(name);
  suite(`behind ${name}`, { skip: wall === null && `${name} does not work here` }, () => {
    test('no import reaches a file outside of the sources', async (t) => {
      const builder = await startBuilder(t, { wall: wall! });
      for (const [how, files] of Object.entries(ESCAPES)) {
        const said = await builder.build(sourceOf(files)).then(
          ({ code, map, warnings }) =>
            `built: ${Buffer.concat([code, gunzipSync(map!)]).toString()} ${warnings.join()}`,
          ({ code, message, details }: Fault) => [code, message, ...(details.issues ?? [])].join('\n'),
        );
        // An import that is allowed to fail at run time is left out of the bundle where the wall shows no such file.
        assert.match(said, how === 'require in a try' ? /^(?:built|COMPILE_FAILED)/ : /^COMPILE_FAILED/, how);
        assert.doesNotMatch(said, /root:|\/bin\/|SHELL|PATH=/, how);
      }
    });

    test('an uploaded tsconfig is not obeyed, whatever it extends', async (t) => {
      const builder = await startBuilder(t, { wall: wall! });
      const { code } = await builder.build(
        sourceOf({
          'index.tsx': 'export default () => <p/>',
          'tsconfig.json': '{"extends":"/etc/passwd","compilerOptions":{"jsxFactory":"evil"}}',
        }),
      );
      assert.doesNotMatch(Buffer.from(code).toString(), /evil|root:/);
    });

    test('nothing of the sources is run: no configuration, no plugin, no install script, no code', async (t) => {
      const builder = await startBuilder(t, { wall: wall!, timeoutMs: 10_000 });
      const endless = 'while (true) {}';
      const { format } = await builder.build(
        sourceOf({
          'index.ts': `${endless}\nimport 'p'; export default 1`,
          'package.json':
            '{"scripts":{"preinstall":"sleep 100","prepare":"sleep 100"},"esbuild":{"plugins":["./plugin.js"]},"type":"commonjs"}',
          ...Object.fromEntries(
            ['plugin.js', 'esbuild.config.js', 'esbuild.config.mjs', 'babel.config.js'].map((path) => [path, endless]),
          ),
          'node_modules/p/package.json': '{"main":"index.js","scripts":{"postinstall":"sleep 100"}}',
          'node_modules/p/index.js': endless,
          'node_modules/esbuild/package.json': '{"main":"index.js"}',
          'node_modules/esbuild/index.js': endless,
        }),
      );
      assert.equal(format, 'script');
    });

    test('a build that is killed leaves no process and no file behind', async (t) => {
      const { wall: spied, started, folders } = watched(wall!);
      const builder = await startBuilder(t, { wall: spied, timeoutMs: 300 });
      const fault = await refused(builder.build(sourceOf(starExports())));
      assert.equal(fault.message, 'The build took longer than 0.3 s');
      await builder.close();
      await Promise.all(started.map(({ exited }) => exited));
      for (const { pid } of started) assert.equal(existsSync(`/proc/${pid}`), false);
      for (const folder of folders) assert.equal(existsSync(folder), false, folder);
    });
  });
}

/** Each of 3 × 200 modules exports all of the next three: 3^200 ways lead to the last. */
function starExports(): Files {
  const files: Record<string, string> = { 'index.ts': `export * from './a0.ts'` };
  for (let i = 0; i < 200; i++) {
    const next = ['a', 'b', 'c'].map((name) => `export * from './${name}${i + 1}.ts';`).join('');
    for (const name of 'abc') files[`${name}${i}.ts`] = i === 199 ? `export const ${name} = 1` : next;
  }
  return files;
}

function doublingEnum(): string {
  const members = Array.from({ length: 44 }, (_, i) => `a${i + 1} = a${i} + a${i}`);
  return `const enum A { a0 = "xxxxxxxxxx", ${members.join(', ')} }\nexport default () => A.a44`;
}

const BOMBS: Readonly<Record<string, string>> = {
  'a constant that doubles 44 times': doublingEnum(),
  'a million brackets': `export default ${'['.repeat(1e6)}${']'.repeat(1e6)}`,
  'a million arrows': `export default ${'a=>'.repeat(1e6)}1`,
  'a source map without an end': 'export default 1\n//# sourceMappingURL=/dev/zero',
  'forty megabytes': `export default "${'x'.repeat(40e6)}"`,
};

test('a source that explodes is stopped within its bounds, and the next one is built', async (t) => {
  const builder = await startBuilder(t, { wall: best, timeoutMs: 5_000, memoryMb: 384 });
  const rssBefore = process.memoryUsage().rss;
  for (const [what, code] of Object.entries(BOMBS)) {
    const startMs = performance.now();
    const fault = await refused(builder.build(sourceOf(code)));
    assert.ok(fault.code === 'COMPILE_FAILED' || fault.code === 'CODE_TOO_LARGE', `${what}: ${fault.code}`);
    assert.equal(fault.blame, 'tenant');
    assert.ok(performance.now() - startMs < 15_000, what);
    const { format } = await builder.build(sourceOf(`export default ${JSON.stringify(what)}`));
    assert.equal(format, 'script');
  }
  assert.ok(process.memoryUsage().rss - rssBefore < 400 * MB);
});

test('one who sends many slow builds does not keep others from theirs', async (t) => {
  const builder = await startBuilder(t, { wall: best, concurrency: 1, timeoutMs: 700 });
  const slow = Array.from({ length: 5 }, (_, i) =>
    refused(builder.build(sourceOf({ ...starExports(), [`${i}.txt`]: '' }), 'greedy')),
  );
  const ended: string[] = [];
  for (const build of slow) void build.then(() => ended.push('slow'));
  await builder.build(sourceOf('export default 1'), 'modest');
  ended.push('modest');
  await Promise.all(slow);
  assert.ok(ended.indexOf('modest') <= 2, ended.join());
});

/** Runs this in the place of the builder child. */
async function takenOver(t: TestContext, script: string, timeoutMs = 5_000, fetchModule?: FetchModule): Promise<Fault> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, 'hostile.mjs');
  await writeFile(
    file,
    `import { Socket } from 'node:net';
     const host = new Socket({ fd: 3, readable: true, writable: true });
     const frame = (type, stream, payload = Buffer.alloc(0), length = 5 + payload.length) => {
       const head = Buffer.alloc(9);
       head.writeUInt32LE(length, 0);
       head[4] = type;
       head.writeUInt32LE(stream, 5);
       host.write(Buffer.concat([head, payload]));
     };
     const meta = (value, body = '') => {
       const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
       const length = Buffer.alloc(4);
       length.writeUInt32LE(text.length);
       return Buffer.concat([length, text, Buffer.from(body)]);
     };
     const ready = () => frame(16, 0);
     const asked = (then) => host.once('data', then);
     ${script}`,
    { mode: 0o644 },
  );
  const wall: Wall = { ...best, start: (command) => best.start({ ...command, script: file }) };
  const builder = await startBuilder(t, { wall, timeoutMs, ...(fetchModule === undefined ? {} : { fetchModule }) });
  return refused(builder.build(sourceOf('export default 1')));
}

const LIES: readonly (readonly [what: string, script: string, outcome: RegExp])[] = [
  [
    'an answer before the question',
    `frame(17, 1, meta({ kind: 'failed', message: 'x', issues: [] }));`,
    /did not start/,
  ],
  ['an answer to another question', `ready(); asked(() => frame(17, 2, meta({})));`, /ended without a result/],
  [
    'a frame of four gigabytes',
    `ready(); asked(() => frame(17, 1, Buffer.alloc(0), 0xffffffff));`,
    /ended without a result/,
  ],
  ['a frame of an unknown type', `ready(); asked(() => frame(99, 1));`, /ended without a result/],
  ['a frame too short', `ready(); asked(() => frame(17, 1, Buffer.alloc(0), 1));`, /ended without a result/],
  [
    'a meta that is longer than its frame',
    `ready(); asked(() => frame(17, 1, Buffer.from([255, 255, 0, 0])));`,
    /ended without a result/,
  ],
  ['a meta that is not JSON', `ready(); asked(() => frame(17, 1, meta('{')));`, /ended without a result/],
  [
    'parts that are longer than the body',
    `ready(); asked(() => frame(17, 1, meta({ kind: 'built', format: 'script', codeBytes: 9e9, cacheBytes: 0, mapBytes: 0, warnings: [] }, 'x')));`,
    /ended without a result/,
  ],
  [
    'an ask where nothing may be fetched',
    `ready(); asked(() => frame(32, 1, meta([1, 'module', 0, { url: 'https://x.y' }])));`,
    /ended without a result/,
  ],
  ['its own end', `ready(); asked(() => process.exit(0));`, /ended without a result/],
  ['silence', `ready();`, /took longer than 1 s/],
  // What the host does not take in fills the child's own memory.
  [
    'a flood of output',
    `ready(); setInterval(() => console.log('x'.repeat(1e6)), 1);`,
    /took longer than 1 s|took more than 512 MB/,
  ],
  [
    'a bomb',
    `ready(); asked(() => { const all = []; for (;;) all.push(Buffer.alloc(1e7, 1)); });`,
    /took more than 512 MB/,
  ],
];

suite('from a child that was taken over, the host survives', () => {
  for (const [what, script, outcome] of LIES) {
    test(what, async (t) => {
      const fault = await takenOver(t, script, outcome.source.includes('longer') ? 1_000 : 10_000);
      assert.match(fault.message, outcome);
    });
  }
});

const ASKING: readonly (readonly [what: string, script: string])[] = [
  ['a module by no address', `asked(() => frame(32, 1, meta([1, 'module', 0, { url: 7 }])));`],
  ['a module without a number', `asked(() => frame(32, 1, meta(['1', 'module', 0, { url: 'https://x.y/' }])));`],
  ['something else than a module', `asked(() => frame(32, 1, meta([1, 'fetch', 0, { url: 'https://x.y/' }])));`],
  ['nothing at all', `asked(() => frame(32, 1, meta('null')));`],
  [
    'two with one number',
    `asked(() => { for (const n of [1, 2]) frame(32, 1, meta([1, 'module', 0, { url: 'https://x.y/' + n }])); });`,
  ],
  [
    'more modules than there are',
    `asked(() => { for (let n = 0; n < 5000; n++) frame(32, 1, meta([n, 'module', 0, { url: 'https://x.y/' + n }])); });`,
  ],
];

suite('a child that was taken over and asks for', () => {
  for (const [what, script] of ASKING) {
    test(`${what} is ended`, async (t) => {
      const fetched: string[] = [];
      const fault = await takenOver(t, `ready(); ${script}`, 10_000, (url) => {
        fetched.push(url);
        return new Promise(() => undefined);
      });
      assert.match(fault.message, /ended without a result/);
      assert.ok(fetched.length <= 8, `${fetched.length} at once`);
    });
  }

  test('what is no https: address gets nothing', async (t) => {
    const fetched: string[] = [];
    const urls = ['http://x.y/', 'file:///etc/passwd', 'https://', `https://x.y/${'z'.repeat(3000)}`, 'data:,x'];
    const script = `asked(() => { ${JSON.stringify(urls)}.forEach((url, n) => frame(32, 1, meta([n, 'module', 0, { url }]))); host.on('data', (data) => { if (data.includes('by https: only')) frame(17, 1, meta({ kind: 'failed', message: 'refused', issues: [] })); }); });`;
    const fault = await takenOver(t, `ready(); ${script}`, 10_000, (url) => {
      fetched.push(url);
      return new Promise(() => undefined);
    });
    assert.deepEqual([fault.message, fetched], ['refused', []]);
  });
});
