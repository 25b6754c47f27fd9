/** `ctx.db` in a real server over a PostgreSQL of the user's: its row-level security decides, whichever way a caller comes. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { NO_POSTGRES } from '../support/postgres.ts';
import { ADMIN_TOKEN, deployed, startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { startUserDatabase } from '../support/user-database.ts';

const JWT_SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const database = await startUserDatabase();

describe('a user’s own PostgreSQL behind a server', database === null ? { skip: NO_POSTGRES } : {}, () => {
  let server: TestServer;
  before(async () => {
    await database!.query(
      `insert into posts (owner, title, is_public) values ('ann', 'open', true), ('ann', 'hers', false)`,
    );
    server = await startTestServer({ env: { CORDON_DB_URL: database!.url, CORDON_JWT_SECRET: JWT_SECRET } });
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await database?.stop();
  });

  const jwt = (sub: string): Promise<string> =>
    new SignJWT({ sub, role: 'authenticated', exp: Math.floor(Date.now() / 1_000) + 3_600 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(JWT_SECRET));

  test('functions, /api/items and events each see what their caller may', async () => {
    const code = `const titles = await ctx.db.list('posts', { sort: 'title', fields: ['title'] });
      console.log('seen', ctx.data?.event ?? 'directly', titles.map(({ title }) => title).join());
      return titles.map(({ title }) => title);`;
    const url = await deployed(server, 'titles', code, { handlerKind: 'script', timeoutMs: 30_000 });
    await deployed(server, 'heard', code, {
      handlerKind: 'script',
      timeoutMs: 30_000,
      trigger: { kind: 'event', pattern: 'items:posts:created' },
    });
    assert.deepEqual(await (await fetch(url)).json(), ['open']);
    const [ann, bob] = await Promise.all([jwt('ann'), jwt('bob')]);
    const as = async (token: string): Promise<unknown> =>
      (await fetch(url.replace('/fn/', '/functions/v1/'), { headers: { authorization: `Bearer ${token}` } })).json();
    assert.deepEqual([await as(ann), await as(bob)], [['hers', 'open'], ['open']]);
    const created = await fetch(`${server.url}/api/items/posts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bob}`, 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'new', is_public: false }),
    });
    assert.deepEqual([created.status, ((await created.json()) as { owner: string }).owner], [201, 'bob']);
    await server.printed(/seen items:posts:created hers,new,open/);
    const listed = await fetch(`${server.url}/api/items/posts?fields=title&sort=title`);
    assert.deepEqual(await listed.json(), { items: [{ title: 'open' }] });
  });

  test('another tenant’s functions have Cordon’s own storage in its place', async () => {
    const code = `export default { fetch: (r, e, ctx) => ctx.db.list('posts').then((rows) => Response.json(rows), (e) => Response.json([e.code, e.message])) }`;
    await deployed(server, 'titles', code, { tenant: 'rival' });
    const invoked = await fetch(`${server.url}/api/v1/functions/titles/invoke?tenant=rival`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const { response } = (await invoked.json()) as { response: { body: unknown } };
    assert.match(JSON.stringify(response.body), /NOT_FOUND.*There is no collection posts/);
  });
});
