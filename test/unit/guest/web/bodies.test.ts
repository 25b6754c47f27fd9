import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain, type Foreign } from './bare.ts';

const context = bareContext();
/** The expression's value, once it is there, as JSON; an error's name where it fails. */
const read = async (code: string): Promise<unknown> => {
  const text = await context.run(
    `(async () => JSON.stringify(await (${code})))().catch((e) => JSON.stringify({ error: e.name }))`,
  );
  return text === undefined ? undefined : JSON.parse(text);
};
const check = (title: string, code: string, expected: unknown): void => {
  test(title, async () => assert.deepEqual(await read(code), expected));
};
const failure = (error: string): object => ({ error });
const post = (init: string): string => `new Request('http://a', { method: 'POST', ${init} })`;

suite('what a body is made of', () => {
  check(
    'says its content type',
    `[new Blob(['x'], { type: 'A/b; c=d' }), new Blob(['x']), new URLSearchParams('a=1'), new ArrayBuffer(1), new Uint8Array(1), 'x', 5, new ReadableStream()].map((body) => [new Response(body).headers.get('content-type'), ${post('body, duplex: "half"')}.headers.get('content-type')])`,
    [
      ['a/b; c=d', 'a/b; c=d'],
      [null, null],
      ...Array.from({ length: 1 }, () => Array(2).fill('application/x-www-form-urlencoded;charset=UTF-8')),
      [null, null],
      [null, null],
      ...Array.from({ length: 2 }, () => Array(2).fill('text/plain;charset=UTF-8')),
      [null, null],
    ],
  );
  check(
    'gives way to a content type that is given',
    `[new Response(new FormData(), { headers: { 'Content-Type': 'a/b' } }), ${post(`body: new Blob([], { type: 'c/d' }), headers: { 'content-type': 'a/b' }`)}].map((r) => r.headers.get('content-type'))`,
    ['a/b', 'a/b'],
  );
  check(
    'can be read in every way',
    `Promise.all([new Response(new Blob(['é'])).text(), new Response(new URLSearchParams('a=é')).text(), new Response(new Blob(['[1]'])).json(), new Response(new Blob(['é'])).bytes().then((b) => [...b]), new Response('x').blob().then((b) => b.text())])`,
    ['é', 'a=%C3%A9', [1], [195, 169], 'x'],
  );
  check('a symbol is a TypeError', `new Response(Symbol())`, failure('TypeError'));
  check(
    'a byte order mark is no part of text',
    `Promise.all([new Response('\\ufeffa').text(), new Response('\\ufeff[1]').json(), new Response(new Blob(['\\ufeffa'])).text(), new Response('\\ufeff').arrayBuffer().then((b) => b.byteLength)])`,
    ['a', [1], 'a', 3],
  );
});

suite('blob()', () => {
  const typed = (type: string): string =>
    `new Response('', { headers: { 'content-type': ${JSON.stringify(type)} } }).blob().then((b) => b.type)`;
  for (const [given, expected] of [
    ['Text/Plain', 'text/plain'],
    ['text/html;Charset="UTF-8" ; a=b;a=c', 'text/html;charset=utf-8;a=b'],
    ['text/html;a="b c\\"d"', 'text/html;a="b c\\"d"'],
    ['text/html;a=', 'text/html'],
    ['text/html;a=""', 'text/html;a=""'],
    ['a/b, */*, c/d', 'c/d'],
    ['text/html;charset=gbk, text/html', 'text/html;charset=gbk'],
    ['text/html;charset=gbk;a=b, text/html;x=y', 'text/html;x=y;charset=gbk'],
    ['text/html;charset=gbk, x/x', 'x/x'],
    ['text/html;x=",a/b", c', 'text/html;x=",a/b"'],
    ['text', ''],
    ['text/', ''],
    ['té/plain', ''],
    ['', ''],
  ] as const)
    check(`has of ${JSON.stringify(given)} the type ${JSON.stringify(expected)}`, typed(given), expected);
  check(
    'takes the type from the headers as they are then',
    `(async () => { const r = new Response('x'); r.headers.set('content-type', 'a/b'); const p = new Response('x'); p.headers.delete('content-type'); return [(await r.blob()).type, (await p.blob()).type]; })()`,
    ['a/b', ''],
  );
  check('of no body is empty', `new Response().blob().then((b) => [b.size, b.type])`, [0, '']);
});

