/** Functions in a whole Node: every way to offer a handler, and what they find around themselves. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ANONYMOUS } from '../../../../src/core/principal.ts';
import { MemoryCapabilities, servePlaces } from '../../../support/memory-capabilities.ts';
import { workerSandboxes } from '../../../support/worker-sandboxes.ts';

const { open, run, logs } = workerSandboxes(new MemoryCapabilities(servePlaces));
const POST = { method: 'POST', url: 'http://localhost/fn/a?b=1', headers: ['content-type', 'application/json'] };
const post = (text: string): object => ({ ...POST, body: Buffer.from(text) });

suite('the conventions', () => {
  for (const [name, code, expected] of [
    [
      'a default function',
      `export default (req) => ({ statusCode: 200, body: req.method + req.query.b + req.body })`,
      'POST1{"k":2}',
    ],
    [
      'handler(event, context)',
      `export const handler = async (event, context) => ({ statusCode: 200, body: [event.httpMethod, event.body.k, context.functionName.slice(0, 1)].join() })`,
      'POST,2,w',
    ],
    [
      'module.exports',
      `const fs = require('node:fs'); module.exports = async (req) => ({ statusCode: 200, body: typeof fs.readFileSync + (await req.json()).k })`,
      'function2',
    ],
    [
      'exports.handler',
      `exports.handler = (event, context, callback) => ({ statusCode: 200, body: event.path })`,
      '/fn/a',
    ],
    [
      'functions named by methods',
      `export const POST = async (request) => new Response(await request.text())`,
      '{"k":2}',
    ],
    [
      'Deno.serve',
      `Deno.serve(async (request) => new Response(Deno.env.get('GIVEN') + (await request.json()).k))`,
      'value2',
    ],
    [
      'addEventListener',
      `addEventListener('fetch', (event) => event.respondWith(new Response(event.request.url)))`,
      'http://localhost/fn/a?b=1',
    ],
    [
      'top-level await',
      `const { sep } = await import('node:path'); await new Promise((r) => setTimeout(r, 5)); export default { fetch: () => new Response(sep) }`,
      '/',
    ],
  ] as const)
    test(name, async () => {
      assert.equal((await (await open(code)).call(post('{"k":2}'))).body, expected);
    });

  test('a script body has its ctx, and no way to Node', async () => {
    const opened = await open(
      `return { statusCode: 200, body: [ctx.data.k, ctx.user.id, 'require' in globalThis, typeof process, typeof fetch, typeof module].join() }`,
      { handler: 'script' },
    );
    const principal = { ...ANONYMOUS, role: 'user', id: 'u1', email: null, roles: [] } as const;
    assert.equal(
      (await opened.call({ ...post('{"k":2}'), principal })).body,
      '2,u1,false,undefined,undefined,undefined',
    );
  });

  test('code that does not load says why, in its own lines', async () => {
    const opened = await open(`const x = 1;\nimport 'node:fs';\nthrow new TypeError('not today');\nexport default {}`);
    const { code, message, details } = await opened.fault();
    assert.deepEqual([code, message], ['LOAD_FAILED', 'TypeError: not today']);
    assert.match(details.stack ?? '', /^TypeError: not today\n {4}at .*function\.js:\d+:\d+/);
    assert.doesNotMatch(details.stack ?? '', /node:|worker-/);
  });
});

suite('Request and Response', () => {
  test('a request is Node’s own to whoever asks', async () => {
    const opened = await open(`export default { async fetch(request) {
      const copy = new Request(request.clone(), { headers: { 'x-a': '1' } });
      const form = await new Request('http://h/', { method: 'POST', body: new URLSearchParams('a=b') }).formData();
      return Response.json([request instanceof Request, request.headers.get('content-type'), request.duplex, copy.headers.get('x-a'),
        await copy.json(), request.bodyUsed, await request.text(), request.bodyUsed, form.get('a'), Object.prototype.toString.call(request),
        await request.text().catch((e) => e.name), new URL(request.url).search]);
    } }`);
    assert.deepEqual(JSON.parse((await opened.call(post('{"k":2}'))).body), [
      true,
      'application/json',
      'half',
      '1',
      { k: 2 },
      false,
      '{"k":2}',
      true,
      'b',
      '[object Request]',
      'TypeError',
      '?b=1',
    ]);
  });

  test('a response is Node’s own to whoever asks, and to whoever inherits from it', async () => {
    const found = await run(`
      class Own extends Response {}
      const text = new Response('é', { status: 201, headers: { 'X-A': 'b' } });
      const copy = text.clone();
      const thrown = (make) => { try { make(); return null; } catch (e) { return e.name; } };
      return [text instanceof Response, text.status, text.ok, text.headers.get('x-a'), text.headers.get('content-type'), await copy.text(), await text.text(), text.bodyUsed,
        await new Own('x').text(), new Own('x') instanceof Own, thrown(() => new Response('x', { status: 204 })), thrown(() => new Response('', { status: 99 })),
        thrown(() => new Response('', { headers: { 'a b': 'c' } })), await new Response(new Blob(['blob'])).text(), Response.json({ a: 1 }, { status: 202 }).status,
        Response.redirect('http://h/').status, await new Response(new Uint8Array([104, 105])).text(), await text.text().catch((e) => e.name)];`);
    assert.deepEqual(found, [
      true,
      201,
      true,
      'b',
      'text/plain;charset=UTF-8',
      'é',
      'é',
      true,
      'x',
      true,
      'TypeError',
      'RangeError',
      'TypeError',
      'blob',
      202,
      302,
      'hi',
      'TypeError',
    ]);
  });

  test('a binary body arrives and leaves as it is, whole or streamed', async () => {
    const opened = await open(`export default { async fetch(request) {
      const bytes = await request.bytes();
      return request.url.endsWith('stream') ? new Response(new Blob([bytes]).stream()) : new Response(bytes);
    } }`);
    const body = Buffer.from([0, 255, 254, 128]);
    for (const url of ['http://localhost/', 'http://localhost/stream']) {
      const sink = opened.start({ ...POST, url, body });
      await sink.outcome;
      assert.deepEqual(Buffer.concat(sink.chunks), body);
    }
  });
});

suite('Node', () => {
  test('has its modules, its globals, and a place for files', async () => {
    const found = await run(`
      const { gzipSync, gunzipSync } = load('zlib');
      load('fs').writeFileSync(load('path').join(load('os').tmpdir(), 'a'), 'kept');
      const { AsyncLocalStorage } = load('async_hooks');
      const store = new AsyncLocalStorage();
      const hash = load('crypto').createHash('sha256').update('a').digest('hex').slice(0, 4);
      return [gunzipSync(gzipSync('a')).toString(), load('fs').readFileSync('/tmp/a', 'utf8'), hash, Buffer.from('a').toString('hex'),
        await store.run(1, async () => { await null; return store.getStore(); }), await load('timers/promises').setTimeout(1, 'later'),
        await load('util').promisify(setTimeout)(1, 'promised'), process.argv.length > 0, { ...process.env }, typeof structuredClone, load('worker_threads').isMainThread];`);
    assert.deepEqual(found, [
      'a',
      'kept',
      'ca97',
      '61',
      1,
      'later',
      'promised',
      true,
      { GIVEN: 'value' },
      'function',
      false,
    ]);
  });

  test('logs what is printed by whatever way, at its level', async () => {
    const opened = await open(`import { log } from 'node:console'; export default { fetch() {
      console.log('%s-%d', 'a', 1, { b: [2] }); console.error(new Error('bad').message); console.warn('careful'); console.debug('detail');
      console.table([{ x: 1 }]); console.group('outer'); console.log('inner'); console.groupEnd(); console.assert(false, 'must');
      process.stdout.write('one\\ntw'); process.stdout.write('o\\n'); process.stderr.write('three\\n'); log('imported');
      return new Response('');
    } }`);
    const from = logs.length;
    await opened.call();
    const lines = logs.slice(from);
    for (const line of [
      'info: a-1 { b: [ 2 ] }',
      'error: bad',
      'warn: careful',
      'debug: detail',
      'info: outer',
      'info:   inner',
      'error: Assertion failed: must',
      'info: one',
      'info: two',
      'error: three',
      'info: imported',
    ])
      assert.ok(lines.includes(line), `${line} of ${JSON.stringify(lines)}`);
    assert.ok(lines.some((line) => line.includes('│')));
  });

  test('a name that the bundle’s surroundings have is the code’s own to declare', async () => {
    const opened =
      await open(`import { createRequire } from 'node:module'; import { fileURLToPath } from 'node:url'; import { dirname } from 'node:path';
      const require = createRequire(import.meta.url); const __filename = fileURLToPath(import.meta.url); const __dirname = dirname(__filename);
      const module = 1, exports = 2;
      export default { fetch: () => new Response([__dirname, typeof require('node:os').cpus, module, exports].join()) }`);
    assert.equal((await opened.call()).body, '/tmp,function,1,2');
  });

  test('timers that were cleared do not count, and one too many is refused', async () => {
    const opened = await open(
      `export default { fetch() {
        for (let i = 0; i < 50; i++) clearTimeout(setTimeout(() => {}, 1e6));
        try { for (;;) setTimeout(() => {}, 1e6); } catch (error) { return new Response(error.name + ': ' + error.message); }
      } }`,
      { limits: { pendingTimers: 20 } },
    );
    assert.equal((await opened.call()).body, 'RangeError: More than 20 timers of one invocation are waiting');
  });

  test('fetch has data: addresses to itself, and takes an incoming request', async () => {
    const opened = await open(`export default { async fetch(request) {
      const own = await (await fetch('data:text/plain,hello')).text();
      const passed = await (await fetch(new Request('http://echo/', request))).json();
      return Response.json([own, passed.meta.method, passed.body]);
    } }`);
    assert.deepEqual(JSON.parse((await opened.call(post('{"k":2}'))).body), ['hello', 'POST', '{"k":2}']);
  });
});
