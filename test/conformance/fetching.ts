/** The part of the tiers' suite that is about fetch(): a capability call across the wall and its answer, streamed both ways. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { FetchHead } from '../../src/core/egress.ts';
import type { HandlerKind } from '../../src/core/function.ts';
import type { Limits } from '../../src/core/limits.ts';
import { ANONYMOUS } from '../../src/core/principal.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion, RecordingSink } from '../support/calls.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { MemoryCapabilities, servePlaces, type MemoryExchange } from '../support/memory-capabilities.ts';
import { OpenSandbox } from '../support/sandbox.ts';
import type { StartTier } from './tier.ts';

const MB = 1024 * 1024;

export function testFetching(name: string, start: StartTier): void {
  describe(`${name}: fetch`, () => {
    const capabilities = new MemoryCapabilities();
    let subject: TierUnderTest;
    let executor: Executor;
    const broken: string[] = [];
    before(async () => {
      subject = await start(capabilities);
      executor = await subject.tier.spawn();
      executor.listen({
        onExit: () => undefined,
        onBroken: (reason) => void broken.push(reason),
        onOverrun: () => undefined,
        onLog: () => undefined,
      });
    });
    beforeEach(() => {
      capabilities.serve = servePlaces;
      capabilities.exchanges.length = 0;
    });
    after(async () => {
      await executor?.kill('the suite is over');
      await subject?.close();
      assert.deepEqual(broken, []);
    });

    let count = 0;
    const open = async (
      code: string,
      limits: Partial<Limits> = {},
      handler: HandlerKind = 'module',
    ): Promise<OpenSandbox> => {
      const artifact = await subject.build(code, handler);
      return new OpenSandbox(
        executor,
        makeVersion(`f${++count}`, {
          artifact,
          handler,
          tier: subject.tier.name,
          limits: { concurrency: 64, memoryMb: 128, ...limits },
        }),
      );
    };
    /** What the handler's body returns, as JSON. */
    const run = async (body: string): Promise<unknown> =>
      JSON.parse((await (await open(`export default { async fetch(request, env, ctx) { ${body} } }`)).call()).body);
    const exchange = (): MemoryExchange => capabilities.exchanges[0] as MemoryExchange;
    const begun = (many = 1): Promise<void> => capabilities.until(() => capabilities.exchanges.length >= many);

    test('a request crosses with method, headers and body, on behalf of the invocation that made it', async () => {
      const opened = await open(`export default { fetch: () => fetch('http://echo/a?b#c', {
        method: 'POST', headers: { 'X-A': 'é' }, body: 'wörld', redirect: 'manual' }) }`);
      const { status, headers, body } = await opened.call({ id: 'inv-7' });
      assert.equal(status, 200);
      assert.equal(headers[headers.indexOf('content-type') + 1], 'text/plain');
      const crossed = JSON.parse(body) as { readonly meta: { readonly headers: string[] } };
      // Their order says nothing.
      crossed.meta.headers.sort();
      assert.deepEqual(crossed, {
        kind: 'fetch',
        meta: {
          method: 'POST',
          url: 'http://echo/a?b#c',
          headers: ['content-type', 'text/plain;charset=UTF-8', 'x-a', 'é'],
          redirect: 'manual',
        },
        hasBody: true,
        body: 'wörld',
        invocation: 'inv-7',
        function: `f${count}`,
      });
    });

    test('the answer is a Response with all that is said of it', async () => {
      assert.deepEqual(
        await run(`const r = await fetch('http://moved/');
          return Response.json([r.status, r.statusText, r.url, r.redirected, r.type, r.headers.get('x-a'), await r.text()]);`),
        [200, 'OK', 'http://there/', true, 'basic', '1', 'there'],
      );
    });

    test('a refusal is a TypeError that says why', async () => {
      assert.deepEqual(
        await run(
          `try { await fetch('http://blocked/'); } catch (e) { return Response.json([e.name, e.message, e.cause]); }`,
        ),
        [
          'TypeError',
          'fetch failed: SSRF guard blocked outbound request to blocked',
          { code: 'EGRESS_BLOCKED', rule: 'private', host: 'blocked', status: 452 },
        ],
      );
    });

    test('a function fetches and streams the answer on', async () => {
      const opened = await open(
        `export default { fetch: async () => new Response((await fetch('http://bytes/3000000')).body) }`,
      );
      const sink = opened.start({});
      assert.equal(await sink.outcome, 'end');
      assert.equal(sink.text.length, 3_000_000);
    });

    test('a body reader of one’s own buffers reads the answer to its end', async () => {
      assert.deepEqual(
        await run(`const reader = (await fetch('http://bytes/200000')).body.getReader({ mode: 'byob' });
          let n = 0, buffer = new Uint8Array(1000);
          for (;;) { const { done, value } = await reader.read(buffer); if (done) return Response.json(n); n += value.length; buffer = value; }`),
        200_000,
      );
    });

    test('bodies of every length and kind arrive whole', async () => {
      const lengths = [0, 1, 16_384, 16_385, 65_536, 65_537, 1_000_000];
      const seen = await run(`const seen = [];
        for (const n of ${JSON.stringify(lengths)}) for (const make of [
          () => 'é'.repeat(n / 2), () => new Uint8Array(n).fill(120),
          () => new ReadableStream({ start(c) { if (n > 0) c.enqueue(new Uint8Array(n).fill(120)); c.close(); } }) ]) {
          const echo = await (await fetch('http://echo/', { method: 'PUT', duplex: 'half', body: make() })).json();
          seen.push(new TextEncoder().encode(echo.body).length);
        }
        return Response.json(seen);`);
      assert.deepEqual(
        seen,
        lengths.flatMap((n) => [n - (n % 2), n, n]),
      );
    });

    test('a request body that is a stream is pulled no faster than the host takes it', async () => {
      const opened = await open(`let pulled = 0; export default { async fetch(request) {
        if (request.url.endsWith('count')) return new Response(String(pulled));
        const body = new ReadableStream({ pull(c) { if (pulled++ === 200) c.close(); else c.enqueue(new Uint8Array(65536)); } });
        return fetch('http://count/', { method: 'POST', duplex: 'half', body });
      } }`);
      capabilities.serve = (asked) => {
        asked.hasRoom = false;
        servePlaces(asked);
      };
      const sink = opened.start({});
      await begun();
      await capabilities.until(() => exchange().chunks.length > 0);
      assert.ok(Number((await opened.call({ url: 'http://localhost/count' })).body) < 20);
      exchange().drain();
      await sink.outcome;
      assert.equal(sink.text, String(200 * 65536));
    });

    test('a response that is not read holds the sender back', async () => {
      const opened = await open(`let kept; export default { async fetch(request) {
        if (request.url.endsWith('start')) { kept = await fetch('http://bytes/50000000'); await new Promise(() => {}); }
        return new Response('');
      } }`);
      opened.start({ url: 'http://localhost/start' });
      await begun();
      for (let i = 0; i < 5; i++) await opened.call();
      // Each hop may be a window ahead.
      const mostKb = subject.tier.traits.isLocal ? 512 : 1024;
      assert.ok(exchange().sentBytes <= mostKb * 1024, `${exchange().sentBytes}`);
    });

    test('an aborted fetch is cancelled, and rejects with the signal’s reason', async () => {
      const opened = await open(`export default { async fetch() {
        const c = new AbortController();
        const waiting = fetch('http://silent/', { signal: c.signal }).catch((e) => e.message);
        const { body } = await fetch('http://stalled/', { signal: c.signal });
        const reader = body.getReader(); await reader.read();
        const rest = reader.read().catch((e) => e.message);
        c.abort(new Error('enough'));
        return Response.json(await Promise.all([waiting, rest, fetch('http://silent/', { signal: c.signal }).catch((e) => e.message)]));
      } }`);
      assert.deepEqual(JSON.parse((await opened.call()).body), ['enough', 'enough', 'enough']);
      await capabilities.until(() => capabilities.exchanges.every(({ cancels }) => cancels === 1));
      assert.equal(capabilities.exchanges.length, 2);
    });

    test('a body that is cancelled is sent no further', async () => {
      const opened = await open(`export default { async fetch() {
        const { body } = await fetch('http://bytes/50000000'); await body.cancel(); return new Response('');
      } }`);
      await opened.call();
      await capabilities.until(() => exchange().cancels === 1);
    });

    test('two invocations’ fetches don’t mix up', async () => {
      const opened = await open(`export default { async fetch(request) {
        const name = new URL(request.url).pathname;
        const bodies = await Promise.all([1, 2, 3].map(async (n) => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          const echo = await (await fetch('http://echo' + name + n)).json();
          return echo.invocation + ' ' + new URL(echo.meta.url).pathname;
        }));
        return Response.json(bodies);
      } }`);
      const ids = Array.from({ length: 8 }, (_, i) => `call${i}`);
      const answers = await Promise.all(ids.map((id) => opened.call({ id, url: `http://localhost/${id}/` })));
      for (const [i, id] of ids.entries())
        assert.deepEqual(
          JSON.parse(answers[i]?.body ?? ''),
          [1, 2, 3].map((n) => `${id} /${id}/${n}`),
        );
    });

    test('a stream’s own code fetches on behalf of the invocation that streams it', async () => {
      const opened = await open(`export default { fetch(request) {
        let n = 0;
        const ask = async (c) => { const { invocation } = await (await fetch('http://echo/')).json(); c.enqueue(invocation + ' '); if (++n === 3) c.close(); };
        if (request.url.endsWith('up')) return fetch('http://echo/', { method: 'POST', duplex: 'half', body: new ReadableStream({ pull: ask }) });
        return new Response(new ReadableStream({ pull: ask }));
      } }`);
      const [down, up] = await Promise.all([
        opened.call({ id: 'a' }),
        opened.call({ id: 'b', url: 'http://localhost/up' }),
      ]);
      assert.equal(down.body, 'a a a ');
      assert.equal((JSON.parse(up.body) as { body: string }).body, 'b b b ');
    });

    test('a fetch that outlives its invocation is cancelled, and none can begin after it', async () => {
      const opened = await open(`let failure, late; export default { fetch(request) {
        if (request.url.endsWith('what')) return Response.json([failure, late]);
        fetch('http://silent/').catch((e) => { failure = [e.name, e.cause.code]; return fetch('http://silent/'); }).catch((e) => { late = e.message; });
        return new Response('at once');
      } }`);
      await opened.call({ id: 'short' });
      await begun();
      await capabilities.until(() => exchange().cancels === 1);
      if (subject.tier.traits.keepsState !== false)
        assert.deepEqual(JSON.parse((await opened.call({ url: 'http://localhost/what' })).body), [
          ['TypeError', 'CANCELLED'],
          'fetch() works inside of an invocation only',
        ]);
      assert.equal(capabilities.exchanges.length, 1);
    });

    test('a fetch that waitUntil() waits for is not cancelled', async () => {
      const opened = await open(`export default { fetch(request, env, ctx) {
        ctx.waitUntil(fetch('http://echo/').then((r) => r.text())); return new Response('at once');
      } }`);
      const settled = opened.nextSettled();
      await opened.call();
      await settled;
      assert.equal(exchange().cancels, 0);
    });

    test('a fetch while the code loads is refused with a reason', async () => {
      const opened = await open(`const early = fetch('http://echo/').catch((e) => e.name + ': ' + e.message);
        export default { fetch: async () => new Response(await early) }`);
      assert.equal((await opened.call()).body, 'TypeError: fetch() works inside of an invocation only');
      assert.equal(capabilities.exchanges.length, 0);
    });

    test('cancelling an invocation, or its time being over, cancels its fetches', async () => {
      const opened = await open(`export default { fetch: () => fetch('http://silent/') }`, { timeoutMs: 300 });
      const sink = opened.start({});
      await begun();
      sink.exchange.cancel();
      await capabilities.until(() => exchange().cancels === 1);
      assert.equal((await opened.fault()).code, 'TIMED_OUT');
      await capabilities.until(() => capabilities.exchanges[1]?.cancels === 1);
    });

    test('no more than 64 fetches of one invocation are open at once; the next is told so', async () => {
      const opened = await open(`export default { async fetch() {
        const all = Array.from({ length: 65 }, () => fetch('http://silent/').catch((e) => e.code));
        return new Response(await Promise.race(all));
      } }`);
      assert.equal((await opened.call()).body, 'TOO_MANY_REQUESTS');
      assert.equal(capabilities.exchanges.length, 64);
    });

    test('a request whose head is too long is refused before it is sent', async () => {
      assert.match(
        String(
          await run(`return Response.json(await fetch('http://echo/' + 'x'.repeat(1e6)).catch((e) => e.message));`),
        ),
        /characters/,
      );
      assert.equal(capabilities.exchanges.length, 0);
    });

    test('100 MB pass through a function and its memory stays flat', { timeout: 60_000 }, async () => {
      const opened = await open(
        `export default { fetch: async (request) => new Response((await fetch('http://bytes/' + request.url.split('/').at(-1))).body) }`,
        { memoryMb: 64 },
      );
      const through = async (bytes: number): Promise<void> => {
        const sink = new CountingSink();
        opened.start({ url: `http://localhost/${bytes}` }, sink);
        assert.equal(await sink.outcome, 'end');
        assert.equal(sink.bytes, bytes);
      };
      await through(20 * MB);
      const warmBytes = executor.usage()?.rssBytes ?? 0;
      await through(100 * MB);
      const grown = (executor.usage()?.rssBytes ?? 0) - warmBytes;
      // Kept whole it would be 100. Chunks are freed where they pass by, and don't wait for a collector.
      assert.ok(grown < 50 * MB, `the executor grew by ${(grown / MB).toFixed(1)} MB`);
    });

    test('a script has ctx.fetch, whose result is plain, ctx.data and ctx.user, and no way out by a global', async () => {
      const opened = await open(
        `const { status, text, headers } = await ctx.fetch('http://echo/', { method: 'POST', body: ctx.data.greeting });
         return { status, said: JSON.parse(text).body, type: headers['content-type'], user: ctx.user,
           globals: ['fetch', 'process', 'Bun', 'require', 'module', 'WebSocket'].filter((name) => name in globalThis) };`,
        {},
        'script',
      );
      const { body } = await opened.call({
        method: 'POST',
        body: Buffer.from('{"greeting":"hello"}'),
        principal: { ...ANONYMOUS, role: 'admin', id: 'root', roles: ['admin'] },
      });
      assert.deepEqual(JSON.parse(body), {
        status: 200,
        said: 'hello',
        type: 'text/plain',
        user: { id: 'root', email: null, roles: ['admin'] },
        globals: [],
      });
      assert.equal((exchange().call.meta as FetchHead).method, 'POST');
    });
  });
}

/** Keeps nothing of what it hears but how much it was. */
class CountingSink extends RecordingSink {
  bytes = 0;

  override data(chunk: Uint8Array): boolean {
    this.bytes += chunk.length;
    return true;
  }
}
