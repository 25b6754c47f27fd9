import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import type { BuildResult } from '../../../src/builder/build-result.ts';
import { SourceMaps } from '../../../src/observe/source-maps.ts';
import type { Wall } from '../../../src/walls/wall.ts';
import { findWall, sourceOf, startBuilder } from '../../support/builder.ts';

const builder = await startBuilder({ after }, { wall: (await findWall()) as Wall });

type Run = (ctx?: unknown) => unknown;

/** The stack that the default export of a bundle ends with, mapped. */
async function stackOf(result: BuildResult): Promise<string> {
  const context = createContext({ queueMicrotask });
  runInContext('Error.stackTraceLimit = 40', context);
  const load = runInContext(Buffer.from(result.code).toString('utf8'), context, { filename: 'function.js' }) as (
    services: object,
  ) => { default: Run };
  const { default: run } = load({ env: {}, bindContext: (fn: unknown) => fn });
  let error: unknown;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  const { stack } = error as Error;
  // Without what runs the test.
  const ours = stack!.split('\n').filter((line) => !/node:|file:|Promise\.all/.test(line));
  return new SourceMaps().mapStack(result, ours.join('\n'));
}

suite('a stack shows', () => {
  test('the files, lines and columns that the author wrote', async () => {
    const result = await builder.build(
      sourceOf({
        'index.ts': `import { fail } from './lib/fail.ts';\ninterface A { a: number }\n\nexport default (): A => fail({ a: 1 });`,
        'lib/fail.ts': `/** A comment. */\nexport function fail(x: unknown): never {\n  throw new Error('no');\n}`,
      }),
    );
    assert.equal(await stackOf(result), 'Error: no\n    at fail (lib/fail.ts:3:9)\n    at default (index.ts:4:25)');
  });

  test('an async function as one frame, whatever runs it', async () => {
    const result = await builder.build(
      sourceOf(
        `async function inner() {\n  throw new Error('no');\n}\nexport default async () => {\n  await inner();\n};`,
      ),
    );
    assert.equal(await stackOf(result), 'Error: no\n    at inner (index.ts:2:9)\n    at default (index.ts:5:9)');
  });

  test('what follows an await', async () => {
    const code = `export class Job {\n  async run() {\n    await null;\n    throw new Error('late');\n  }\n}\nexport default () => new Job().run();`;
    assert.equal(
      await stackOf(await builder.build(sourceOf(code))),
      'Error: late\n    at Job.<anonymous> (index.ts:4:11)',
    );
  });

  test('a script body where it was written, on its first line too', async () => {
    const first = await builder.build(sourceOf(`const a = null; a.b; return 1`, 'script'));
    assert.match(await stackOf(first), /\n {4}at default \(index\.ts:1:19\)$/);
    const third = await builder.build(sourceOf(`const a = 1;\n\n  throw new Error('x')`, 'script'));
    assert.equal(await stackOf(third), 'Error: x\n    at default (index.ts:3:9)');
  });

  test('none of our versions of Node’s modules', async () => {
    const code = `import { EventEmitter } from 'node:events';\nconst e = new EventEmitter();\ne.on('x', function heard() { throw new Error('no') });\nexport default () => e.emit('x');`;
    assert.equal(
      await stackOf(await builder.build(sourceOf(code))),
      'Error: no\n    at EventEmitter.heard (index.ts:3:36)\n    at default (index.ts:4:24)',
    );
  });
});

const STACK = 'Error: x\n    at f (function.js:1:1)\n    at g (function.js:2:5)';
const packed = (map: unknown): { map: Uint8Array } => ({
  map: gzipSync(typeof map === 'string' ? map : JSON.stringify(map)),
});
const VALID = { version: 3, sources: ['a.ts'], names: [], mappings: 'AAAA' };

suite('a map that a hostile builder made', () => {
  const given: Readonly<Record<string, { map: Uint8Array | null }>> = {
    'is not there': { map: null },
    'is empty': { map: new Uint8Array(0) },
    'is not compressed': { map: Buffer.from('{}') },
    'is not JSON': packed('{'),
    'is null': packed('null'),
    'has no mappings': packed({ version: 3 }),
    'has mappings of no kind': packed({ ...VALID, mappings: 5 }),
    'has sources of no kind': packed({ ...VALID, sources: { length: 1e9 } }),
    'is another version': packed({ ...VALID, version: 99, mappings: null }),
    'inflates without an end': packed(`{"mappings":"${';'.repeat(30e6)}"}`),
  };
  for (const [what, artifact] of Object.entries(given)) {
    test(`${what}: the stack stays as it is`, () => {
      assert.equal(new SourceMaps().mapStack(artifact, STACK), STACK);
    });
  }

  test('cannot write control characters or lines of its own', () => {
    const hostile = packed({ ...VALID, sources: [`\u001b[2J\n    at forged (x.ts:1:1)${'y'.repeat(1e5)}`] });
    const stack = new SourceMaps().mapStack(hostile, STACK);
    assert.ok(!stack.includes('\u001b') && stack.length < 1000);
    assert.equal(stack.split('\n').length, 2);
  });

  test('cannot point before the beginning', () => {
    // Segments of -5: lines and columns before the file.
    assert.equal(new SourceMaps().mapStack(packed({ ...VALID, mappings: 'AALL' }), STACK), 'Error: x');
  });

  test('cannot be read more often than there is time for', () => {
    let nowMs = 0;
    const maps = new SourceMaps({ readingMs: 10, nowMs: () => (nowMs += 6) });
    const isMapped = (): boolean => maps.mapStack(packed(VALID), STACK).includes('a.ts');
    assert.deepEqual([isMapped(), isMapped(), isMapped()], [true, true, false]);
    nowMs += 20_000;
    assert.equal(isMapped(), true);
  });
});

test('a map is read once, and those that were not used for longest are forgotten', () => {
  let reads = 0;
  const maps = new SourceMaps({ keptMb: 0.004, readingMs: 1e9, nowMs: () => reads++ });
  const artifacts = Array.from({ length: 4 }, () => packed(VALID));
  const readsOf = (artifact: { map: Uint8Array }): number => {
    const before = reads;
    maps.mapStack(artifact, STACK);
    return reads - before;
  };
  assert.deepEqual([readsOf(artifacts[0]!) > 0, readsOf(artifacts[0]!)], [true, 0]);
  for (const artifact of artifacts.slice(1)) readsOf(artifact);
  assert.ok(readsOf(artifacts[0]!) > 0);
  assert.equal(readsOf(artifacts[3]!), 0);
});

test('text without a frame of a bundle is left alone', () => {
  const maps = new SourceMaps();
  for (const text of ['', 'function.js:1:1', 'x'.repeat(100_000), '    at f (other.js:1:1)'])
    assert.equal(maps.mapStack(packed(VALID), text), text);
});
