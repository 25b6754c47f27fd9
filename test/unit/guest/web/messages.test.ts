import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from './bare.ts';

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

suite('Headers', () => {
  check(
    'names are in lower case, values trimmed and combined',
    `(() => { const h = new Headers({ 'X-A': ' 1\\t' }); h.append('x-a', 2); return [h.get('X-a'), h.has('X-A'), h.get('b')]; })()`,
    ['1, 2', true, null],
  );
  check(
    'iteration is sorted and each cookie apart',
    `(() => { const h = new Headers([['Set-Cookie', 'a'], ['b', 1], ['Set-Cookie', 'b'], ['A', 2], ['b', 3]]); return [[...h], [...h.keys()], [...h.values()], h.getSetCookie()]; })()`,
    [
      [
        ['a', '2'],
        ['b', '1, 3'],
        ['set-cookie', 'a'],
        ['set-cookie', 'b'],
      ],
      ['a', 'b', 'set-cookie', 'set-cookie'],
      ['2', '1, 3', 'a', 'b'],
      ['a', 'b'],
    ],
  );
  check(
    'set replaces all of a name in its first place; delete removes all',
    `(() => { const h = new Headers([['a', 1], ['b', 2], ['a', 3]]); h.set('A', 9); const one = [...h]; h.delete('A'); return [one, [...h]]; })()`,
    [
      [
        ['a', '9'],
        ['b', '2'],
      ],
      [['b', '2']],
    ],
  );
  check(
    'forEach gives value, name and the headers',
    `(() => { const seen = []; const h = new Headers({ a: 1 }); h.forEach(function (v, n, all) { seen.push(v, n, all === h, this.k); }, { k: 7 }); return seen; })()`,
    ['1', 'a', true, 7],
  );
  for (const bad of [
    `{ 'a b': 1 }`,
    `{ '': 1 }`,
    `{ a: 'x\\ny' }`,
    `{ a: 'x\\0' }`,
    `{ a: '€' }`,
    `{ 'é': 1 }`,
    `[['a']]`,
    `[['a', 1, 2]]`,
    `[1]`,
    `5`,
    `'a'`,
    `{ a: Symbol() }`,
  ]) {
    check(`new Headers(${bad}) is a TypeError`, `new Headers(${bad})`, failure('TypeError'));
  }
  check(
    'a copy is independent',
    `(() => { const a = new Headers({ x: 1 }); const b = new Headers(a); b.set('x', 2); return [a.get('x'), b.get('x')]; })()`,
    ['1', '2'],
  );
  check(
    'symbols and hidden properties of an object are not headers',
    `[...new Headers(Object.create({ inherited: 1 }, { seen: { value: 1, enumerable: true }, hidden: { value: 1 } }))]`,
    [['seen', '1']],
  );
});

