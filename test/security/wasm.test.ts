/** Attacks on the wasm tier: on the engine, on the bridge to it, and on whoever shares its executor. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Artifact } from '../../src/core/function.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from '../support/calls.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { NOT_BEGUN, OpenSandbox } from '../support/sandbox.ts';
import { startWasmTier } from '../support/wasm-tier.ts';

/** Longer than any of these needs, on a machine that does much else. */
const LONG_MS = 60_000;

describe('the wasm tier under attack', () => {
  let subject: TierUnderTest;
  let executor: Executor;
  const ended: string[] = [];
  before(async () => {
    subject = await startWasmTier('bwrap');
    executor = await subject.tier.spawn();
    executor.listen({
      onExit: (reason) => void ended.push(reason),
      onBroken: (reason) => void ended.push(reason),
      onOverrun: ({ key }) => void ended.push(`${key} ran over`),
      onLog: () => undefined,
    });
  });
  after(async () => {
    assert.deepEqual(ended, []);
    await executor?.kill('the suite is over');
    await subject?.close();
  });

  let count = 0;
  /** Code that nobody built, so that nothing of it is taken away before it comes here. */
  const open = (code: string, limits: Partial<Limits> = {}): OpenSandbox => {
    const artifact: Artifact = { format: 'source', code: Buffer.from(code), cache: null, interleaves: false };
    return new OpenSandbox(
      executor,
      makeVersion(`a${++count}`, { artifact, tier: 'wasm', limits: { concurrency: 8, memoryMb: 64, ...limits } }),
    );
  };
  const valueOf = async (opened: OpenSandbox): Promise<unknown> =>
    (JSON.parse((await opened.call({ reply: 'value' })).body) as { readonly body: unknown }).body;
  const bodyOf = (code: string, limits?: Partial<Limits>): Promise<unknown> => valueOf(open(`return ${code}`, limits));

  test('no code is made of text', async () => {
    const tries = [
      `eval('1')`,
      `(0, eval)('1')`,
      `new Function('return 1')()`,
      `(() => {}).constructor('return 1')()`,
      `(async () => {}).constructor('return 1')()`,
      `(function* () {}).constructor('return 1')()`,
      `(async function* () {}).constructor('return 1')()`,
      `Reflect.construct(Object.getPrototypeOf(function () {}).constructor, ['return 1'])`,
    ];
    for (const code of tries) {
      const seen = await bodyOf(`(() => { try { ${code}; return 'made'; } catch (e) { return e.name } })()`);
      assert.equal(seen, 'EvalError', code);
    }
    assert.match(
      String(await bodyOf(`import('node:fs').then(() => 'got it', (e) => e.message)`)),
      /could not load|import/,
    );
  });

  test('nothing of the host or of an embedder is there', async () => {
    const names = [
      'std',
      'os',
      'scriptArgs',
      'print',
      'gc',
      'process',
      'require',
      'SharedArrayBuffer',
      'Atomics',
      'WebAssembly',
    ];
    const seen = await bodyOf(`${JSON.stringify(names)}.filter((name) => typeof globalThis[name] !== 'undefined')`);
    assert.deepEqual(seen, []);
  });

  test('a stack hands out no function of the bootstrap', async () => {
    const seen = await bodyOf(`(() => {
      const found = [];
      const hook = (error, sites) => { for (const site of sites) found.push(site.getFunction()); return 'mine'; };
      try { Error.prepareStackTrace = hook; } catch {}
      try { Object.defineProperty(Error, 'prepareStackTrace', { value: hook }); } catch {}
      const { stack } = new Error('x');
      try { null.x; } catch (e) { e.stack; }
      const target = {}; Error.captureStackTrace(target); target.stack;
      return [found.length, stack.includes('mine'), stack.includes('cordon:')];
    })()`);
    assert.deepEqual(seen, [0, false, false]);
  });

  test('a function’s caller and arguments say nothing', async () => {
    const seen = await bodyOf(
      `(function f() { const out = []; for (const key of ['caller', 'arguments']) try { out.push(typeof f[key]); } catch { out.push('undefined'); } return out; })()`,
    );
    assert.deepEqual(seen, ['undefined', 'undefined']);
  });

  test('the clock stands still within a turn', async () => {
    const seen = await bodyOf(`(() => {
      const [a, b] = [Date.now(), performance.now()];
      let n = 0; for (let i = 0; i < 1e6; i++) n += i;
      return [Date.now() - a, performance.now() - b, new Date() - a, Number.isInteger(b)];
    })()`);
    assert.deepEqual(seen, [0, 0, 0, true]);
  });

  const patches = `
    const never = () => { throw new Error('caught you'); };
    for (const name of ['push', 'map', 'join', 'slice', 'indexOf', 'concat']) Array.prototype[name] = never;
    for (let i = 0; i < 20; i++) Object.defineProperty(Array.prototype, i, { set: never, get: () => 'forged', configurable: true });
    Object.defineProperty(ArrayBuffer, Symbol.species, { get: () => never, configurable: true });
    Object.defineProperty(Object.getPrototypeOf(Uint8Array), Symbol.species, { get: () => never, configurable: true });
    Object.defineProperty(Promise, Symbol.species, { get: () => never, configurable: true });
    Promise.prototype.then = never; JSON.parse = JSON.stringify = never; String.prototype.slice = never;
    Uint8Array.prototype.set = never; Uint8Array.prototype.slice = never;
    for (const key of ['get', 'set', 'value', 'writable', 'length', 'toJSON', 'then']) Object.prototype[key] = undefined;`;

  test('a realm that is patched all over still gives the response that was made', async () => {
    const opened = open(`${patches}
      export default { fetch: () => new Response(bytes, { headers: { 'x-a': 'b' } }) };
      const bytes = new Uint8Array(20_000).fill(65);`);
    const { status, body } = await opened.call();
    assert.deepEqual([status, body.length, new Set(body).size], [200, 20_000, 1]);
  });

  test('buffers that are detached, resized or of another kind cross as what they are, or fail their own call', async () => {
    const opened = open(`export default { fetch(request) {
      const kind = new URL(request.url).pathname.slice(1);
      const bytes = new Uint8Array(30_000).fill(66);
      if (kind === 'detached') { const response = new Response(bytes); bytes.buffer.transfer(); return response; }
      if (kind === 'view') return new Response(new DataView(bytes.buffer, 10, 20));
      if (kind === 'words') return new Response(new Float64Array(10));
      if (kind === 'lying') { Object.defineProperty(bytes, 'length', { value: 2 ** 40 }); Object.defineProperty(bytes, 'byteLength', { value: -1 }); return new Response(bytes); }
      return new Response(new Proxy(bytes, {}));
    } }`);
    const lengths = [];
    for (const kind of ['detached', 'view', 'words', 'lying'])
      lengths.push((await opened.call({ url: `http://localhost/${kind}` })).body.length);
    assert.deepEqual(lengths.slice(1), [20, 80, 30_000]);
    assert.ok(lengths[0] === 30_000 || lengths[0] === 0);
    await opened.call({ url: 'http://localhost/proxy' }).catch(() => undefined);
    assert.equal((await opened.call({ url: 'http://localhost/view' })).status, 200);
  });

  const spinners: Readonly<Record<string, string>> = {
    'a loop': 'for (;;);',
    'a loop that catches everything': 'for (;;) try { for (;;); } catch {} finally { for (;;); }',
    'microtasks without end': '(function again() { Promise.resolve().then(again); })(); await new Promise(() => {});',
    'await without end': 'for (;;) await null;',
    'a regular expression': `/^(?:a+)+$/.test('a'.repeat(40) + '!');`,
    'a generator without end': 'for (const x of (function* () { for (;;) yield 1; })());',
    'a getter that the error’s reader meets': `throw { get message() { for (;;); } };`,
    'a proxy that never answers': `return new Proxy({}, { get() { for (;;); }, ownKeys() { for (;;); } });`,
    toJSON: `return { toJSON() { for (;;); } };`,
    'an array-like of 2^53': `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`,
  };
  for (const [what, code] of Object.entries(spinners)) {
    test(`${what} is stopped in time`, { timeout: LONG_MS }, async () => {
      const opened = open(code, { timeoutMs: 500 });
      assert.equal((await opened.fault({ reply: 'value' })).code, 'TIMED_OUT');
    });
  }

  test('code that never finishes loading is stopped in time', { timeout: LONG_MS }, async () => {
    const opened = open('for (;;); export default 1', { timeoutMs: 500 });
    assert.equal((await opened.fault()).code, 'TIMED_OUT');
  });

  test(
    'a builtin that can’t be interrupted is ended with its thread, and others go on',
    { timeout: LONG_MS },
    async () => {
      const neighbour = open(`return 'here'`);
      const stuck = open(
        `export default { fetch: (request) => { if (request.url.endsWith('quick')) return new Response('quick'); [...'ab'.repeat(2e6)].sort(); 'x'.repeat(2 ** 27).split('').sort(); for (;;); } }`,
        { timeoutMs: 700, memoryMb: 1024 },
      );
      const fault = stuck.fault();
      const behind = stuck.call({ url: 'http://localhost/quick' }).then(
        ({ body }) => body,
        (error: Error) => error.message,
      );
      assert.equal(await valueOf(neighbour), 'here');
      assert.ok(['TIMED_OUT', 'OUT_OF_MEMORY'].includes((await fault).code));
      // It came a moment later, so its time may have been up a moment after the other's, and before the thread was ended.
      assert.match(await behind, new RegExp(`^quick$|${NOT_BEGUN}|timed out`));
      assert.equal(await valueOf(neighbour), 'here');
      const again = open(`export default () => ({ statusCode: 200, body: 'again' })`);
      assert.equal((await again.call()).body, 'again');
    },
  );

  const bombs: Readonly<Record<string, string>> = {
    objects: 'const all = []; for (;;) all.push({ a: [1, 2, 3] });',
    'one buffer': 'return new ArrayBuffer(2 ** 30).byteLength;',
    'many buffers': 'const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));',
    strings: `const all = []; for (let i = 0; ; i++) all.push(('x' + i).repeat(1e5));`,
    promises: 'const all = []; for (;;) all.push(new Promise(() => {}).then(() => {}).finally(() => {}));',
    'a big number': 'let n = 1n; for (;;) n = n * (n + 3n) + 1n;',
    'a map': 'const all = new Map(); for (let i = 0; ; i++) all.set(i, { i });',
  };
  for (const [what, code] of Object.entries(bombs)) {
    test(`${what} end at the memory’s maximum`, { timeout: LONG_MS }, async () => {
      const opened = open(code, { timeoutMs: 30_000, cpuMs: 30_000, memoryMb: 16 });
      const { code: fault, message } = await opened.fault({ reply: 'value' });
      // QuickJS refuses some sizes by itself, with errors that the code could catch.
      assert.ok(
        fault === 'OUT_OF_MEMORY' || /too (?:large|long|big)|invalid array|array buffer length/i.test(message),
        `${fault} ${message}`,
      );
      assert.ok((executor.usage()?.rssBytes ?? Infinity) < 800e6);
    });
  }

  test('code that catches being out of memory goes no further than the maximum', { timeout: LONG_MS }, async () => {
    const opened = open(
      `let most = 0; for (let round = 0; round < 20; round++) { const all = []; try { for (;;) all.push(new Uint8Array(1e6)); } catch { most = Math.max(most, all.length); } } return most;`,
      { timeoutMs: 20_000, memoryMb: 64 },
    );
    const most = Number(await valueOf(opened));
    assert.ok(most > 10 && most < 64, `${most}`);
  });

  test('recursion without end is an error that the code can catch', { timeout: LONG_MS }, async () => {
    assert.equal(
      await bodyOf(`(() => { const f = (n) => 1 + f(n + 1); try { return f(0); } catch (e) { return e.name; } })()`),
      'RangeError',
    );
    for (const code of [
      `JSON.parse('['.repeat(1e6))`,
      `(() => { let list = []; for (let i = 0; i < 1e5; i++) list = [list]; return JSON.stringify(list).length; })()`,
      `new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('x')`,
      `(() => { let p = {}; for (let i = 0; i < 1e4; i++) p = new Proxy(p, {}); return typeof p.x; })()`,
    ])
      await open(`return ${code}`, { timeoutMs: 10_000 })
        .call({ reply: 'value' })
        .catch(() => undefined);
    assert.equal(await bodyOf('1 + 1'), 2);
  });

  test('code too deep to parse fails its own function', { timeout: LONG_MS }, async () => {
    for (const code of ['('.repeat(200_000), `${'['.repeat(50_000)}${']'.repeat(50_000)}`, `${'a=>'.repeat(50_000)}1`])
      await open(`return ${code}`).fault({ reply: 'value' });
    assert.equal(await bodyOf('1 + 1'), 2);
  });

  test('timers and asks are bounded, and their flood is its own', { timeout: LONG_MS }, async () => {
    const flood = open(
      `let failed = 0; for (let i = 0; i < 20_000; i++) try { setTimeout(() => {}, 1e6); } catch { failed++; } return failed;`,
    );
    assert.ok(Number(await valueOf(flood)) >= 10_000);
    assert.equal(await bodyOf('1 + 1'), 2);
  });
});