suite('a body', () => {
  for (const method of ['text', 'json', 'blob', 'bytes', 'arrayBuffer', 'formData']) {
    check(`${method}() of something else rejects`, `Response.prototype.${method}.call({})`, failure('TypeError'));
    check(
      `${method}() of a body that was read rejects`,
      `(async () => { const r = new Response('{}'); await r.text(); return r.${method}(); })()`,
      failure('TypeError'),
    );
  }
  check(
    'has its members on the prototype of each class',
    `[Request, Response].map(({ prototype }) => ['body', 'bodyUsed', 'text', 'json', 'blob', 'bytes', 'arrayBuffer', 'formData'].every((name) => Object.getOwnPropertyDescriptor(prototype, name)?.enumerable) && Object.getPrototypeOf(prototype) === Object.prototype)`,
    [true, true],
  );
  check(
    'can be read into a buffer',
    `(async () => { const reader = new Response('abc').body.getReader({ mode: 'byob' }); const first = await reader.read(new Uint8Array(2)); const second = await reader.read(new Uint8Array(2)); return [[...first.value], [...second.value], (await reader.read(new Uint8Array(1))).done]; })()`,
    [[97, 98], [99], true],
  );
  check(
    'a clone has chunks of its own',
    `(async () => { const r = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([97])); c.close(); } })); const c = r.clone(); const first = (await r.body.getReader().read()).value; first[0] = 98; return c.text(); })()`,
    'a',
  );
  check(
    'a clone of what was sent is read apart, chunk by chunk',
    `(async () => { let n = 0; const r = new Response(new ReadableStream({ type: 'bytes', pull(c) { if (n++ < 3) c.enqueue(new Uint8Array([96 + n])); else c.close(); } })); const c = r.clone(); return [await r.text(), await c.text(), r.bodyUsed, c.bodyUsed]; })()`,
    ['abc', 'abc', true, true],
  );
});