suite('Response', () => {
  check(
    'has the standard’s defaults',
    `(() => { const r = new Response(); return [r.status, r.ok, r.statusText, r.type, r.url, r.redirected, r.body, r.bodyUsed, [...r.headers]]; })()`,
    [200, true, '', 'default', '', false, null, false, []],
  );
  check(
    'a body brings its content type unless there is one',
    `[new Response('x').headers.get('content-type'), new Response(new URLSearchParams('a=1')).headers.get('content-type'), new Response(new Uint8Array(1)).headers.get('content-type'), new Response('x', { headers: { 'Content-Type': 'a/b' } }).headers.get('content-type'), new Response('x', { headers: { a: 'b' } }).headers.get('content-type')]`,
    [
      'text/plain;charset=UTF-8',
      'application/x-www-form-urlencoded;charset=UTF-8',
      null,
      'a/b',
      'text/plain;charset=UTF-8',
    ],
  );
  for (const status of ['199', '600', '0', `'x'`, '101', '-200', 'NaN', 'null'])
    check(`status ${status} is a RangeError`, `new Response(null, { status: ${status} })`, failure('RangeError'));
  check('a status may be text', `new Response(null, { status: '201' }).status`, 201);
  for (const status of [204, 205, 304]) {
    check(`${status} has no body`, `new Response('x', { status: ${status} })`, failure('TypeError'));
    check(`${status} without a body is fine`, `new Response(null, { status: ${status} }).status`, status);
  }
  check('a bad statusText is a TypeError', `new Response(null, { statusText: 'a\\nb' })`, failure('TypeError'));
  check(
    'every reader reads',
    `Promise.all([new Response('{"a":1}').json(), new Response('é').bytes().then((b) => [...b]), new Response('é').arrayBuffer().then((b) => b.byteLength), new Response(new Uint8Array([0xc3, 0xa9])).text(), new Response(new Uint8Array([1, 2, 3]).subarray(1)).bytes().then((b) => [...b]), new Response(new DataView(new ArrayBuffer(2))).text(), new Response(5).text(), new Response().text()])`,
    [{ a: 1 }, [195, 169], 2, 'é', [2, 3], '\0\0', '5', ''],
  );
  check(
    'text is without a byte order mark and well formed',
    `Promise.all([new Response(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff])).text(), new Response('\\ud800').text()])`,
    ['a\ufffd', '\ufffd'],
  );
  check('json of no JSON is a SyntaxError', `new Response('{').json()`, failure('SyntaxError'));
  check(
    'a body is read once',
    `(async () => { const r = new Response('x'); await r.text(); return [r.bodyUsed, await r.text().catch((e) => e.name), r.body.locked]; })()`,
    [true, 'TypeError', true],
  );
  check(
    'a missing body can be read again and again',
    `(async () => { const r = new Response(); await r.text(); return [r.bodyUsed, await r.text()]; })()`,
    [false, ''],
  );
  check(
    'a clone reads apart',
    `(async () => { const r = new Response('x', { status: 201, headers: { a: 1 } }); const c = r.clone(); return [await r.text(), await c.text(), c.status, c.headers.get('a'), c.headers.get('content-type')]; })()`,
    ['x', 'x', 201, '1', 'text/plain;charset=UTF-8'],
  );
  check(
    'a read body cannot be cloned',
    `(async () => { const r = new Response('x'); await r.text(); return r.clone(); })()`,
    failure('TypeError'),
  );
  check(
    'bytes given are copied',
    `(async () => { const b = new Uint8Array([1]); const r = new Response(b); b[0] = 9; const c = r.clone(); (await r.bytes())[0] = 5; return [...(await c.bytes())]; })()`,
    [1],
  );
  check(
    'Response.json',
    `(async () => { const r = Response.json({ a: 1 }, { status: 201, headers: { x: 1 } }); const t = Response.json(1, { headers: { 'content-type': 'a/b' } }); return [r.status, r.headers.get('content-type'), await r.text(), t.headers.get('content-type')]; })()`,
    [201, 'application/json', '{"a":1}', 'a/b'],
  );
  check('Response.json of undefined is a TypeError', `Response.json(undefined)`, failure('TypeError'));
  check(
    'Response.redirect',
    `(() => { const r = Response.redirect('http://a/b', 307); return [r.status, r.headers.get('location'), Response.redirect('http://A').headers.get('location')]; })()`,
    [307, 'http://a/b', 'http://a/'],
  );
  check('Response.redirect wants a redirect', `Response.redirect('http://a', 200)`, failure('RangeError'));
  check('Response.redirect wants a whole URL', `Response.redirect('/a')`, failure('TypeError'));
  check('Response.error', `[Response.error().status, Response.error().type]`, [0, 'error']);
});

