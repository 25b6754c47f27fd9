/** `ctx` inside the engine: what each call sends, what comes of each answer, and that nothing is made before it is read. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plain } from '../web/bare.ts';
import type { Foreign } from '../web/bare.ts';
import { Fn } from './fn.ts';

/** What was asked, in order, by a handler whose body this is. */
async function asked(body: string, answer: string = 'null'): Promise<unknown[]> {
  const sent: unknown[] = [];
  const fn = new Fn(`{ default: { async fetch(request, env, ctx) { ${body}; return new Response('') } } }`);
  fn.ask = (kind, meta, text, listener) => {
    sent.push([kind, JSON.parse(meta).method, JSON.parse(text)]);
    reply(fn, listener, answer);
    return { cancel: () => undefined };
  };
  await fn.call();
  return sent;
}

function reply(fn: Fn, listener: Foreign, text: string): void {
  const bytes = fn.context.run('(bytes) => Uint8Array.from(bytes)')([...Buffer.from(text)]);
  queueMicrotask(() => {
    listener.over();
    listener.head({}, bytes);
  });
}

/** What a handler whose body this is answers, as JSON. */
async function result(body: string, ask: (fn: Fn, listener: Foreign) => void): Promise<unknown> {
  const fn = new Fn(
    `{ default: { async fetch(request, env, ctx) { return Response.json(await (async () => { ${body} })()) } } }`,
  );
  fn.ask = (_kind, _meta, _text, listener) => {
    ask(fn, listener);
    return { cancel: () => undefined };
  };
  return fn.json();
}

