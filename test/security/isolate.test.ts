/** Code that tries to get out of its isolate, or at what is not its own: one named attack each. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from '../support/calls.ts';
import { startIsolateTier } from '../support/isolate-tier.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { MemoryCapabilities, servePlaces } from '../support/memory-capabilities.ts';
import { OpenSandbox } from '../support/sandbox.ts';

let subject: TierUnderTest;
let executor: Executor;
let broken: string[] = [];
const capabilities = new MemoryCapabilities(servePlaces);
before(async () => {
  subject = await startIsolateTier('bwrap', capabilities);
  executor = await subject.tier.spawn();
  executor.listen({
    onExit: () => undefined,
    onBroken: (reason) => broken.push(reason),
    onOverrun: () => undefined,
    onLog: () => undefined,
  });
});
after(async () => {
  await executor?.kill('the tests are over');
  await subject?.close();
  assert.deepEqual(broken, [], 'no attack made the executor break the protocol');
});

let count = 0;
async function open(code: string): Promise<OpenSandbox> {
  return new OpenSandbox(
    executor,
    makeVersion(`attack${++count}`, {
      artifact: await subject.build(code),
      limits: { concurrency: 64, memoryMb: 128, timeoutMs: 5_000 },
    }),
  );
}

/** What the attack's function returns, as JSON. */
async function attack(body: string): Promise<unknown> {
  const sandbox = await open(
    `export default { async fetch(request, env, ctx) { const found = await (async () => { ${body} })(); return Response.json(found ?? null); } }`,
  );
  return JSON.parse((await sandbox.call()).body);
}

test('the Function constructor is not reached through any object that the guest is given', async () => {
  const found = await attack(`
    const reached = [];
    const seen = new Set();
    const visit = (value, path, depth) => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 5) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) {
        let inner; try { inner = value[key]; } catch { continue; }
        visit(inner, path + '.' + String(key), depth + 1);
      }
      try { visit(Object.getPrototypeOf(value), path + '.__proto__', depth + 1); } catch {}
      if (typeof value === 'function') for (const make of [() => value('return 7'), () => new value('return 7'), () => value.constructor('return 7')]) {
        try { const made = make(); if (typeof made === 'function' && made() === 7) reached.push(path); } catch {}
      }
    };
    for (const [name, value] of Object.entries({ request, env, ctx, response: new Response(''), globalThis })) visit(value, name, 0);
    for (const f of [() => {}, async () => {}, function* () {}, async function* () {}, class {}]) visit(f.constructor, f.toString(), 0);
    return reached;`);
  assert.deepEqual(found, []);
});

test('no host object is reachable: nothing of Node, of isolated-vm or of the mailbox is a global', async () => {
  const names = (await attack('return Reflect.ownKeys(globalThis).map(String)')) as string[];
  for (const name of [
    'process',
    'require',
    'module',
    'Buffer',
    'global',
    'ivm',
    'isolated_vm',
    'port',
    '__bundle',
    'SharedArrayBuffer',
    'Atomics',
    'WebAssembly',
  ])
    assert.ok(!names.includes(name), name);
});

test('call sites of an error show no object of ours', async () => {
  const found = await attack(`
    const seen = [];
    Error.prepareStackTrace = (error, sites) => { for (const site of sites ?? []) { seen.push(typeof site.getThis?.(), typeof site.getFunction?.()); } return ''; };
    try { null.x; } catch (error) { void error.stack; }
    request.headers.get('x'); void new Error().stack;
    return seen.filter((kind) => kind !== 'undefined');`);
  assert.deepEqual(found, []);
});

