/** The part of the tiers' suite that is about `ctx`: the host's services across the wall, as whoever the caller is. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ANONYMOUS, SYSTEM } from '../../src/core/principal.ts';
import type { Principal } from '../../src/core/principal.ts';
import { CtxSandboxes, moduleOf } from '../support/ctx-sandboxes.ts';
import type { TestServices } from '../support/memory-services.ts';
import type { StartTier } from './tier.ts';

const ANN: Principal = {
  ...ANONYMOUS,
  role: 'user',
  tenant: 'acme',
  id: 'ann',
  email: 'ann@example.com',
  roles: ['editor'],
};

export function testCapabilities(name: string, start: StartTier): void {
  describe(`${name}: ctx`, () => {
    let sandboxes: CtxSandboxes;
    let services: TestServices;
    before(async () => {
      sandboxes = await CtxSandboxes.start(start);
      ({ services } = sandboxes);
      await sandboxes.collection('posts', {
        read: 'public',
        create: 'authenticated',
        update: 'owner',
        delete: 'owner',
      });
      for (const [slug, rule] of [
        ['notes', 'owner'],
        ['drafts', 'editor'],
      ] as const)
        await sandboxes.collection(slug, { read: rule, create: rule, update: rule, delete: rule });
    });
    after(() => sandboxes?.close());

    const open: CtxSandboxes['open'] = (...given) => sandboxes.open(...given);
    const run: CtxSandboxes['run'] = (...given) => sandboxes.run(...given);

    test('kv keeps what it is given, with revisions', async () => {
      assert.deepEqual(
        await run(`const { kv } = ctx;
          const first = await kv.set('a:é', { n: [1, null, 'x'] });
          const conflict = await caught(() => kv.set('a:é', 2, { ifRevision: first + 1 }));
          const second = await kv.set('a:é', 2, { ifRevision: first });
          const found = await kv.getWithRevision('a:é');
          return Response.json([await kv.get('nothing'), await kv.getWithRevision('nothing'), conflict.slice(0, 2), found.value,
            found.revision === second, second > first, found.expiresAt, await kv.delete('a:é'), await kv.delete('a:é')]);`),
        [null, null, ['CapabilityError', 'CONFLICT'], 2, true, true, null, true, false],
      );
    });

    test('kv lists keys in pages, and forgets what has expired', async () => {
      assert.deepEqual(
        await run(`const { kv } = ctx;
          for (const key of ['l:1', 'l:2', 'l:3']) await kv.set(key, key);
          await kv.set('l:4', 1, { ttlSeconds: 0.001 });
          for (let i = 0; i < 20 && await kv.get('l:4') !== null; i++);
          const first = await kv.list({ prefix: 'l:', limit: 2 });
          const rest = await kv.list({ prefix: 'l:', cursor: first.cursor });
          return Response.json([first.keys.map(({ key }) => key), first.cursor, rest.keys.map(({ key }) => key), rest.cursor]);`),
        [['l:1', 'l:2'], 'l:2', ['l:3'], null],
      );
    });

    test('a counter that many invocations raise by compare-and-set loses none', async () => {
      const opened = await open(
        moduleOf(`for (;;) {
          const found = await ctx.kv.getWithRevision('counter');
          const done = await caught(() => ctx.kv.set('counter', (found?.value ?? 0) + 1, { ifRevision: found?.revision ?? 0 }));
          if (done[0] === 'resolved') return Response.json(done);
        }`),
      );
      await Promise.all(Array.from({ length: 6 }, () => opened.call()));
      assert.equal(await run(`return Response.json(await ctx.kv.get('counter'));`), 6);
    });

    test('functions of a tenant share its keys, and those of another have others', async () => {
      await run(`return Response.json(await ctx.kv.set('shared', 'acme'));`);
      assert.equal(await run(`return Response.json(await ctx.kv.get('shared'));`), 'acme');
      assert.equal(await run(`return Response.json(await ctx.kv.get('shared'));`, {}, { tenant: 'rival' }), null);
    });

    test('db reads and writes as the caller', async () => {
      const created = (await run(`return Response.json(await ctx.db.create('posts', { title: 'one', n: 1 }));`, {
        principal: ANN,
      })) as { id: string; owner: string; title: string };
      assert.deepEqual([created.owner, created.title], ['ann', 'one']);
      const id = JSON.stringify(created.id);
      assert.deepEqual(
        await run(`return Response.json([
          await ctx.db.one('posts', ${id}).then((post) => post.title),
          (await ctx.db.list('posts', { filter: { n: { _gte: 1 }, created_at: { _gt: '$now(-1 day)' } }, sort: '-created_at', fields: ['title'] })),
          (await caught(() => ctx.db.create('posts', { title: 'two' }))).slice(0, 2),
          (await caught(() => ctx.db.update('posts', ${id}, { title: 'mine' }))).slice(0, 2),
          (await caught(() => ctx.db.list('notes'))).slice(0, 2),
          (await caught(() => ctx.db.list('nowhere'))).slice(0, 2),
        ]);`),
        [
          'one',
          [{ title: 'one' }],
          ['CapabilityError', 'FORBIDDEN'],
          ['CapabilityError', 'FORBIDDEN'],
          ['CapabilityError', 'FORBIDDEN'],
          ['CapabilityError', 'NOT_FOUND'],
        ],
      );
      assert.deepEqual(
        await run(
          `return Response.json([(await ctx.db.update('posts', ${id}, { title: 'new' })).title, await ctx.db.delete('posts', ${id}), await ctx.db.one('posts', ${id}), await ctx.db.delete('posts', ${id})]);`,
          { principal: ANN },
        ),
        ['new', true, null, false],
      );
      assert.deepEqual(
        services.published.splice(0).map(({ tenant, channel, hops }) => [tenant, channel, hops]),
        ['created', 'updated', 'deleted'].map((what) => ['acme', `items:posts:${what}`, 0]),
      );
    });

    test('an owner has the own items, a role all of them, the system everything', async () => {
      const make = `await ctx.db.create('notes', { of: ctx.user.id });`;
      for (const id of ['ann', 'bob']) await run(`${make} return Response.json(0);`, { principal: { ...ANN, id } });
      const list = (slug: string, principal: Principal): Promise<unknown> =>
        run(`return Response.json((await ctx.db.list('${slug}')).map(({ of }) => of));`, { principal });
      assert.deepEqual(await list('notes', ANN), ['ann']);
      assert.deepEqual(await list('notes', { ...SYSTEM, tenant: 'acme' }), ['ann', 'bob']);
      assert.deepEqual(await list('drafts', ANN), []);
      assert.deepEqual(
        await run(`return Response.json((await caught(() => ctx.db.list('drafts')))[1]);`, {
          principal: { ...ANN, roles: ['reader'] },
        }),
        'FORBIDDEN',
      );
      services.published.length = 0;
    });

    test('email goes out from an allowed sender, checked', async () => {
      const [sent, forbidden, injected] = (await run(`return Response.json([
        await ctx.email.send({ to: ['Ann <ann@example.com>', 'bob@example.com'], subject: 'Grüße', text: 'Hello', html: '<p>Hello' }),
        (await caught(() => ctx.email.send({ to: 'ann@example.com', from: 'ceo@example.com', subject: 'x', text: 'x' })))[1],
        (await caught(() => ctx.email.send({ to: 'ann@example.com', subject: 'x\\r\\nBcc: eve@example.com', text: 'x' })))[1],
      ]);`)) as [{ id: string }, string, string];
      assert.deepEqual([forbidden, injected], ['FORBIDDEN', 'BAD_REQUEST']);
      const [mail] = services.sink.list('acme');
      assert.deepEqual([mail?.id, mail?.from.address, mail?.subject], [sent.id, 'robot@example.com', 'Grüße']);
    });

    test('publish names the tenant, the function and how far it is from the first event, whatever the function says', async () => {
      const headers = ['cordon-event-hops', '3'];
      const publish = `return Response.json(await ctx.publish('a:b', { n: 1 }, { key: 'k', delayMs: 5, id: 'e1' }));`;
      assert.deepEqual(await run(publish), { id: 'e1', deliveries: 1, duplicate: false });
      await run(publish, { cause: 'event', headers, principal: { ...SYSTEM, tenant: 'acme' } });
      await run(`ctx.hops = 0; return Response.json(await ctx.publish('a:b'));`, { headers });
      assert.deepEqual(
        services.published.splice(0).map(({ tenant, channel, data, hops, key }) => [tenant, channel, data, hops, key]),
        [
          ['acme', 'a:b', { n: 1 }, 0, 'k'],
          ['acme', 'a:b', { n: 1 }, 4, 'k'],
          ['acme', 'a:b', null, 0, undefined],
        ],
      );
    });

    test('a virtual machine is not there where no service is', async () => {
      const [, code, message] = (await run(
        `return Response.json(await caught(() => ctx.vm.run({ rootfs: 'x' })));`,
      )) as string[];
      assert.deepEqual([code, message], ['UNAVAILABLE', 'no VM service is configured on this host']);
    });

    test('what was not granted is refused, and says what it would take', async () => {
      const calls = `[() => ctx.kv.get('a'), () => ctx.kv.set('a', 1), () => ctx.db.list('posts'), () => ctx.db.create('posts', {}),
        () => ctx.email.send({}), () => ctx.publish('a'), () => ctx.vm.run({})]`;
      const refused = (await run(
        `return Response.json(await Promise.all(${calls}.map(caught)));`,
        {},
        { capabilities: [] },
      )) as string[][];
      assert.deepEqual(
        refused.map(([refusal, code, message]) => [refusal, code, message?.split(' ').at(-1)]),
        ['kv', 'kv', 'db', 'db:write', 'email', 'publish', 'vm'].map((grant) => [
          'CapabilityError',
          'NOT_GRANTED',
          grant,
        ]),
      );
      const readOnly = `return Response.json((await caught(() => ctx.db.create('posts', {})))[1]);`;
      assert.equal(await run(readOnly, {}, { capabilities: ['db'] }), 'NOT_GRANTED');
    });

    test('what JSON can’t hold is a TypeError, and nothing is sent', async () => {
      const refused = (await run(`const loop = []; loop.push(loop);
        const values = [undefined, () => 1, Symbol(), 1n, NaN, Infinity, loop];
        const outcomes = await Promise.all(values.map((value) => caught(() => ctx.kv.set('json', value))));
        outcomes.push(await caught(() => ctx.kv.list('prefix')), await caught(() => ctx.db.create('posts')));
        return Response.json([outcomes.map(([name]) => name), await ctx.kv.get('json')]);`)) as [string[], unknown];
      assert.deepEqual(refused, [Array.from({ length: 9 }, () => 'TypeError'), null]);
    });

    test('bad input is told what was wrong, what was expected and where', async () => {
      const messages = (await run(`return Response.json(await Promise.all([
        () => ctx.kv.get(''), () => ctx.kv.get('x'.repeat(513)), () => ctx.kv.set('a', 'x'.repeat(65536)), () => ctx.kv.set('a', 1, { ttlSeconds: -1 }),
        () => ctx.kv.list({ limit: 5000 }), () => ctx.db.list('a;b'), () => ctx.db.list('posts', { filter: { title: { _like: 'x' } } }),
        () => ctx.db.list('posts', { where: {} }), () => ctx.db.one('posts'), () => ctx.email.send({ to: 'x', subject: '', text: '' }),
      ].map(caught)));`)) as string[][];
      assert.deepEqual(
        messages.map(([, code]) => code),
        messages.map((_, i) => (i === 8 ? null : 'BAD_REQUEST')),
      );
      for (const [i, words] of [
        [1, 'key: expected at most 512 bytes'],
        [3, 'ttlSeconds: expected a number of seconds above 0'],
        [4, 'limit: expected a whole number from 1 to 1000, but it is 5000'],
        [6, 'filter.title._like: expected one of _eq'],
        [7, 'query: there is no field "where"'],
        [9, 'to: expected one address'],
      ] as const)
        assert.match(String(messages[i]?.[2]), new RegExp(words));
    });

    test('concurrent invocations each have their own, after every await', async () => {
      const opened = await open(
        moduleOf(`const { kv, db } = ctx;
          const name = new URL(request.url).pathname;
          for (let i = 0; i < 3; i++) {
            await kv.set(name, ctx.user.id);
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          }
          const { id, owner } = await db.create('notes', { name });
          return Response.json([ctx.user.id, await kv.get(name), owner, (await db.list('notes', { filter: { name } })).map((n) => n.id === id), await db.delete('notes', id)]);`),
      );
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          opened.call({ url: `http://localhost/${i}`, principal: { ...ANN, id: `user${i}` } }),
        ),
      );
      assert.deepEqual(
        answers.map(({ body }) => JSON.parse(body) as unknown),
        answers.map((_, i) => [`user${i}`, `user${i}`, `user${i}`, [true], true]),
      );
      services.published.length = 0;
    });

    test('a large value crosses whole, either way', async () => {
      assert.deepEqual(
        await run(
          `const value = 'é'.repeat(30000); await ctx.kv.set('large', value);
          for (let i = 0; i < 5; i++) await ctx.db.create('posts', { value, large: true });
          const posts = await ctx.db.list('posts', { filter: { large: true } });
          return Response.json([await ctx.kv.get('large') === value, posts.length, posts.every((post) => post.value === value)]);`,
          {
            principal: ANN,
          },
        ),
        [true, 5, true],
      );
      services.published.length = 0;
    });

    test('prototypes that the function patches change nothing of it', async (t) => {
      if (sandboxes.languageWall !== 'isolate') return t.skip('only an isolate’s own code is held to primordials');
      assert.deepEqual(
        await run(`
          const restore = [];
          const patch = (owner, name, value) => { restore[restore.length] = [owner, name, Object.getOwnPropertyDescriptor(owner, name)]; Object.defineProperty(owner, name, { value, writable: true, configurable: true }); };
          for (const [owner, name] of [[Array.prototype, 'push'], [Array.prototype, 'map'], [String.prototype, 'slice'], [JSON, 'parse'], [JSON, 'stringify'], [Object, 'keys']])
            patch(owner, name, () => { throw new Error(name + ' was called'); });
          patch(Object.prototype, 'toJSON', () => 'forged');
          patch(Object.prototype, 'get', () => 'forged');
          let done;
          try { done = await ctx.kv.set('patched', 'value'); done = await ctx.kv.get('patched'); } catch (e) { done = e.message; }
          for (let i = restore.length - 1; i >= 0; i--) { const [owner, name, descriptor] = restore[i]; descriptor === undefined ? delete owner[name] : Object.defineProperty(owner, name, descriptor); }
          return Response.json(done);`),
        'value',
      );
    });

    test('a script body has it all, and handler(event, context) too', async () => {
      const script = await open(
        `await ctx.kv.set('from', ctx.data.name); ctx.log('said', ctx.data.name); return [await ctx.kv.get('from'), ctx.user.id, typeof ctx.db.list, typeof ctx.email.send, typeof ctx.publish, typeof ctx.fetch];`,
        { handler: 'script' },
      );
      const body = Buffer.from(JSON.stringify({ name: 'script' }));
      const answer = await script.call({ method: 'POST', body, reply: 'value' });
      assert.deepEqual((JSON.parse(answer.body) as { body: unknown }).body, [
        'script',
        null,
        'function',
        'function',
        'function',
        'function',
      ]);
      const lambda = await open(
        `export const handler = async (event, context) => { const { get, set } = context.kv; await set('lambda', context.functionName); return { statusCode: 200, body: await get('lambda') }; }`,
      );
      assert.match((await lambda.call()).body, /^"?c\d+"?$/);
    });

    test('after its invocation ctx is of no use, not even to another', async (t) => {
      if (!sandboxes.keepsState) return t.skip('this tier keeps no state between invocations');
      const opened =
        await open(`let kept; const caught = async (work) => { try { return await work(); } catch (e) { return [e.name, e.code]; } };
        export default { async fetch(request, env, ctx) {
          if (request.url.endsWith('keep')) { kept = ctx; kept.kv; return Response.json(null); }
          return Response.json([await caught(() => kept.kv.get('a')), await caught(() => kept.db.list('posts')), await caught(() => ctx.kv.get('nothing'))]);
        } }`);
      await opened.call({ url: 'http://localhost/keep', principal: ANN });
      assert.deepEqual(JSON.parse((await opened.call()).body), [
        ['CapabilityError', 'CANCELLED'],
        ['CapabilityError', 'CANCELLED'],
        null,
      ]);
    });

    test('what is under way when its invocation ends is cancelled; waitUntil keeps it', async () => {
      const opened = await open(`let late = []; export default { async fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        if (pathname === '/late') return Response.json(late);
        const work = ctx.kv.get('a').then(() => 'done', (e) => e.code).then((how) => late.push(how));
        if (pathname === '/wait') ctx.waitUntil(ctx.kv.set('waited', 1));
        return new Response('');
      } }`);
      await opened.call({ url: 'http://localhost/leave' });
      const settled = opened.nextSettled();
      await opened.call({ url: 'http://localhost/wait' });
      await settled;
      assert.equal(await run(`return Response.json(await ctx.kv.get('waited'));`), 1);
    });

    test('many calls at once are bounded, and those that are let through are answered', async () => {
      const codes = (await run(
        `return Response.json(await Promise.all(Array.from({ length: 60 }, () => ctx.kv.get('a').then(() => 'ok', (e) => e.code))));`,
      )) as string[];
      assert.deepEqual([...new Set(codes)].sort(), ['THROTTLED', 'ok']);
      assert.ok(codes.filter((code) => code === 'ok').length >= 32);
    });
  });
}
