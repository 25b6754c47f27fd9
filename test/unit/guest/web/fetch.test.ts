import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

const REPLY = {
  status: 201,
  statusText: 'Created',
  url: 'http://a/b',
  redirected: false,
  headers: ['X-A', '1', 'set-cookie', 'c'],
  body: 'hello',
};

const context = bareContext();

/** What the code's promise gives, as JSON; what it throws by its name and message. */
async function read(code: string): Promise<unknown> {
  return plain(await context.run(`(async () => (${code}))().catch((e) => e.name + ': ' + e.message)`));
}

suite('what fetch() sends', () => {
  test('a request reaches the host as it is, with its way of redirecting', async () => {
    context.reply = REPLY;
    await read(
      `fetch('http://a/b', { method: 'post', body: new URLSearchParams('q=1'), headers: { k: 'v' }, redirect: 'manual' }).then(() => 0)`,
    );
    assert.deepEqual(plain(context.fetched.at(-1)), {
      method: 'POST',
      url: 'http://a/b',
      headers: ['k', 'v', 'content-type', 'application/x-www-form-urlencoded;charset=UTF-8'],
      redirect: 'manual',
      body: 'q=1',
    });
  });

  test('a stream is handed over as one, bytes with their length, and a long text as bytes', async () => {
    context.reply = REPLY;
    await read(`fetch('http://a', { method: 'PUT', duplex: 'half', body: new ReadableStream() }).then(() => 0)`);
    assert.equal(typeof context.fetched.at(-1).body.getReader, 'function');
    assert.deepEqual(context.fetched.at(-1).headers, []);
    await read(
      `fetch('http://a', { method: 'PUT', body: new Uint8Array(3), headers: { 'content-length': '9' } }).then(() => 0)`,
    );
    assert.deepEqual(plain(context.fetched.at(-1).headers), ['content-length', '3']);
    await read(`fetch('http://a', { method: 'PUT', body: 'é'.repeat(20000) }).then(() => 0)`);
    assert.equal(context.fetched.at(-1).body.length, 40_000);
    assert.equal(context.fetched.at(-1).headers.at(-1), '40000');
  });

  test('redirect is one of three words, and a Request, its copy and its clone keep it', async () => {
    assert.match(String(await read(`new Request('http://a', { redirect: 'never' })`)), /^TypeError: redirect must be/);
    assert.deepEqual(
      await read(
        `(() => { const r = new Request('http://a', { redirect: 'error' }); return [new Request('http://a'), r, new Request(r), r.clone()].map((r) => r.redirect); })()`,
      ),
      ['follow', 'error', 'error', 'error'],
    );
  });

  test('nothing is sent that is no request, or that was aborted before', async () => {
    const before = context.fetched.length;
    assert.match(String(await read(`fetch('/relative')`)), /^TypeError/);
    assert.match(String(await read(`fetch('http://a', { signal: AbortSignal.abort() })`)), /^AbortError/);
    assert.equal(context.fetched.length, before);
  });

  test('what a patched prototype says is not sent', async () => {
    const patched = bareContext();
    patched.reply = REPLY;
    await patched.run(`
      Array.prototype.toJSON = Object.prototype.toJSON = () => 'patched';
      Object.defineProperty(Request.prototype, 'url', { get: () => 'http://patched' });
      fetch('http://a/', { headers: { k: 'v' } });`);
    assert.equal(patched.fetched[0].url, 'http://a/');
    assert.deepEqual([...patched.fetched[0].headers], ['k', 'v']);
  });
});

suite('what fetch() gives', () => {
  test('a Response with all that the host says of it', async () => {
    context.reply = { ...REPLY, redirected: true };
    assert.deepEqual(
      await read(
        `(async () => { const r = await fetch('http://a/b'); return [r.status, r.statusText, r.ok, r.url, r.redirected, r.type, r.headers.get('x-a'), await r.text()]; })()`,
      ),
      [201, 'Created', true, 'http://a/b', true, 'basic', '1', 'hello'],
    );
  });

  test('its headers can’t be changed, nor a clone’s; a copy’s can', async () => {
    context.reply = REPLY;
    assert.deepEqual(
      await read(`(async () => {
        const r = await fetch('http://a/b');
        const refused = [];
        for (const headers of [r.headers, r.clone().headers])
          for (const change of [(h) => h.set('a', 'b'), (h) => h.append('a', 'b'), (h) => h.delete('x-a')])
            try { change(headers); } catch (e) { refused.push(e.name); }
        const copy = new Response(r.body, r); copy.headers.set('x-a', '2');
        return [refused.length, copy.headers.get('x-a'), r.headers.get('x-a')];
      })()`),
      [6, '2', '1'],
    );
  });

  test('no body where HTTP has none', async () => {
    for (const [status, method] of [
      [204, 'GET'],
      [304, 'GET'],
      [200, 'HEAD'],
    ] as const) {
      context.reply = { ...REPLY, status };
      assert.equal(await read(`fetch('http://a', { method: '${method}' }).then((r) => r.body)`), null);
    }
  });

  test('the stream of a body that does not come whole', async () => {
    context.reply = {
      ...REPLY,
      stream: context.run(
        `new ReadableStream({ start(c) { c.enqueue(new Uint8Array([104, 105])); c.close(); } })`,
      ) as object,
    };
    assert.equal(await read(`fetch('http://a').then((r) => r.text())`), 'hi');
  });

  test('a refusal, with its code and details as the cause', async () => {
    context.reply = {
      refusal: {
        code: 'EGRESS_BLOCKED',
        message: 'SSRF guard blocked outbound request to x',
        details: { rule: 'private', host: 'x' },
      },
    };
    assert.deepEqual(
      await read(`fetch('http://x').catch((e) => [e instanceof TypeError, e.message, e.code, e.status, e.cause])`),
      [
        true,
        'fetch failed: SSRF guard blocked outbound request to x',
        'EGRESS_BLOCKED',
        452,
        { code: 'EGRESS_BLOCKED', rule: 'private', host: 'x', status: 452 },
      ],
    );
    context.reply = { refusal: { code: 'TIMED_OUT', message: 'the request took longer than 5 ms' } };
    assert.deepEqual(await read(`fetch('http://x').catch((e) => [e.code, typeof e.status, e.cause])`), [
      'TIMED_OUT',
      'undefined',
      { code: 'TIMED_OUT' },
    ]);
  });

  test('a TypeError outside of any invocation', async () => {
    context.reply = 'outside';
    assert.equal(await read(`fetch('http://a')`), 'TypeError: fetch() works inside of an invocation only');
  });

  test('an abort ends the wait, and a body that came and was not read', async () => {
    context.reply = null;
    const abort = `const c = new AbortController(); const p = fetch('http://a', { signal: c.signal });`;
    assert.equal(await read(`(() => { ${abort} c.abort(new RangeError('stop')); return p; })()`), 'RangeError: stop');
    context.reply = REPLY;
    assert.equal(
      await read(`(async () => { ${abort} const r = await p; c.abort(new RangeError('stop')); return r.text(); })()`),
      'RangeError: stop',
    );
  });
});
