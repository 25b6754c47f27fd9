import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { plain } from '../web/bare.ts';
import { Fn } from './fn.ts';
import type { Answer } from './fn.ts';

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