suite('Request', () => {
  check(
    'shows the standard’s defaults',
    `(({ destination, referrer, referrerPolicy, mode, credentials, cache, redirect, integrity, keepalive, isReloadNavigation, isHistoryNavigation, duplex }) => [destination, referrer, referrerPolicy, mode, credentials, cache, redirect, integrity, keepalive, isReloadNavigation, isHistoryNavigation, duplex])(new Request('http://a'))`,
    ['', 'about:client', '', 'cors', 'same-origin', 'default', 'follow', '', false, false, false, 'half'],
  );
  const options = `{ referrer: '', referrerPolicy: 'origin', mode: 'same-origin', credentials: 'omit', cache: 'only-if-cached', redirect: 'manual', integrity: 'sha256-x', keepalive: 1, priority: 'low' }`;
  const shown = `(({ referrer, referrerPolicy, mode, credentials, cache, redirect, integrity, keepalive }) => [referrer, referrerPolicy, mode, credentials, cache, redirect, integrity, keepalive])`;
  const given = ['', 'origin', 'same-origin', 'omit', 'only-if-cached', 'manual', 'sha256-x', true];
  check(
    'shows what it was given, and so do a clone and a copy',
    `(() => { const r = new Request('http://a', ${options}); const copy = new Request(r, { method: 'PUT' }); return [...[r, r.clone(), copy].map(${shown}), copy.method]; })()`,
    [given, given, given, 'PUT'],
  );
  for (const bad of [
    `mode: 'navigate'`,
    `mode: 'none'`,
    `credentials: 'all'`,
    `cache: 'always'`,
    `cache: 'only-if-cached'`,
    `redirect: 'maybe'`,
    `referrerPolicy: 'none'`,
    `referrer: '/relative'`,
    `priority: 'urgent'`,
    `duplex: 'full'`,
    `window: {}`,
    `method: ''`,
    `headers: null`,
    `signal: 5`,
  ])
    check(`{ ${bad} } is a TypeError`, `new Request('http://a', { ${bad} })`, failure('TypeError'));
  check(
    'a stream needs duplex',
    `[() => ${post('body: new ReadableStream()')}, () => ${post(`body: new ReadableStream(), duplex: 'half'`)}, () => ${post(`body: new ReadableStream(), duplex: 'half', mode: 'no-cors'`)}].map((make) => { try { make(); return 'fine'; } catch (e) { return e.name; } })`,
    ['TypeError', 'fine', 'TypeError'],
  );
  check(
    'the body of another message is passed on without it',
    `${post(`body: new Request('http://a', { method: 'POST', body: 'x' }).body`)}.text()`,
    'x',
  );
  check(
    'a body that may not be is not taken away',
    `(() => { const r = ${post(`body: 'x'`)}; try { new Request(r, { method: 'GET' }); } catch (e) { return [e.name, r.bodyUsed]; } })()`,
    ['TypeError', false],
  );
  check(
    'a request that was read makes another with a new body only',
    `(async () => { const r = ${post(`body: 'x'`)}; await r.text(); const made = new Request(r, { body: 'y' }); try { new Request(r); } catch (e) { return [await made.text(), e.name]; } })()`,
    ['y', 'TypeError'],
  );
  check(
    'its signal is its own, and follows the one given',
    `(() => { const c = new AbortController(); const r = new Request('http://a', { signal: c.signal }); const copy = new Request(r.clone()); c.abort('why'); const off = new Request(r, { signal: null }); return [r.signal === c.signal, r.signal.aborted, copy.signal.reason, off.signal.aborted]; })()`,
    [false, true, 'why', false],
  );
  check(
    'headers go along unless others are given',
    `(() => { const r = new Request('http://a', { headers: { a: 1 } }); return [new Request(r).headers.get('a'), new Request(r, { headers: {} }).headers.get('a'), new Request(r, {}).headers === r.headers]; })()`,
    ['1', null, false],
  );
  check('called without new is a TypeError', `Request('http://a')`, failure('TypeError'));
  check('called with nothing is a TypeError', `new Request()`, failure('TypeError'));
});

suite('Response', () => {
  check(
    'a status is taken as 16 bits',
    `[200.9, '404', 65_736].map((status) => new Response(null, { status }).status)`,
    [200, 404, 200],
  );
  check(
    'redirects and errors have headers that nobody changes',
    `[Response.redirect('http://a'), Response.error(), Response.redirect('http://a').clone()].map((r) => ['append', 'set', 'delete'].map((m) => { try { r.headers[m]('a', 'b'); } catch (e) { return e.name; } }))`,
    Array.from({ length: 3 }, () => ['TypeError', 'TypeError', 'TypeError']),
  );
  check(
    'json reads its init once',
    `(() => { let reads = 0; const r = Response.json([], { get status() { reads++; return 201; }, get headers() { reads++; return { a: 1 }; } }); return [reads, r.status, r.headers.get('a'), r.headers.get('content-type')]; })()`,
    [2, 201, '1', 'application/json'],
  );
  check(
    'json with a status that has no body is a TypeError',
    `Response.json(1, { status: 204 })`,
    failure('TypeError'),
  );
  check(
    'headers of a response can be made new and changed',
    `(() => { const h = new Headers(Response.redirect('http://a/').headers); h.set('x', 1); return [...h]; })()`,
    [
      ['location', 'http://a/'],
      ['x', '1'],
    ],
  );
});

