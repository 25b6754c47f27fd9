/** The suite that every tier passes, through the seam of core/tier.ts: what a sandbox does, and what it may not do. */

import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Capabilities } from '../../src/core/capability.ts';
import type { Fault } from '../../src/core/faults.ts';
import type { LogEntry } from '../../src/core/invocation.ts';
import type { Limits } from '../../src/core/limits.ts';
import { ANONYMOUS, SYSTEM } from '../../src/core/principal.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from '../support/calls.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { NOT_BEGUN, OpenSandbox } from '../support/sandbox.ts';
import { testFetching } from './fetching.ts';
import { testServices } from './services.ts';

export type StartTier = (capabilities?: Capabilities) => Promise<TierUnderTest>;

export function testTier(name: string, start: StartTier): void {
  testFetching(name, start);
  testServices(name, start);
  describe(name, () => {
    let subject: TierUnderTest;
    let executor: Executor;
    const waitingForLog: ((entry: LogEntry) => void)[] = [];
    const nextLog = (): Promise<LogEntry> => new Promise((resolve) => waitingForLog.push(resolve));
    before(async () => {
      subject = await start();
      executor = await subject.tier.spawn();
      executor.listen({
        onExit: () => undefined,
        onBroken: () => undefined,
        onOverrun: () => undefined,
        onLog: (_version, _invocation, entry) => waitingForLog.splice(0).forEach((resolve) => resolve(entry)),
      });
    });
    after(async () => {
      await executor?.kill('the suite is over');
      await subject?.close();
    });

    let count = 0;
    const open = async (
      code: string,
      limits: Partial<Limits> = {},
      where: Executor = executor,
    ): Promise<OpenSandbox> => {
      const artifact = await subject.build(code);
      return new OpenSandbox(
        where,
        makeVersion(`f${++count}`, {
          artifact,
          tier: subject.tier.name,
          env: { GIVEN: 'value' },
          limits: { concurrency: 64, memoryMb: 128, ...limits },
        }),
      );
    };

    test('the probe runs a function for real', async () => {
      assert.deepEqual((await subject.tier.probe()).works, true);
    });

    test('a function answers with status, headers and body', async () => {
      const { status, headers, body } = await (
        await open(`export default { fetch: () => new Response('made', { status: 201, headers: { 'x-a': 'b' } }) }`)
      ).call();
      assert.equal(status, 201);
      assert.equal(headers[headers.indexOf('x-a') + 1], 'b');
      assert.equal(body, 'made');
    });

    test('state lives from one invocation to the next, and not in another sandbox of the same version', async (t) => {
      if (skipsState(t, subject)) return;
      const code = 'let n = 0; export default { fetch: () => new Response(String(++n)) }';
      const first = await open(code);
      assert.deepEqual([(await first.call()).body, (await first.call()).body], ['1', '2']);
      assert.equal((await (await open(code)).call()).body, '1');
    });

    test('nothing lives from one invocation to the next where each has an instance of its own', async (t) => {
      if (subject.tier.traits.keepsState !== false) return t.skip('invocations share an instance');
      const opened = await open(
        `let n = 0; const born = [Math.random(), crypto.randomUUID()];
        export default { fetch: () => (Array.prototype.left = 1, Response.json([++n, [].left, globalThis.left ??= n, born])) }`,
      );
      const seen = [(await opened.call()).body, (await opened.call()).body].map(
        (body) => JSON.parse(body) as unknown[],
      );
      assert.deepEqual(
        seen.map((one) => one.slice(0, 3)),
        [
          [1, 1, 1],
          [1, 1, 1],
        ],
      );
      assert.notDeepEqual(seen[0]?.[3], seen[1]?.[3]);
    });

    test('a sandbox sees the environment it was given and nothing of the host', async () => {
      const opened = await open(
        'export default { fetch: (request, env) => Response.json({ env, own: { ...process.env }, process: typeof globalThis.process }) }',
      );
      const seen = JSON.parse((await opened.call()).body) as { env: object; own: object; process: string };
      // Where it may start programs, they are told of the way out.
      const own = Object.fromEntries(Object.entries(seen.own).filter(([variable]) => !/_PROXY$/i.test(variable)));
      assert.deepEqual([seen.env, own], [{ GIVEN: 'value' }, { GIVEN: 'value' }]);
      assert.equal(seen.process, subject.tier.traits.engine === 'node' ? 'object' : 'undefined');
    });

    test('a handler that throws fails its call and no other', async () => {
      const opened = await open(
        `export default { fetch(request) { if (request.url.endsWith('bad')) throw new Error('boom'); return new Response('good') } }`,
      );
      const [bad, good] = await Promise.allSettled([
        opened.call({ url: 'http://localhost/bad' }),
        opened.call({ url: 'http://localhost/good' }),
      ]);
      assert.equal(bad.status === 'rejected' && (bad.reason as Fault).code, 'HANDLER_THREW');
      assert.equal(good.status === 'fulfilled' && good.value.body, 'good');
    });

    test('a function over its time is stopped and its neighbour answers', async () => {
      const spinning = await open('export default { fetch() { for (;;); } }', { timeoutMs: 300 });
      const neighbour = await open(`export default { fetch: () => new Response('here') }`);
      const startedMs = performance.now();
      const spun = spinning.fault();
      assert.equal((await neighbour.call()).body, 'here');
      assert.equal((await spun).code, 'TIMED_OUT');
      assert.ok(performance.now() - startedMs < 1300);
      assert.equal((await neighbour.call()).body, 'here');
    });

    test('a function over its memory is stopped and its neighbour answers', { timeout: 30_000 }, async () => {
      const bomb = await open(
        'export default { fetch() { const all = []; for (;;) all.push(new Array(1000).fill({})); } }',
        { timeoutMs: 20_000, memoryMb: 64 },
      );
      const neighbour = await open(`export default { fetch: () => new Response('here') }`);
      const exploded = bomb.fault();
      assert.equal((await neighbour.call()).body, 'here');
      assert.equal((await exploded).code, 'OUT_OF_MEMORY');
      assert.equal((await neighbour.call()).body, 'here');
    });

    test('what waited behind a call that never yields is told that it had not begun', async (t) => {
      if (skipsState(t, subject)) return;
      if (subject.tier.traits.sandboxMemory === 'process') return t.skip('what waits in a process ends with it');
      const opened = await open(
        'let n = 0; export default { async fetch() { if (n++ === 0) { await null; for (;;); } return new Response("late") } }',
        { timeoutMs: 300 },
      );
      const first = opened.fault();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const behind = opened.call();
      assert.equal((await first).code, 'TIMED_OUT');
      await assert.rejects(behind, new RegExp(NOT_BEGUN));
    });

    test('a response streams, and a slow reader holds the function back', async () => {
      const opened = await open(`let pulled = 0; export default { fetch(request) {
        if (request.url.endsWith('count')) return new Response(String(pulled));
        return new Response(new ReadableStream({ pull(c) { if (pulled++ === 200) c.close(); else c.enqueue(new Uint8Array(65536)); } }));
      } }`);
      const sink = opened.start({});
      sink.wants = false;
      const { promise: held, resolve } = Promise.withResolvers<void>();
      sink.onHeard = () => sink.chunks.length > 0 && resolve();
      await held;
      assert.ok(Number((await opened.call({ url: 'http://localhost/count' })).body) < 40);
      sink.wants = true;
      sink.exchange.resume();
      await sink.outcome;
      assert.equal(Buffer.concat(sink.chunks).length, 200 * 65536);
    });

    test('a large buffered response arrives whole', async () => {
      const opened = await open(`export default { fetch: () => new Response('é'.repeat(1_000_000)) }`);
      const { body } = await opened.call();
      assert.equal(body.length, 1_000_000);
    });

    test('a streamed request body reaches the function piece by piece', async () => {
      const opened = await open(`export default { async fetch(request) {
        let n = 0; const reader = request.body.getReader();
        for (;;) { const { done, value } = await reader.read(); if (done) return new Response(String(n)); n += value.length; }
      } }`);
      const sink = opened.start({ method: 'POST', body: 'stream' });
      const { exchange } = sink;
      for (let i = 0; i < 50; i++) {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (!exchange.write(new Uint8Array(30_000), resolve)) await promise;
      }
      exchange.endBody();
      await sink.outcome;
      assert.equal(sink.text, '1500000');
    });

    test('cancelling aborts the signal of the request and frees the slot', async () => {
      const opened = await open(`export default { async fetch(request) {
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
        console.log('aborted');
      } }`);
      const sink = opened.start({});
      const settled = opened.nextSettled();
      const logged = nextLog();
      sink.exchange.cancel();
      assert.equal((await Promise.all([settled, logged]))[1].message, 'aborted');
      assert.equal(opened.sandbox.inFlight, 0);
    });

    test('waitUntil keeps the slot after the response, and its work is finished', async () => {
      const opened = await open(`export default { fetch(request, env, ctx) {
        ctx.waitUntil(new Promise((resolve) => setTimeout(() => { console.log('afterwards'); resolve(); }, 500)));
        return new Response('first');
      } }`);
      const logged = nextLog();
      assert.equal((await opened.call()).body, 'first');
      assert.equal(opened.sandbox.inFlight, 1);
      const settled = opened.nextSettled();
      assert.equal((await logged).message, 'afterwards');
      await settled;
      assert.equal(opened.sandbox.inFlight, 0);
    });

    test('interleaved invocations keep their own context over every way to wait', async () => {
      const ids = ['a', 'b', 'c', 'd'];
      const meeting = subject.tier.traits.keepsState === false ? 1 : ids.length;
      const opened = await open(interleaved(meeting));
      const sinks = ids.map((id) => opened.start({ id, url: `http://localhost/${id}` }));
      await Promise.all(sinks.map((sink) => sink.outcome));
      for (const [i, id] of ids.entries()) {
        assert.deepEqual(new Set(sinks[i]?.logs.map((line) => line.split(' ')[0])), new Set([id]));
        assert.equal(sinks[i]?.logs.length, 14);
      }
    });

    test('a function sees who calls, and nobody in particular where that is anonymous', async () => {
      const opened = await open('export default (request, ctx) => ({ statusCode: 200, body: ctx.user })');
      assert.deepEqual(JSON.parse((await opened.call()).body), { id: null, email: null, roles: [] });
      const principal = { ...ANONYMOUS, role: 'user', id: 'u1', email: 'a@b.c', roles: ['editor'] } as const;
      assert.deepEqual(JSON.parse((await opened.call({ principal })).body), {
        id: 'u1',
        email: 'a@b.c',
        roles: ['editor'],
      });
      assert.deepEqual(JSON.parse((await opened.call({ principal: SYSTEM })).body), {
        id: null,
        email: null,
        roles: [],
      });
    });

    test('a load answers 204 and calls nothing, or says why the code does not load', async () => {
      const opened = await open('let n = 0; export default { fetch: () => new Response(String(++n)) }');
      const { status, body } = await opened.call({ reply: 'load' });
      assert.deepEqual([status, body, (await opened.call()).body], [204, '', '1']);
      const failing = await open(`throw new Error('not today'); export default { fetch() {} }`);
      assert.deepEqual(await codeOf(failing.fault({ reply: 'load' })), ['LOAD_FAILED', 'not today']);
      const without = await open('export const nothing = 1');
      assert.equal((await without.fault({ reply: 'load' })).code, 'HANDLER_MISSING');
    });

    test('a response whose headers are too long to send is a fault, and the executor lives on', async () => {
      const opened = await open(
        `export default { fetch(request) { return new Response('', { headers: request.url.endsWith('ok') ? {} : { 'x-long': 'x'.repeat(2e6) } }) } }`,
      );
      assert.equal((await opened.fault()).code, 'BAD_RESPONSE');
      assert.equal((await opened.call({ url: 'http://localhost/ok' })).status, 200);
    });

    test('timers of an invocation that is over do not fire', async () => {
      const opened = await open(`let fired = 0; export default { fetch(request) {
        if (request.url.endsWith('count')) return new Response(String(fired));
        setTimeout(() => fired++, 1); return new Response('');
      } }`);
      await opened.call();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await opened.call({ url: 'http://localhost/count' })).body, '0');
    });

    test('a log that is too long is cut with a notice', async () => {
      const opened = await open(
        `export default { fetch() { for (let i = 0; i < 100; i++) console.log('x'.repeat(100)); return new Response(''); } }`,
        { logBytes: 1000 },
      );
      const sink = opened.start({});
      await sink.outcome;
      assert.ok(sink.logs.length < 15);
      assert.match(sink.logs.at(-1) ?? '', /dropped/);
    });

    test('an executor that is killed fails what it had begun, and says so once', async () => {
      const lone = await subject.tier.spawn();
      let exits = 0;
      const { promise: exited, resolve } = Promise.withResolvers<void>();
      lone.listen({
        onExit: () => (exits++, resolve()),
        onBroken: () => undefined,
        onOverrun: () => undefined,
        onLog: () => undefined,
      });
      const opened = await open('export default { fetch: () => new Promise(() => {}) }', {}, lone);
      const fault = opened.fault();
      // What is on another host uses nothing of this one.
      assert.ok((lone.usage() ?? assert.fail()).rssBytes >= (subject.tier.traits.isLocal ? 1_000_000 : 0));
      await lone.kill('the test says so');
      assert.equal((await fault).code, 'SANDBOX_RECYCLED');
      await exited;
      assert.equal(exits, 1);
      assert.equal(lone.usage(), null);
    });
  });
}

