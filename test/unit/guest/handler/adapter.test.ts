import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain, type BareContext } from '../web/bare.ts';
import type { Foreign } from '../web/bare.ts';

interface Sent {
  method?: string;
  url?: string;
  headers?: string[];
  body?: unknown;
  query?: unknown;
  reply?: 'http' | 'value';
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Foreign;
}

const SPEC = {
  kind: 'module',
  name: 'handler',
  env: { NAME: 'bob' },
  functionName: 'greet',
  memoryMb: 128,
  responseBytes: 1000,
};

/** A function as its sandbox has it: `exports` is an expression, `load` runs before it. */
class Fn {
  readonly context: BareContext = bareContext({ NAME: 'bob' });
  readonly aborts: ((reason: unknown) => void)[] = [];
  readonly handler: (incoming: object) => Foreign;

  constructor(exports: string, { load = '', kind = 'module', name = 'handler' } = {}) {
    this.context.run(load);
    this.handler = this.context.guest.resolveHandler(this.context.run(`(${exports})`), this.context.registered, {
      ...SPEC,
      kind,
      name,
    });
  }

  /** What the handler gives back, promise or not. */
  call({
    method = 'GET',
    url = 'http://localhost:3003/fn/greet',
    headers = [],
    body = null,
    query,
    reply = 'http',
  }: Sent = {}): Foreign {
    return this.handler({
      method,
      url,
      headers,
      body,
      query,
      reply,
      clientAddress: '203.0.113.9',
      invocationId: 'inv-1',
      remainingMs: () => 1234,
      waitUntil: (promise: unknown) => void this.context.waited.push(promise),
      onCancel: (abort: (reason: unknown) => void) => void this.aborts.push(abort),
    });
  }

  async answer(sent?: Sent): Promise<Answer> {
    const { status, headers, body } = await this.call(sent);
    const pairs = Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i], headers[2 * i + 1]]);
    return { status, headers: Object.fromEntries(pairs), body };
  }

  async json(sent?: Sent): Promise<unknown> {
    return JSON.parse((await this.answer(sent)).body);
  }

  async fault(sent?: Sent): Promise<{ code: string; message: string }> {
    try {
      await this.call(sent);
    } catch (error) {
      assert.ok(error instanceof this.context.guest.AdapterFault, `${error}`);
      return error as { code: string; message: string };
    }
    throw assert.fail('there was no fault');
  }
}

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