describe('ctx', () => {
  test('sends each call as its method and its params', async () => {
    assert.deepEqual(await asked(`await ctx.kv.get('k'); await ctx.kv.getWithRevision('k');`), [
      ['rpc', 'kv.get', { key: 'k' }],
      ['rpc', 'kv.get', { key: 'k' }],
    ]);
    const cases: readonly (readonly [string, string, object])[] = [
      [`kv.set('k', [1, null])`, 'kv.set', { key: 'k', value: [1, null] }],
      [
        `kv.set('k', 0, { ttlSeconds: 5, ifRevision: 0 })`,
        'kv.set',
        { key: 'k', value: 0, ttlSeconds: 5, ifRevision: 0 },
      ],
      [`kv.set('k', 0, { ttlSeconds: undefined, more: 1 })`, 'kv.set', { key: 'k', value: 0 }],
      [`kv.delete('k')`, 'kv.delete', { key: 'k' }],
      [`kv.list()`, 'kv.list', {}],
      [`kv.list({ prefix: 'a', cursor: 'b', limit: 2 })`, 'kv.list', { prefix: 'a', cursor: 'b', limit: 2 }],
      [`db.list('posts')`, 'db.list', { slug: 'posts' }],
      [`db.list('posts', { filter: { a: '$now' } })`, 'db.list', { slug: 'posts', query: { filter: { a: '$now' } } }],
      [`db.one('posts', 7)`, 'db.one', { slug: 'posts', id: 7 }],
      [
        `db.create('posts', { at: new Date(0) })`,
        'db.create',
        { slug: 'posts', data: { at: '1970-01-01T00:00:00.000Z' } },
      ],
      [`db.update('posts', 'x', {})`, 'db.update', { slug: 'posts', id: 'x', data: {} }],
      [`db.delete('posts', 'x')`, 'db.delete', { slug: 'posts', id: 'x' }],
      [`email.send({ to: 'a', headers: {} })`, 'email.send', { to: 'a', headers: {} }],
      [`publish('a:b')`, 'publish.event', { channel: 'a:b', data: null }],
      [
        `publish('a', 1, { key: 'k', delayMs: 5, id: 'i', hops: 0 })`,
        'publish.event',
        { channel: 'a', data: 1, key: 'k', delayMs: 5, id: 'i' },
      ],
      [`vm.run({ rootfs: 'x' })`, 'vm.run', { rootfs: 'x' }],
    ];
    for (const [call, method, params] of cases)
      assert.deepEqual(await asked(`await ctx.${call}`), [['rpc', method, params]], call);
  });

  test('works without its object, and is the same at each look', async () => {
    const code = `const { kv, db, publish } = ctx; const { get } = kv; await get('a'); await publish('b');
      if (ctx.kv !== kv || ctx.db !== db || ctx.publish !== publish || !Object.isFrozen(kv)) throw new Error('another')`;
    assert.equal((await asked(code)).length, 2);
  });

  test('makes nothing for who reads nothing of it', async () => {
    assert.deepEqual(await asked(`ctx.env; ctx.user; ctx.invocationId`), []);
    const own = await result(`return Object.getOwnPropertyNames(ctx)`, () => undefined);
    assert.deepEqual(own, ['env']);
  });

  test('what is no JSON rejects, and nothing is sent', async () => {
    const body = `let names = ''; for (const value of [undefined, () => 1, 1n, NaN, -Infinity, Symbol()])
      for (const call of [() => ctx.kv.set('k', value), () => ctx.db.one('a', value)]) await call().catch((e) => (names += e.name + ' '));
      await ctx.email.send().catch((e) => (names += e.name)); if (names !== 'TypeError '.repeat(12) + 'TypeError') throw new Error(names)`;
    assert.deepEqual(await asked(body), []);
  });

  test('answers are values, whole or streamed, ASCII or not', async () => {
    for (const value of [
      'null',
      '{"value":{"a":[1]},"revision":7,"expiresAt":null}',
      `{"value":"${'x'.repeat(10_000)}é\u{1f600}"}`,
    ]) {
      const found = await result(`return await ctx.kv.getWithRevision('k')`, (fn, listener) =>
        reply(fn, listener, value),
      );
      assert.deepEqual(found, JSON.parse(value));
    }
    const streamed = await result(`return await ctx.db.list('posts')`, (fn, listener) => {
      const stream = fn.context.run(
        `new ReadableStream({ start(c) { for (const part of ['[1,', '"\\u00e9"', ']']) c.enqueue(new TextEncoder().encode(part)); c.close(); } })`,
      );
      queueMicrotask(() => listener.head({}, stream));
    });
    assert.deepEqual(streamed, [1, 'é']);
  });

  test('a refusal is a CapabilityError with its code; so is the end of the invocation', async () => {
    const caught = `try { await ctx.kv.get('k') } catch (e) { return [e.name, e.code, e.message, e instanceof Error, Object.keys(e)] }`;
    const refused = await result(caught, (_fn, listener) => {
      queueMicrotask(() => listener.fail(listener.errorOf({ code: 'CONFLICT', message: 'why' })));
    });
    assert.deepEqual(refused, ['CapabilityError', 'CONFLICT', 'why', true, []]);
    const fn = new Fn(
      `{ default: { async fetch(request, env, ctx) { return Response.json(await (async () => { ${caught} })()) } } }`,
    );
    assert.deepEqual(plain(await fn.json()), ['CapabilityError', 'CANCELLED', 'its invocation is over', true, []]);
  });

  test('a broken answer rejects, and breaks nothing else', async () => {
    const body = `return await Promise.all([ctx.kv.get('k').catch((e) => e.name), 1])`;
    assert.deepEqual(await result(body, (fn, listener) => reply(fn, listener, '{')), ['SyntaxError', 1]);
  });

  test('log writes what console.info does', async () => {
    const fn = new Fn(
      `{ default: { fetch(request, env, ctx) { const { log } = ctx; log('a', { b: 1 }); return new Response('') } } }`,
    );
    await fn.call();
    assert.deepEqual(
      fn.context.lines.map(({ level, message }) => [level, message]),
      [['info', 'a { b: 1 }']],
    );
  });
});
