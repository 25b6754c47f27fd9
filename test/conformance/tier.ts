/** The suite that every tier passes, through the seam of core/tier.ts: what a sandbox does, and what it may not do. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Fault } from '../../src/core/faults.ts';
import type { Artifact, FunctionVersion } from '../../src/core/function.ts';
import type { Call, Exchange, LogEntry, ResponseSink } from '../../src/core/invocation.ts';
import { ANONYMOUS } from '../../src/core/principal.ts';
import type { Executor, Sandbox, Tier } from '../../src/core/tier.ts';

export interface TierUnderTest {
  readonly tier: Tier;
  build(code: string): Promise<Artifact>;
  close(): Promise<void>;
}

export function testTier(name: string, start: () => Promise<TierUnderTest>): void {
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

    const open = async (code: string, limits: Partial<FunctionVersion['limits']> = {}): Promise<Opened> =>
      new Opened(executor, versionOf(await subject.build(code), subject.tier.name, limits));

    test('the probe runs a function for real', async () => {
      assert.deepEqual((await subject.tier.probe()).works, true);
    });

    test('a function answers with status, headers and body', async () => {
      const { status, headers, body } = await (await open(`export default { fetch: () => new Response('made', { status: 201, headers: { 'x-a': 'b' } }) }`)).call();
      assert.equal(status, 201);
      assert.equal(headers[headers.indexOf('x-a') + 1], 'b');
      assert.equal(body, 'made');
    });

    test('state lives from one invocation to the next, and not in another sandbox of the same version', async () => {
      const code = 'let n = 0; export default { fetch: () => new Response(String(++n)) }';
      const first = await open(code);
      assert.deepEqual([(await first.call()).body, (await first.call()).body], ['1', '2']);
      assert.equal((await (await open(code)).call()).body, '1');
    });

    test('a sandbox sees the environment it was given and nothing of the host', async () => {
      const opened = await open('export default { fetch: (request, env) => Response.json({ env, process: typeof process, keys: Object.keys(globalThis) }) }');
      const seen = JSON.parse((await opened.call()).body) as { env: object; process: string };
      assert.deepEqual(seen.env, { GIVEN: 'value' });
      assert.equal(seen.process, 'undefined');
    });

    test('a handler that throws fails its call and no other', async () => {
      const opened = await open(`export default { fetch(request) { if (request.url.endsWith('bad')) throw new Error('boom'); return new Response('good') } }`);
      const [bad, good] = await Promise.allSettled([opened.call({ url: 'http://localhost/bad' }), opened.call({ url: 'http://localhost/good' })]);
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
      const bomb = await open('export default { fetch() { const all = []; for (;;) all.push(new Array(1000).fill({})); } }', { timeoutMs: 20_000, memoryMb: 64 });
      const neighbour = await open(`export default { fetch: () => new Response('here') }`);
      const exploded = bomb.fault();
      assert.equal((await neighbour.call()).body, 'here');
      assert.equal((await exploded).code, 'OUT_OF_MEMORY');
      assert.equal((await neighbour.call()).body, 'here');
    });

    test('what waited behind a call that never yields is told that it had not begun', async () => {
      const opened = await open('let n = 0; export default { async fetch() { if (n++ === 0) { await null; for (;;); } return new Response("late") } }', { timeoutMs: 300 });
      const first = opened.fault();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const behind = opened.call();
      assert.equal((await first).code, 'TIMED_OUT');
      await assert.rejects(behind, /not begun/);
    });

    test('a response streams, and a slow reader holds the function back', async () => {
      const opened = await open(`let pulled = 0; export default { fetch(request) {
        if (request.url.endsWith('count')) return new Response(String(pulled));
        return new Response(new ReadableStream({ pull(c) { if (pulled++ === 200) c.close(); else c.enqueue(new Uint8Array(65536)); } }));
      } }`);
      const sink = new Recorder({ holdAfterBytes: 65536 });
      opened.start({}, sink);
      await sink.held;
      assert.ok(Number((await opened.call({ url: 'http://localhost/count' })).body) < 40);
      sink.release();
      assert.equal((await sink.outcome).bytes, 200 * 65536);
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
      const sink = new Recorder();
      opened.start({ method: 'POST', body: 'stream' }, sink);
      const exchange = sink.exchange as Exchange;
      for (let i = 0; i < 50; i++) {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (!exchange.write(new Uint8Array(30_000), resolve)) await promise;
      }
      exchange.endBody();
      assert.equal((await sink.outcome).body, '1500000');
    });

    test('cancelling aborts the signal of the request and frees the slot', async () => {
      const opened = await open(`export default { async fetch(request) {
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
        console.log('aborted');
      } }`);
      const sink = new Recorder();
      opened.start({}, sink);
      const settled = opened.nextSettled();
      const logged = nextLog();
      (sink.exchange as Exchange).cancel();
      assert.equal((await Promise.all([settled, logged]))[1].message, 'aborted');
      assert.equal(opened.sandbox.inFlight, 0);
    });

    test('waitUntil keeps the slot after the response, and its work is finished', async () => {
      const opened = await open(`export default { fetch(request, env, ctx) {
        ctx.waitUntil(new Promise((resolve) => setTimeout(() => { console.log('afterwards'); resolve(); }, 20)));
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
      const opened = await open(INTERLEAVED);
      const names = ['a', 'b', 'c', 'd'];
      const sinks = names.map((name) => {
        const sink = new Recorder();
        opened.start({ id: name, url: `http://localhost/${name}` }, sink);
        return sink;
      });
      await Promise.all(sinks.map((sink) => sink.outcome));
      for (const [i, name] of names.entries()) {
        assert.deepEqual(new Set(sinks[i]?.logs.map((entry) => entry.message.split(' ')[0])), new Set([name]));
        assert.equal(sinks[i]?.logs.length, 14);
      }
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
      const opened = await open(`export default { fetch() { for (let i = 0; i < 100; i++) console.log('x'.repeat(100)); return new Response(''); } }`, { logBytes: 1000 });
      const sink = new Recorder();
      opened.start({}, sink);
      await sink.outcome;
      assert.ok(sink.logs.length < 15);
      assert.match(sink.logs.at(-1)?.message ?? '', /dropped/);
    });

    test('an executor that is killed fails what it had begun, and says so once', async () => {
      const lone = await subject.tier.spawn();
      let exits = 0;
      const { promise: exited, resolve } = Promise.withResolvers<void>();
      lone.listen({ onExit: () => (exits++, resolve()), onBroken: () => undefined, onOverrun: () => undefined, onLog: () => undefined });
      const opened = new Opened(lone, versionOf(await subject.build('export default { fetch: () => new Promise(() => {}) }'), subject.tier.name, {}));
      const fault = opened.fault();
      assert.ok((lone.usage()?.rssBytes ?? 0) > 1_000_000);
      await lone.kill('the test says so');
      assert.equal((await fault).code, 'SANDBOX_RECYCLED');
      await exited;
      assert.equal(exits, 1);
      assert.equal(lone.usage(), null);
    });
  });
}

/** Waits in every way there is, with promises that the invocations share, and logs its own name after each. */
const INTERLEAVED = `
let open; let here = 0; const gate = new Promise((resolve) => { open = resolve; });
const hop = async () => { await null; };
async function* numbers() { for (let i = 0; i < 2; i++) { await hop(); yield i; } }
export default { async fetch(request) {
  const me = new URL(request.url).pathname.slice(1);
  const say = (what) => console.log(me + ' ' + what);
  await hop(); say('await');
  if (++here === 4) open();
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

interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  readonly bytes: number;
}

/** One sandbox, and what happens to it. */
class Opened {
  readonly sandbox: Sandbox;
  #onSettled: (() => void)[] = [];

  constructor(executor: Executor, version: FunctionVersion) {
    this.sandbox = executor.open(version, {
      onSettled: () => this.#onSettled.splice(0).forEach((resolve) => resolve()),
      onNotBegun: (_call, sink) => (sink as Recorder).notBegun(),
      onGone: () => undefined,
    });
  }

  call(call: Partial<Call> = {}): Promise<Answer> {
    const sink = new Recorder();
    this.start(call, sink);
    return sink.outcome;
  }

  async fault(call: Partial<Call> = {}): Promise<Fault> {
    return this.call(call).then(
      () => assert.fail('it was to fail'),
      (fault: Fault) => fault,
    );
  }

  start(call: Partial<Call>, sink: Recorder): void {
    this.sandbox.invoke(
      { id: 'test', cause: 'http', principal: ANONYMOUS, method: 'GET', url: 'http://localhost/', headers: [], clientAddress: '127.0.0.1', body: null, reply: 'http', attempts: 0, ...call },
      sink,
    );
  }

  nextSettled(): Promise<void> {
    return new Promise((resolve) => this.#onSettled.push(resolve));
  }
}

class Recorder implements ResponseSink {
  readonly outcome: Promise<Answer>;
  readonly held: Promise<void>;
  readonly logs: LogEntry[] = [];
  exchange: Exchange | null = null;
  readonly #holdAfterBytes: number;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: unknown) => void;
  #hold!: () => void;
  #released = false;
  #status = 0;
  #headers: readonly string[] = [];
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor({ holdAfterBytes = Infinity } = {}) {
    this.#holdAfterBytes = holdAfterBytes;
    this.outcome = new Promise((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject]));
    this.outcome.catch(() => undefined);
    this.held = new Promise((resolve) => (this.#hold = resolve));
  }

  attach(exchange: Exchange): void {
    this.exchange = exchange;
  }

  complete(status: number, headers: readonly string[], body: Uint8Array): void {
    this.head(status, headers);
    this.data(body);
    this.end();
  }

  head(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
  }

  data(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#released || this.#bytes < this.#holdAfterBytes) return true;
    this.#hold();
    return false;
  }

  end(): void {
    this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks).toString(), bytes: this.#bytes });
  }

  fail(fault: Fault): void {
    this.#reject(fault);
  }

  log(entry: LogEntry): void {
    this.logs.push(entry);
  }

  notBegun(): void {
    this.#reject(new Error('not begun'));
  }

  release(): void {
    this.#released = true;
    this.exchange?.resume();
  }
}

let count = 0;

function versionOf(artifact: Artifact, tier: FunctionVersion['tier'], limits: Partial<FunctionVersion['limits']>): FunctionVersion {
  const name = `f${++count}`;
  return {
    key: `test/${name}@1`,
    tenant: 'test',
    name,
    number: 1,
    hash: name,
    tier,
    cordon: 'tenant',
    handler: 'module',
    handlerName: 'handler',
    limits: { timeoutMs: 10_000, memoryMb: 128, requestBytes: 1e6, responseBytes: 1e7, logBytes: 1e5, concurrency: 64, ...limits },
    env: { GIVEN: 'value' },
    requestBody: 'buffer',
    passAuthorization: false,
    ephemeral: false,
    artifact,
  };
}