suite('Headers', () => {
  check(
    'are walked live',
    `(() => { const h = new Headers({ b: 1, d: 2 }); const seen = []; for (const [n] of h) { seen.push(n); if (n === 'b') { h.append('c', 3); h.delete('d'); } } return [seen, h[Symbol.iterator] === h.entries, String(h.keys())]; })()`,
    [['b', 'c'], true, '[object Headers Iterator]'],
  );
  check('values of any kind are text', `[...new Headers([['a', null], ['b', undefined], ['c', 1.5]])]`, [
    ['a', 'null'],
    ['b', 'undefined'],
    ['c', '1.5'],
  ]);
  check(
    'one with an iterator of its own is walked by it',
    `(() => { const h = new Headers({ a: 1 }); h[Symbol.iterator] = function* () { yield ['b', 2]; }; return [...new Headers(h).keys()]; })()`,
    ['b'],
  );
  for (const bad of ['null', `{ [Symbol('a')]: 1 }`, `{ [Symbol.iterator]: 5 }`, `[['a', 'b', 'c']]`, `['ab']`])
    check(`new Headers(${bad}) is a TypeError`, `new Headers(${bad})`, failure('TypeError'));
  for (const call of ['append("a")', 'set("a")', 'get()', 'has()', 'delete()', 'forEach()'])
    check(`${call} is a TypeError`, `new Headers().${call}`, failure('TypeError'));
  test('many take no longer than their number', async () => {
    const startedMs = performance.now();
    await read(
      `(() => { const h = new Headers(Array.from({ length: 20_000 }, (_, i) => ['x-' + i % 10_000, i])); let n = 0; for (const pair of h) n += pair.length; return n; })()`,
    );
    const ms = performance.now() - startedMs;
    assert.ok(ms < 2000, `${ms} ms`);
  });
});

suite('in a handler', () => {
  const SPEC = {
    kind: 'module',
    name: 'handler',
    env: {},
    functionName: 'f',
    memoryMb: 1,
    responseBytes: 100_000,
  };
  const call = async (handler: string, more: object = {}): Promise<Foreign> => {
    const { guest, registered, run } = bareContext();
    const handle = guest.resolveHandler(run(`({ default: ${handler} })`), registered, SPEC);
    return await handle({
      method: 'POST',
      url: 'http://localhost/',
      headers: [],
      body: null,
      query: undefined,
      principal: null,
      clientAddress: '',
      invocationId: 'i',
      reply: 'http',
      remainingMs: () => 1000,
      waitUntil: () => undefined,
      onCancel: () => undefined,
      ...more,
    });
  };
  const textOf = (body: Foreign): string => (typeof body === 'string' ? body : Buffer.from(body).toString());

  test('a request gives its form', async () => {
    const { body } = await call(
      `{ async fetch(request) { const form = await request.formData(); const file = form.get('f'); return new Response(form.get('a') + file.name + await file.text()); } }`,
      {
        headers: ['Content-Type', 'multipart/form-data; boundary=B'],
        body: '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\né\r\n--B--',
      },
    );
    assert.equal(body, '1né');
  });

  test('responses send blobs, forms and parameters', async () => {
    const blob = await call(`{ fetch: () => new Response(new Blob(['é'], { type: 'a/b' })) }`);
    assert.deepEqual([plain(blob.headers), textOf(blob.body)], [['content-type', 'a/b'], 'é']);
    const params = await call(`{ fetch: () => new Response(new URLSearchParams('a=b')) }`);
    assert.deepEqual(plain(params.headers), ['content-type', 'application/x-www-form-urlencoded;charset=UTF-8']);
    assert.equal(textOf(params.body), 'a=b');
    const form = await call(
      `{ fetch: () => { const f = new FormData(); f.append('a', 'b'); return new Response(f); } }`,
    );
    assert.match(form.headers[1], /^multipart\/form-data; boundary=/);
    assert.match(textOf(form.body), /name="a"\r\n\r\nb\r\n/);
  });

  test('so do plain replies', async () => {
    const blob = await call(`() => ({ statusCode: 200, body: new Blob(['x'], { type: 'a/b' }) })`);
    assert.deepEqual([plain(blob.headers), textOf(blob.body)], [['content-type', 'a/b'], 'x']);
    const untyped = await call(`() => ({ statusCode: 200, body: new Blob(['x']) })`);
    assert.deepEqual(plain(untyped.headers), ['content-type', 'application/octet-stream']);
    const value = await call(`() => ({ statusCode: 200, body: new URLSearchParams('a=b') })`, { reply: 'value' });
    assert.equal(JSON.parse(value.body).body, 'a=b');
  });
});