suite('the request as it was sent', () => {
  const show = new Fn(
    `{ default: async (req) => ({ method: req.method, url: req.url, body: req.body, query: req.query, isRequest: req instanceof Request, text: await req.text() }) }`,
  );

  test('POST /execute: everything as given', async () => {
    const value = await show.json({
      reply: 'value',
      method: 'POST',
      url: '/a/b?x=1',
      headers: ['X-Custom', '1'],
      body: '{"a":1}',
      query: { q: [1] },
    });
    assert.deepEqual((value as Foreign).body, {
      method: 'POST',
      url: '/a/b?x=1',
      body: '{"a":1}',
      query: { q: [1] },
      isRequest: true,
      text: '{"a":1}',
    });
  });

  test('an empty body is an empty text for /execute, and nothing over HTTP', async () => {
    assert.equal(((await show.json({ reply: 'value', url: '/' })) as Foreign).body.body, '');
    assert.equal(((await show.json({ url: '/?a=1' })) as Foreign).body, null);
    assert.deepEqual(((await show.json({ url: '/?a=1' })) as Foreign).query, { a: '1' });
  });

  test('headers can be asked and read', async () => {
    const code = `{ default: (req) => ({ got: req.headers.get('x-a'), own: { ...req.headers }, lower: req.headers['x-a'], is: req.headers instanceof Headers, get: typeof req.headers.get, all: [...req.headers].length }) }`;
    const headers = ['X-A', '1', 'get', 'evil', '__proto__', 'x', 'Constructor', 'c', 'toString', 's', 'x-a', '2'];
    assert.deepEqual(await new Fn(code).json({ headers }), {
      got: '1, 2',
      own: { 'x-a': '1, 2', tostring: 's' },
      lower: '1, 2',
      is: true,
      get: 'function',
      all: 5,
    });
    assert.deepEqual(((await new Fn(code).json({ headers: ['X-A', '1'], reply: 'value' })) as Foreign).body, {
      got: '1',
      own: { 'X-A': '1' },
      lower: '1',
      is: true,
      get: 'function',
      all: 1,
    });
  });

  test('bytes that are no text are bytes, and a stream is a stream', async () => {
    const fn = new Fn(
      `{ default: async (req) => [req.body instanceof Uint8Array, req.body instanceof ReadableStream, (await req.bytes())[0]] }`,
    );
    assert.deepEqual(await fn.json({ method: 'POST', body: fn.context.run('new Uint8Array([255]).buffer') }), [
      true,
      false,
      255,
    ]);
    assert.deepEqual(
      await fn.json({
        method: 'POST',
        body: fn.context.run('new ReadableStream({ start(c) { c.enqueue(new Uint8Array([7])); c.close(); } })'),
      }),
      [false, true, 7],
    );
  });

  test('it can be turned into another request, and into JSON', async () => {
    const fn = new Fn(
      `{ default: async (req) => { const copy = new Request(req, { headers: { a: 'b' } }); return [copy.url, copy.method, await copy.text(), JSON.parse(JSON.stringify(req))]; } }`,
    );
    assert.deepEqual(await fn.json({ method: 'POST', url: 'http://localhost/p', headers: ['h', '1'], body: 'x' }), [
      'http://localhost/p',
      'POST',
      'x',
      { method: 'POST', url: 'http://localhost/p', headers: { h: '1' }, body: 'x', query: {} },
    ]);
    await assert.rejects(async () => fn.call({ method: 'POST', url: '/p', body: 'x' }), { name: 'TypeError' });
  });

  test('a named function of /execute gets it too, with an event’s names', async () => {
    const fn = new Fn(
      `{ handler: (event, context) => ({ statusCode: 200, body: [event.httpMethod, event.path, event.queryStringParameters, event.body, event.headers.k, context.functionName] }) }`,
    );
    assert.deepEqual(
      ((await fn.json({ reply: 'value', method: 'PUT', url: '/a?b=c', headers: ['k', 'v'], body: 't' })) as Foreign)
        .body,
      ['PUT', '/a', { b: 'c' }, 't', 'v', 'greet'],
    );
  });

  test('fetch gets an absolute URL even there', async () => {
    const fn = new Fn(`{ default: { fetch: (request) => new Response(request.url) } }`);
    assert.equal(((await fn.json({ reply: 'value', url: '/a?b' })) as Foreign).body, 'http://localhost/a?b');
  });

  test('the signal aborts when the call is cancelled', () => {
    const fn = new Fn(`{ default: (req) => { globalThis.signal = req.signal; return req.signal === req.signal; } }`);
    assert.equal(fn.call().body, 'true');
    assert.equal(fn.aborts.length, 1);
    fn.aborts[0]?.(undefined);
    assert.equal(fn.context.run('signal.aborted + signal.reason.name'), 'trueAbortError');
  });
});

