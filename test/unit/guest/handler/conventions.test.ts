import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from '../web/bare.ts';
import type { Foreign } from '../web/bare.ts';
import { Fn } from './fn.ts';

suite('the conventions', () => {
  test('export default { fetch(request, env, ctx) }', async () => {
    const fn = new Fn(
      `{ default: { greeting: 'hi', fetch(request, env, ctx) { ctx.passThroughOnException(); const { waitUntil } = ctx; waitUntil('later'); return new Response([this.greeting, env.NAME, request.method, request.url, request.headers.get('X-A'), ctx.invocationId, request instanceof Request].join()); } } }`,
    );
    const outgoing = fn.call({ headers: ['x-a', '1'] });
    assert.equal(typeof outgoing.then, 'undefined');
    assert.equal(outgoing.body, 'hi,bob,GET,http://localhost:3003/fn/greet,1,inv-1,true');
    assert.deepEqual(fn.context.waited, ['later']);
  });

  test('export default a function', async () => {
    const fn = new Fn(`{ default: async (req, ctx) => ({ statusCode: 201, body: req.method + ctx.env.NAME }) }`);
    assert.deepEqual(await fn.answer(), {
      status: 201,
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
      body: 'GETbob',
    });
  });

  test('handler(event, context), by its name, of either kind of module', async () => {
    const code = `(event, context) => ({ statusCode: 200, body: { event, context: [context.functionName, context.awsRequestId, context.invocationId, context.memoryLimitInMB, context.getRemainingTimeInMillis(), context.env.NAME] } })`;
    for (const [exports, name] of [
      [`{ handler: ${code} }`, 'handler'],
      [`{ default: { handler: ${code} } }`, 'handler'],
      [`{ run: ${code}, default: () => 1 }`, 'run'],
    ] as const) {
      const fn = new Fn(exports, { name });
      assert.deepEqual(
        await fn.json({
          method: 'POST',
          url: 'http://h/fn/greet/x?a=1&a=2&b=c+d%21',
          headers: ['Host', 'h', 'Content-Length', '9', 'X-A', '1', 'x-a', '2'],
          body: '{"k":[1]}',
        }),
        {
          event: {
            httpMethod: 'POST',
            path: '/fn/greet/x',
            rawPath: '/fn/greet/x',
            headers: { 'x-a': '1, 2' },
            queryStringParameters: { a: '2', b: 'c d!' },
            body: { k: [1] },
            isBase64Encoded: false,
          },
          context: ['greet', 'inv-1', 'inv-1', '128', 1234, 'bob'],
        },
      );
    }
  });

  test('an event’s body is JSON, text, base64, or null', async () => {
    const fn = new Fn(
      `{ handler: ({ body, isBase64Encoded, queryStringParameters }) => [body, isBase64Encoded, queryStringParameters] }`,
    );
    const stream = (bytes: number[]): unknown =>
      fn.context.run(`(bytes) => new ReadableStream({ start(c) { c.enqueue(new Uint8Array(bytes)); c.close(); } })`)(
        bytes,
      );
    const buffer = (bytes: number[]): unknown => fn.context.run(`(bytes) => new Uint8Array(bytes).buffer`)(bytes);
    for (const [body, expected] of [
      [null, [null, false, {}]],
      ['', [null, false, {}]],
      ['plain', ['plain', false, {}]],
      ['{"a":', ['{"a":', false, {}]],
      ['"text"', ['text', false, {}]],
      [buffer([0xff, 0]), ['/wA=', true, {}]],
      [stream([0x31]), [1, false, {}]],
      [stream([0xff]), ['/w==', true, {}]],
    ]) {
      assert.deepEqual(await fn.json({ method: 'POST', body }), expected);
    }
  });

  test('a query that is not UTF-8 is still read', async () => {
    const fn = new Fn(`{ handler: (event) => event.queryStringParameters }`);
    assert.deepEqual(
      await fn.json({ url: 'http://h/?a=%ff&b=100%&__proto__=x&c' }),
      JSON.parse('{"a":"\ufffd","b":"100%","__proto__":"x","c":""}'),
    );
  });

  test('exported methods, HEAD by GET, and 405 for the others', async () => {
    const fn = new Fn(
      `{ GET: (req, ctx) => new Response('got ' + ctx.env.NAME), POST: async (req) => Response.json(await req.json()), constructor: () => 1 }`,
    );
    assert.equal((await fn.answer()).body, 'got bob');
    assert.equal((await fn.answer({ method: 'HEAD' })).status, 200);
    assert.equal((await fn.answer({ method: 'POST', body: '[1]' })).body, '[1]');
    assert.deepEqual(await fn.answer({ method: 'PUT' }), { status: 405, headers: { allow: 'GET, POST' }, body: null });
    assert.equal((await fn.answer({ method: 'constructor' })).status, 405);
  });

  test('Deno.serve, each way', async () => {
    const handler = `(request, info) => new Response(info.remoteAddr.hostname + info.remoteAddr.transport + Deno.env.get('NAME') + Deno.env.has('x') + Deno.env.toObject().NAME + request.method)`;
    for (const load of [
      `Deno.serve(${handler})`,
      `Deno.serve({ port: 8000 }, ${handler})`,
      `Deno.serve({ handler: ${handler} })`,
    ]) {
      const fn = new Fn(`{}`, { load });
      assert.equal((await fn.answer()).body, '203.0.113.9tcpbobfalsebobGET');
    }
    assert.throws(() => bareContext().run(`Deno.serve({})`), { name: 'TypeError' });
  });

  test('Deno.serve tells where it listens, and asks onError for the answer to what a handler throws', async () => {
    for (const handler of [`() => { throw new Error('no') }`, `async () => { throw new Error('no') }`]) {
      const load = `Deno.serve({ onListen: ({ port }) => (globalThis.port = port), onError: (error) => new Response('told ' + error.message + port, { status: 418 }) }, ${handler})`;
      const { status, body } = await new Fn('{}', { load }).answer();
      assert.deepEqual([status, body], [418, 'told no8000']);
    }
  });

  test('addEventListener("fetch")', async () => {
    const fn = new Fn(`undefined`, {
      load: `addEventListener('fetch', (event) => { if (event.request.method === 'GET') { event.waitUntil('w'); event.respondWith(Promise.resolve(new Response('first'))); } }); addEventListener('fetch', { handleEvent(event) { event.respondWith(new Response('second')); } })`,
    });
    assert.equal((await fn.answer()).body, 'first');
    assert.equal((await fn.answer({ method: 'PUT' })).body, 'second');
    assert.deepEqual(fn.context.waited, ['w']);
    const mute = new Fn(`{}`, { load: `addEventListener('fetch', () => {})` });
    assert.match((await mute.fault()).message, /respondWith/);
  });

  test('module.exports that is a function, or has fetch', async () => {
    assert.equal((await new Fn(`(req) => 'cjs ' + req.method`).answer()).body, '"cjs GET"');
    assert.equal((await new Fn(`{ fetch: () => new Response('cjs fetch') }`).answer()).body, 'cjs fetch');
  });

  test('a script body has ctx', async () => {
    const fn = new Fn(
      `{ default: async (ctx) => { ctx.waitUntil('w'); return { data: ctx.data, user: ctx.user, method: ctx.request.method, env: ctx.env }; } }`,
      { kind: 'script' },
    );
    assert.deepEqual(await fn.json({ method: 'POST', body: '{"a":1}' }), {
      data: { a: 1 },
      user: { id: null, email: null, roles: [] },
      method: 'POST',
      env: { NAME: 'bob' },
    });
    assert.deepEqual(fn.context.waited, ['w']);
  });

  test('EdgeRuntime.waitUntil belongs to the invocation', async () => {
    const fn = new Fn(`{ default: () => { EdgeRuntime.waitUntil('w'); } }`);
    await fn.answer();
    assert.deepEqual(fn.context.waited, ['w']);
  });

  test('where there is no handler, the conventions are named', () => {
    for (const exports of [
      '{}',
      'undefined',
      '{ default: 5 }',
      '{ default: {} }',
      '{ handler: "x" }',
      'null',
      '{ other() {} }',
    ]) {
      assert.throws(
        () => new Fn(exports),
        (error: Foreign) =>
          error.code === 'HANDLER_MISSING' && /export default/.test(error.message) && /Deno\.serve/.test(error.message),
        exports,
      );
    }
    assert.throws(
      () => new Fn('{}', { kind: 'script' }),
      (error: Foreign) => error.code === 'HANDLER_MISSING',
    );
    assert.throws(() => new Fn(`{ get default() { throw new RangeError('mine'); } }`), { name: 'RangeError' });
  });

  test('the earlier convention wins', async () => {
    const fn = new Fn(`{ handler: () => 'named', default: () => 'default', GET: () => 'get' }`, {
      load: `Deno.serve(() => new Response('served'))`,
    });
    assert.equal(await fn.json(), 'named');
  });

  test('env cannot be changed by one invocation for another', () => {
    const { run } = bareContext({ A: '1' });
    run(`env.A = '2'; env.B = '3'; Deno.env.toObject().A = '4'`);
    assert.equal(run(`env.A + env.B + Deno.env.get('A') + Deno.env.get('toString')`), '1undefined1undefined');
    assert.equal(run(`Object.isFrozen(env)`), true);
  });
});