suite('a body as a stream', () => {
  const collect = `async (stream) => { const out = []; for await (const chunk of stream) out.push(...chunk); return out; }`;
  check(
    'text and bytes can be streamed',
    `(async () => { const collect = ${collect}; return [await collect(new Response('hé').body), await collect(new Response(new Uint8Array([1])).body)]; })()`,
    [[104, 195, 169], [1]],
  );
  check(
    'a stream can be read as text',
    `new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([0xc3])); c.enqueue(new Uint8Array([0xa9])); c.close(); } })).text()`,
    'é',
  );
  check(
    'the stream given is the one shown',
    `(() => { const s = new ReadableStream(); return new Response(s).body === s; })()`,
    true,
  );
  check(
    'a stream that was read is used',
    `(async () => { const r = new Response('x'); const reader = r.body.getReader(); await reader.read(); reader.releaseLock(); return [r.bodyUsed, await r.text().catch((e) => e.name)]; })()`,
    [true, 'TypeError'],
  );
  check(
    'a stream that was only looked at is not',
    `(async () => { const r = new Response('x'); r.body; return [r.bodyUsed, await r.text()]; })()`,
    [false, 'x'],
  );
  check(
    'a locked stream is no body',
    `(() => { const s = new ReadableStream(); s.getReader(); return new Response(s); })()`,
    failure('TypeError'),
  );
  check(
    'a stream of anything but bytes is a TypeError',
    `new Response(new ReadableStream({ start(c) { c.enqueue('text'); c.close(); } })).text()`,
    failure('TypeError'),
  );
  check(
    'a failing stream fails the reader',
    `new Response(new ReadableStream({ start(c) { c.error(new RangeError('mine')); } })).text()`,
    failure('RangeError'),
  );
  check(
    'a cloned stream is read twice',
    `(async () => { const r = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([97])); c.close(); } })); const c = r.clone(); return [await r.text(), await c.text()]; })()`,
    ['a', 'a'],
  );
  check(
    'streams can be piped through transforms',
    `new Response(new Response('abc').body.pipeThrough(new TextDecoderStream()).pipeThrough(new TransformStream({ transform(chunk, c) { c.enqueue(chunk.toUpperCase()); } })).pipeThrough(new TextEncoderStream())).text()`,
    'ABC',
  );
});

suite('Request', () => {
  check(
    'has the standard’s defaults',
    `(() => { const r = new Request('http://A/b?c'); return [r.method, r.url, [...r.headers], r.body, r.signal.aborted]; })()`,
    ['GET', 'http://a/b?c', [], null, false],
  );
  check(
    'methods are normalised',
    `['get', 'Post', 'patch', 'PATCH', 'delete'].map((method) => new Request('http://a', { method }).method)`,
    ['GET', 'POST', 'patch', 'PATCH', 'DELETE'],
  );
  for (const method of ['TRACE', 'connect', 'a b', ''])
    check(
      `the method ${JSON.stringify(method)} is a TypeError`,
      `new Request('http://a', { method: ${JSON.stringify(method)} })`,
      failure('TypeError'),
    );
  check('a relative URL is a TypeError', `new Request('/a')`, failure('TypeError'));
  check('a URL with a password is a TypeError', `new Request('http://u:p@a/')`, failure('TypeError'));
  check('GET has no body', `new Request('http://a', { body: 'x' })`, failure('TypeError'));
  check('a URL object will do', `new Request(new URL('http://a/b')).url`, 'http://a/b');
  check(
    'a request is made of another and takes its body',
    `(async () => { const a = new Request('http://a', { method: 'POST', body: 'x', headers: { k: 'v' } }); const b = new Request(a, { headers: { l: 'w' } }); return [b.method, [...b.headers.keys()], a.bodyUsed, await b.text(), await a.text().catch((e) => e.name)]; })()`,
    ['POST', ['l'], true, 'x', 'TypeError'],
  );
  check(
    'a new body leaves the old one alone',
    `(async () => { const a = new Request('http://a', { method: 'POST', body: 'x' }); const b = new Request(a, { body: 'y' }); return [await a.text(), await b.text()]; })()`,
    ['x', 'y'],
  );
  check(
    'the signal is the one given',
    `(() => { const c = new AbortController(); const r = new Request('http://a', { signal: c.signal }); const s = new Request(r); c.abort(); return [r.signal.aborted, s.signal.aborted, r.clone().signal.aborted]; })()`,
    [true, true, true],
  );
  check('a signal that is none is a TypeError', `new Request('http://a', { signal: {} })`, failure('TypeError'));
  check(
    'a clone reads apart',
    `(async () => { const a = new Request('http://a', { method: 'POST', body: 'x' }); const b = a.clone(); return [await a.text(), await b.text(), b.headers.get('content-type')]; })()`,
    ['x', 'x', 'text/plain;charset=UTF-8'],
  );
});