for (const [name, patch] of [
  [
    'Array.prototype',
    `for (const key of Object.getOwnPropertyNames(Array.prototype)) if (typeof Array.prototype[key] === 'function') Array.prototype[key] = function () { globalThis.caught.push(['Array.' + key, arguments.length]); return this; };`,
  ],
  [
    'setters for array indices',
    `for (let i = 0; i < 20; i++) Object.defineProperty(Array.prototype, String(i), { set(value) { globalThis.caught.push(typeof value); }, configurable: true });`,
  ],
  [
    'Object.prototype',
    `for (const key of ['then', 'get', 'set', 'value', 'id', 'meta', 'status', 'headers', 'body', 'kind', 'writable', 'toJSON', 'reference', 'copy']) Object.defineProperty(Object.prototype, key, { get() { globalThis.caught.push(key); return undefined; }, set(v) { Object.defineProperty(this, key, { __proto__: null, value: v, writable: true, configurable: true, enumerable: true }); }, configurable: true, __proto__: null });`,
  ],
  [
    'Map, Set and WeakMap',
    `for (const C of [Map, Set, WeakMap]) for (const key of Object.getOwnPropertyNames(C.prototype)) if (key !== 'constructor' && key !== 'size') C.prototype[key] = function () { globalThis.caught.push(C.name + key); };`,
  ],
  ['JSON', `JSON.parse = JSON.stringify = () => { globalThis.caught.push('JSON'); return 'x'; };`],
  [
    'String and Number prototypes',
    `for (const key of ['slice', 'split', 'indexOf', 'toLowerCase', 'charCodeAt', 'startsWith', 'replace']) String.prototype[key] = () => { globalThis.caught.push(key); return 'x'; };`,
  ],
  [
    'Reflect and Object',
    `Reflect.apply = Object.defineProperty = Object.keys = () => { globalThis.caught.push('apply'); };`,
  ],
] as const) {
  test(`a function that patches ${name} reaches nothing of ours, and is answered as before`, async () => {
    const sandbox = await open(`
      globalThis.caught = [];
      const push = globalThis.caught.push.bind(globalThis.caught), Res = Response;
      globalThis.caught = { push: (...all) => { globalThis.n = (globalThis.n ?? 0) + 1; } };
      let patched = false;
      export default { fetch(request) {
        if (!patched) { patched = true; ${patch} return new Res('patched'); }
        return new Res('again', { status: 201, headers: { 'x-a': 'b' } });
      } }`);
    assert.equal((await sandbox.call()).body, 'patched');
    const again = await sandbox.call({
      method: 'POST',
      body: Buffer.from('{"a":1}'),
      headers: ['content-type', 'application/json'],
    });
    assert.equal(again.status, 201);
    assert.equal(again.body, 'again');
  });

  test(`a function that patches ${name} fetches as before, and sees nothing of how`, async () => {
    const sandbox = await open(`
      const ask = fetch, Res = Response, read = Response.prototype.text;
      const seen = globalThis.caught = { all: '', push(args) { this.all += args; } };
      let patched = false;
      export default { fetch(request) {
        if (!patched) { patched = true; ${patch} }
        if (request.url.endsWith('seen')) return new Res(seen.all);
        return ask('http://count/', { method: 'POST', body: new Uint8Array(100000) });
      } }`);
    for (let i = 0; i < 2; i++) {
      const sink = sandbox.start({});
      await sink.outcome;
      assert.equal(sink.fault, null);
      assert.equal(sink.text, '100000');
    }
    assert.doesNotMatch((await sandbox.call({ url: 'http://localhost/seen' })).body, /ASK|answer|outbox|echo/);
  });
}

test('code that makes JSON of every list something else harms its own answers alone', async () => {
  const sandbox = await open(`
    Array.prototype.toJSON = Object.prototype.toJSON = () => undefined;
    export default { fetch: (request) => request.url.endsWith('throw') ? Promise.reject(new Error('own')) : new Response('still here') }`);
  assert.equal((await sandbox.call()).body, 'still here');
  assert.equal((await sandbox.fault({ url: 'http://localhost/throw' })).code, 'HANDLER_THREW');
});

test('a response that is kept gives the next invocation nothing of what was still to come', async () => {
  const sandbox = await open(`
    let kept;
    export default { async fetch(request) {
      if (kept === undefined) { kept = await fetch('http://stalled/'); return new Response('kept'); }
      return new Response(await kept.text().catch((error) => error.message));
    } }`);
  assert.equal((await sandbox.call()).body, 'kept');
  assert.equal((await sandbox.call()).body, 'fetch failed: its invocation is over');
});

test('a thenable result can answer its own call only', async () => {
  const sandbox = await open(`
    let kept;
    export default { fetch(request) {
      if (request.url.endsWith('keep')) return { then(resolve) { kept = resolve; } };
      kept(new Response('for the first')); kept(new Response('again')); return new Response('for the second');
    } }`);
  const first = sandbox.call({ url: 'http://localhost/keep' });
  assert.equal((await sandbox.call()).body, 'for the second');
  assert.equal((await first).body, 'for the first');
});

test('a capability that outlives its invocation is refused', async () => {
  const sandbox = await open(`
    let kept;
    export default { fetch(request, env, ctx) {
      if (kept === undefined) { kept = ctx; return new Response('kept'); }
      try { kept.waitUntil(Promise.resolve()); return new Response('taken'); } catch (error) { return new Response('refused'); }
    } }`);
  await sandbox.call();
  assert.equal((await sandbox.call()).body, 'refused');
});

test('another sandbox of the same executor shares nothing: no global, no prototype, no symbol', async () => {
  const code = `export default { fetch() {
    const before = [globalThis.mark, Object.prototype.mark, Symbol.for('mark').mark, Array.mark];
    globalThis.mark = Object.prototype.mark = Array.mark = 1;
    return new Response(before.map(String).join());
  } }`;
  for (let i = 0; i < 2; i++)
    assert.equal((await (await open(code)).call()).body, 'undefined,undefined,undefined,undefined');
});

test('random values of two sandboxes differ', async () => {
  const code = 'export default { fetch: () => new Response(crypto.randomUUID() + Math.random()) }';
  const values = await Promise.all(Array.from({ length: 8 }, async () => (await (await open(code)).call()).body));
  assert.equal(new Set(values).size, values.length);
});
