import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Foreign } from '../web/bare.ts';
import { Fn } from './fn.ts';

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