suite('results over HTTP', () => {
  const answer = (value: string): Promise<Answer> => new Fn(`{ default: () => (${value}) }`).answer();
  const JSON_TYPE = { 'content-type': 'application/json' };

  for (const [value, body] of [
    ['undefined', 'null'],
    ['null', 'null'],
    [`'text'`, '"text"'],
    ['5', '5'],
    ['NaN', 'null'],
    ['false', 'false'],
    ['[1]', '[1]'],
    ['{ a: 1, f() {} }', '{"a":1}'],
    ['{ toJSON: () => undefined }', 'null'],
    ['new Date(0)', '"1970-01-01T00:00:00.000Z"'],
    ['Promise.resolve(1)', '1'],
    ['{ then(resolve) { resolve(2); } }', '2'],
    ['Object.create(null)', '{}'],
  ] as const) {
    test(`${value} is the JSON ${body}`, async () =>
      assert.deepEqual(await answer(value), { status: 200, headers: JSON_TYPE, body }));
  }

  test('a Response goes out as it is, unread', async () => {
    assert.deepEqual(await answer(`new Response('x', { status: 404, headers: { A: 'b' } })`), {
      status: 404,
      headers: { a: 'b', 'content-type': 'text/plain;charset=UTF-8' },
      body: 'x',
    });
    assert.deepEqual(await answer(`new Response()`), { status: 200, headers: {}, body: null });
    assert.deepEqual([...(await answer(`new Response(new Uint8Array([1, 2]))`)).body], [1, 2]);
    assert.equal(typeof (await answer(`new Response(new ReadableStream())`)).body.getReader, 'function');
    const kept = new Fn(`(() => { const r = new Response('kept'); return { default: () => r }; })()`);
    assert.equal((await kept.answer()).body + (await kept.answer()).body, 'keptkept');
    const cookies = await new Fn(
      `{ default: () => new Response(null, { headers: [['set-cookie', 'a'], ['set-cookie', 'b']] }) }`,
    ).call();
    assert.deepEqual([...cookies.headers], ['set-cookie', 'a', 'set-cookie', 'b']);
  });

  test('{ statusCode, headers, body }', async () => {
    assert.deepEqual(
      await answer(`{ statusCode: 201, headers: { 'X-N': 5, 'X-U': undefined, 'X-B': true }, body: 'b' }`),
      { status: 201, headers: { 'x-n': '5', 'x-b': 'true', 'content-type': 'text/plain;charset=UTF-8' }, body: 'b' },
    );
    assert.deepEqual(await answer(`{ statusCode: 200, body: { a: 1 } }`), {
      status: 200,
      headers: JSON_TYPE,
      body: '{"a":1}',
    });
    assert.deepEqual(await answer(`{ statusCode: 200, body: 5, headers: { 'Content-Type': 'a/b' } }`), {
      status: 200,
      headers: { 'content-type': 'a/b' },
      body: '5',
    });
    assert.deepEqual(await answer(`{ statusCode: 204, body: '' }`), {
      status: 204,
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
      body: null,
    });
    assert.deepEqual(await answer(`{ statusCode: 200 }`), { status: 200, headers: {}, body: null });
    assert.deepEqual([...(await answer(`{ statusCode: 200, body: '/wA=', isBase64Encoded: true }`)).body], [255, 0]);
    assert.deepEqual(
      [...(await answer(`{ statusCode: 200, body: new Uint8Array([3]), headers: new Headers({ a: 1 }) }`)).body],
      [3],
    );
    const many = await new Fn(
      `{ default: () => ({ statusCode: 200, multiValueHeaders: { A: ['1', '2'] }, cookies: ['c=1', 'd=2'], headers: { b: ['x', 'y'] } }) }`,
    ).call();
    assert.deepEqual(
      [...many.headers],
      ['b', 'x', 'b', 'y', 'a', '1', 'a', '2', 'set-cookie', 'c=1', 'set-cookie', 'd=2'],
    );
  });

  for (const [value, says] of [
    ['() => 1', /returned a function/],
    [`Symbol('s')`, /returned a symbol/],
    ['1n', /returned a bigint/],
    ['{ a: 1n }', /JSON cannot hold.*BigInt/],
    ['(() => { const o = {}; o.o = o; return o; })()', /JSON cannot hold.*circular/],
    ['{ statusCode: 99 }', /statusCode 99, which is not an integer from 200 to 599/],
    ['{ statusCode: 600 }', /statusCode 600/],
    ['{ statusCode: 200.5 }', /statusCode 200\.5/],
    [`{ statusCode: '200' }`, /statusCode "200"/],
    ['{ statusCode: undefined }', /statusCode undefined/],
    ['{ statusCode: {} }', /statusCode an object/],
    [`{ statusCode: 200, headers: 'x' }`, /a string as headers/],
    ['{ statusCode: 200, headers: [] }', /an array as headers/],
    [`{ statusCode: 200, headers: { 'a b': 1 } }`, /"a b" is not a header name/],
    [`{ statusCode: 200, headers: { a: 'x\\r\\ny: z' } }`, /is not a header value/],
    ['{ statusCode: 200, headers: { a: {} } }', /an object as the value of the header "a"/],
    ['{ statusCode: 200, body: () => 1 }', /a function/],
    [`{ statusCode: 200, body: '*', isBase64Encoded: true }`, /not base64/],
    ['Response.error()', /Response\.error/],
    ['{ get statusCode() { throw new Error("getter"); } }', /cannot be read: getter/],
    ['{ toJSON() { throw new Error("toJSON"); } }', /JSON cannot hold: toJSON/],
    ['{ get a() { throw { get message() { throw 1; } }; } }', /JSON cannot hold: it threw/],
    ['new Proxy({}, { has() { throw new Error("trap"); } })', /cannot be read: trap/],
  ] as const) {
    test(`${value} is a BAD_RESPONSE`, async () => {
      for (const reply of ['http', 'value'] as const) {
        const fault = await new Fn(`{ default: () => (${value}) }`).fault({ reply }).catch((error: unknown) => {
          // A value reply hands headers on as they are: what HTTP refuses it may hold.
          if (reply === 'value' && /header (name|value)|the value of the header|base64/.test(says.source)) return null;
          throw error;
        });
        if (fault === null) continue;
        assert.equal(fault.code, 'BAD_RESPONSE');
        assert.match(fault.message, says);
      }
    });
  }

  test('a body that was read cannot go out', async () => {
    const fn = new Fn(`{ default: async () => { const r = new Response('x'); await r.text(); return r; } }`);
    assert.match((await fn.fault()).message, /already been read/);
  });

  test('what the handler throws is its own', async () => {
    assert.throws(() => new Fn(`{ default: () => { throw new RangeError('sync'); } }`).call(), {
      name: 'RangeError',
      message: 'sync',
    });
    await assert.rejects(new Fn(`{ default: async () => { throw new RangeError('async'); } }`).call(), {
      name: 'RangeError',
      message: 'async',
    });
    await assert.rejects(new Fn(`{ default: () => ({ then() { throw new RangeError('thenable'); } }) }`).call(), {
      name: 'RangeError',
    });
    assert.throws(() => new Fn(`{ default: () => ({ get then() { throw new RangeError('getter'); } }) }`).call(), {
      name: 'RangeError',
    });
    assert.throws(
      () => new Fn(`{ default: () => new Proxy({}, { get() { throw new RangeError('trap'); } }) }`).call(),
      { name: 'RangeError' },
    );
  });
});