async function codeOf(fault: Promise<Fault>): Promise<[code: string, message: string]> {
  const { code, message } = await fault;
  return [code, message];
}

/** Whether the case is about what invocations have in common, where they have nothing. */
function skipsState(t: TestContext, { tier }: TierUnderTest): boolean {
  if (tier.traits.keepsState !== false) return false;
  t.skip('every invocation has an instance of its own: nothing lives on');
  return true;
}

/** Waits in every way there is, with promises that `meeting` invocations share, and logs its own name after each. */
const interleaved = (meeting: number): string => `
let open; let here = 0; const gate = new Promise((resolve) => { open = resolve; });
const hop = async () => { await null; };
async function* numbers() { for (let i = 0; i < 2; i++) { await hop(); yield i; } }
export default { async fetch(request) {
  const me = new URL(request.url).pathname.slice(1);
  const say = (what) => console.log(me + ' ' + what);
  await hop(); say('await');
  if (++here === ${meeting}) open();
  await gate; say('a promise that another resolved');
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 10)); say('timer');
  await Promise.all([hop(), gate]); say('all');
  await Promise.race([gate, hop()]); say('race');
  await Promise.allSettled([gate]); say('allSettled');
  await Promise.any([gate]); say('any');
  await gate.finally(() => say('in finally')); 
  await { then(resolve) { resolve(); } }; say('thenable');
  for await (const n of numbers()) say('for await ' + n);
  await Array.fromAsync([gate], (value) => (say('fromAsync'), value));
  queueMicrotask(() => say('microtask'));
  try { await Promise.reject(new Error()); } catch { say('catch'); }
  await hop();
  return new Response(me);
} };`;
