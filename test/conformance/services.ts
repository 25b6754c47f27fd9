/** The part of the tiers' suite that is about what an executor does for its own sandboxes: cryptography and compression. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Limits } from '../../src/core/limits.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from '../support/calls.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { OpenSandbox } from '../support/sandbox.ts';
import type { StartTier } from './tier.ts';

export function testServices(name: string, start: StartTier): void {
  describe(`${name}: cryptography and compression`, () => {
    let subject: TierUnderTest;
    const executors: Executor[] = [];
    const broken: string[] = [];
    before(async () => {
      subject = await start();
    });
    after(async () => {
      await Promise.all(executors.map((executor) => executor.kill('the suite is over')));
      await subject?.close();
      assert.deepEqual(broken, []);
    });

    /** Where functions have an executor each, they have a pool of threads each, which is what is worked with here. */
    const place = async (): Promise<Executor> => {
      const [shared] = subject.tier.traits.sharesExecutor ? executors : [];
      if (shared !== undefined) return shared;
      const executor = await subject.tier.spawn();
      executors.push(executor);
      executor.listen({
        onExit: () => undefined,
        onBroken: (reason) => void broken.push(reason),
        onOverrun: () => undefined,
        onLog: () => undefined,
      });
      return executor;
    };

    let count = 0;
    const open = async (code: string, limits: Partial<Limits> = {}): Promise<OpenSandbox> =>
      new OpenSandbox(
        await place(),
        makeVersion(`s${++count}`, {
          artifact: await subject.build(code),
          tier: subject.tier.name,
          limits: { concurrency: 64, memoryMb: 128, ...limits },
        }),
      );
    const bodyOf = async (code: string): Promise<string> => (await (await open(code)).call()).body;

    test('a key made while the code loads serves every invocation', async () => {
      const opened = await open(`
        const key = crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
        export default { async fetch() {
          const k = await key;
          const signature = await crypto.subtle.sign('HMAC', k, new Uint8Array(9));
          return new Response(await crypto.subtle.verify('HMAC', k, signature, new Uint8Array(9)));
        } }`);
      const answers = await Promise.all(Array.from({ length: 20 }, () => opened.call()));
      assert.ok(answers.every(({ body }) => body === 'true'));
    });

    test('each invocation goes on as itself after it has waited', async () => {
      const opened = await open(`
        export default { async fetch(request, env, ctx) {
          const name = new URL(request.url).pathname;
          const data = new TextEncoder().encode(name + ' '.repeat(5000));
          await crypto.subtle.digest('SHA-256', data);
          await ctx.waitUntil?.(crypto.subtle.digest('SHA-1', data));
          return new Response(name);
        } }`);
      const names = Array.from({ length: 30 }, (_, i) => `/${i}`);
      const answers = await Promise.all(names.map((path) => opened.call({ url: `http://localhost${path}` })));
      assert.deepEqual(
        answers.map(({ body }) => body),
        names,
      );
    });

    test('a body is compressed and decompressed as it streams', async () => {
      const body = await bodyOf(`
        export default { async fetch() {
          let left = 200;
          const source = new ReadableStream({ pull(c) { left-- > 0 ? c.enqueue(new Uint8Array(50_000).fill(left)) : c.close(); } });
          let total = 0;
          for await (const chunk of source.pipeThrough(new CompressionStream('gzip')).pipeThrough(new DecompressionStream('gzip')))
            total += chunk.length;
          return new Response(total);
        } }`);
      assert.equal(body, '10000000');
    });

    test('a bomb costs a sandbox only what it reads', async () => {
      const body = await bodyOf(`
        const pack = async (size) => {
          let left = size / 1e6;
          const source = new ReadableStream({ pull(c) { left-- > 0 ? c.enqueue(new Uint8Array(1e6)) : c.close(); } });
          return new Response(source.pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
        };
        export default { async fetch() {
          const bomb = new Uint8Array(await pack(60e6));
          const stream = new Response(bomb).body.pipeThrough(new DecompressionStream('gzip'));
          const { value } = await stream.getReader().read();
          return new Response(value.length <= 262144);
        } }`);
      assert.equal(body, 'true');
    });

    test('what takes too long ends with its invocation, and the sandbox goes on', async (t) => {
      if (subject.tier.traits.sandboxMemory === 'process') return t.skip('its process ends with it');
      const opened = await open(
        `export default { async fetch(request) {
          if (request.url.endsWith('/quick')) return new Response(crypto.randomUUID());
          const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
          const work = () => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(8), iterations: 2e6 }, key, 256);
          await Promise.all(Array.from({ length: 20 }, work));
          return new Response('all');
        } }`,
        { timeoutMs: 1_000 },
      );
      assert.equal((await opened.fault()).code, 'TIMED_OUT');
      assert.match((await opened.call({ url: 'http://localhost/quick' })).body, /^[\da-f-]{36}$/);
    });

    test('a flood of requests that nobody waits for leaves the others served', async () => {
      const flood = await open(`export default { fetch() {
        for (let i = 0; i < 20_000; i++) crypto.subtle.digest('SHA-1', new Uint8Array(10)).catch(() => {});
        return new Response('flooded');
      } }`);
      assert.equal((await flood.call()).body, 'flooded');
      assert.equal((await flood.call()).body, 'flooded');
      assert.equal(
        await bodyOf(
          `export default { fetch: async () => new Response((await crypto.subtle.digest('SHA-1', new Uint8Array(1))).byteLength) }`,
        ),
        '20',
      );
    });
  });
}