suite('results of POST /execute', () => {
  const value = async (code: string): Promise<unknown> => {
    const fn = new Fn(`{ default: () => (${code}) }`);
    const { status, headers, body } = await fn.answer({ reply: 'value' });
    assert.deepEqual([status, headers], [200, {}]);
    return JSON.parse(body);
  };
  const ok = (body: unknown): object => ({ statusCode: 200, headers: {}, body });

  for (const [code, expected] of [
    ['undefined', ok(null)],
    ['5', ok(5)],
    [`'text'`, ok('text')],
    ['{ a: 1 }', ok({ a: 1 })],
    [`{ statusCode: 201, body: 'OK' }`, { statusCode: 201, headers: {}, body: 'OK' }],
    [
      `{ statusCode: 200, headers: { 'X-A': 1 }, body: { a: [1] } }`,
      { statusCode: 200, headers: { 'X-A': 1 }, body: { a: [1] } },
    ],
    [`{ statusCode: 200 }`, ok(null)],
    [`{ statusCode: 200, body: 'YQ==', isBase64Encoded: true }`, { ...ok('YQ=='), isBase64Encoded: true }],
    [`{ statusCode: 200, body: new Uint8Array([255]) }`, { ...ok('/w=='), isBase64Encoded: true }],
    [
      `{ statusCode: 200, cookies: ['a=1'], multiValueHeaders: { b: ['1', '2'] } }`,
      { statusCode: 200, headers: { b: ['1', '2'], 'set-cookie': ['a=1'] }, body: null },
    ],
    [
      `new Response('x', { status: 404, headers: { A: 'b' } })`,
      { statusCode: 404, headers: { a: 'b', 'content-type': 'text/plain;charset=UTF-8' }, body: 'x' },
    ],
    [`new Response(new Uint8Array([0x61]))`, ok('a')],
    [`new Response(new Uint8Array([0xff]))`, { ...ok('/w=='), isBase64Encoded: true }],
    [`new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([0x62])); c.close(); } }))`, ok('b')],
    [
      `new Response(null, { headers: [['set-cookie', 'a'], ['set-cookie', 'b']] })`,
      { statusCode: 200, headers: { 'set-cookie': ['a', 'b'] }, body: '' },
    ],
  ] as const) {
    test(code, async () => assert.deepEqual(await value(code), expected));
  }

  test('a stream that does not end is cut at the limit', async () => {
    const fn = new Fn(
      `{ default: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(300)); }, cancel() { globalThis.cancelled = true; } })) }`,
    );
    const fault = await fn.fault({ reply: 'value' });
    assert.deepEqual(
      [fault.code, plain(fault.message)],
      ['RESPONSE_TOO_LARGE', 'The response body is larger than 1000 bytes'],
    );
    assert.equal(fn.context.run('cancelled'), true);
  });

  test('a default export serves where the name is missing', async () => {
    const fn = new Fn(`{ default: (req) => 'default' }`, { name: 'missing' });
    assert.deepEqual(await fn.json({ reply: 'value' }), ok('default'));
  });
});
