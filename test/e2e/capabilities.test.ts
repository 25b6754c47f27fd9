/** `ctx` in a real server: the two examples of the text, items over HTTP as an application's users, values by key, mail by SMTP. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { startMailServer } from '../support/mail-server.ts';
import type { MailServer } from '../support/mail-server.ts';
import { ADMIN_TOKEN, deployed, startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const JWT_SECRET = 'a-secret-of-at-least-thirty-two-bytes';

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- any JSON
  readonly body: any;
}

/** Answers every request with how long its JSON's `input` is. */
async function startEmbeddings(): Promise<{ port: number; asked: string[]; close(): void }> {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { input } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { input: string };
      asked.push(input);
      response.end(JSON.stringify({ embedding: [input.length] }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, asked, close: () => void server.close() };
}

describe('ctx in a server', () => {
  let server: TestServer;
  let mail: MailServer;
  let embeddings: Awaited<ReturnType<typeof startEmbeddings>>;
  before(async () => {
    mail = await startMailServer();
    embeddings = await startEmbeddings();
    server = await startTestServer({
      env: {
        CORDON_SMTP_URL: `smtp://127.0.0.1:${mail.port}`,
        CORDON_MAIL_FROM: 'digest@example.com',
        CORDON_EGRESS_ALLOW_PRIVATE: `127.0.0.1:${embeddings.port}`,
        FUNCTIONS_FETCH_ALLOW: `127.0.0.1:${embeddings.port}`,
        CORDON_JWT_SECRET: JWT_SECRET,
      },
    });
    for (const slug of ['posts', 'news'])
      await api('PUT', `/api/v1/collections/${slug}`, {
        permissions: { read: 'public', create: 'authenticated', update: 'owner', delete: 'owner' },
      });
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await mail?.close();
    embeddings?.close();
  });

  const api = async (
    method: string,
    path: string,
    body?: unknown,
    token: string | null = ADMIN_TOKEN,
  ): Promise<Answer> => {
    const response = await fetch(server.url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
  const jwt = (sub: string): Promise<string> =>
    new SignJWT({ sub, role: 'authenticated', exp: Math.floor(Date.now() / 1_000) + 3_600 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(JWT_SECRET));
  const script = (name: string, code: string, options: object = {}): Promise<string> =>
    deployed(server, name, code, { handlerKind: 'script', timeoutMs: 30_000, ...options });

  test('an item is enriched when it is created, and what comes of it is published on', async () => {
    await script(
      'enrich',
      `const post = await ctx.db.one('posts', ctx.data.data.id);
       const r = await ctx.fetch('http://127.0.0.1:${embeddings.port}/v1/embeddings', {
         method: 'POST',
         headers: { 'content-type': 'application/json', authorization: \`Bearer \${ctx.user.email}\` },
         body: JSON.stringify({ model: 'text-embedding-3-small', input: post.title }),
       });
       console.log('embedded', post.id, 'in', r.status);
       await ctx.db.update('posts', post.id, { embedding: JSON.parse(r.text).embedding });
       await ctx.publish('posts:enriched', { id: post.id });
       return { id: post.id, len: r.text.length };`,
      { trigger: { kind: 'event', pattern: 'items:posts:created' }, capabilities: ['db', 'db:write', 'publish'] },
    );
    await script(
      'after',
      `await ctx.kv.set('enriched', ctx.data.data.id); console.log('heard of', ctx.data.data.id);`,
      {
        trigger: { kind: 'event', pattern: 'posts:*' },
      },
    );
    const made = await api('POST', '/api/items/posts', { title: 'Hello' }, await jwt('ann'));
    assert.deepEqual([made.status, made.body.owner], [201, 'ann']);
    const { id } = made.body as { id: string };
    await server.printed(new RegExp(`embedded ${id} in 200`));
    await server.printed(new RegExp(`heard of ${id}`));
    assert.deepEqual(embeddings.asked, ['Hello']);
    assert.deepEqual((await api('GET', `/api/items/posts/${id}`, undefined, null)).body.embedding, [5]);
    const peek = await deployed(
      server,
      'peek',
      `export default { fetch: async (r, env, ctx) => Response.json(await ctx.kv.get('enriched')) }`,
    );
    assert.equal(await (await fetch(peek)).json(), id);
  });

  test('a nightly digest is skipped where nothing is new, and is mailed where something is', async () => {
    await script(
      'digest',
      `const recent = await ctx.db.list('news', { filter: { created_at: { _gt: '$now(-1 day)' } }, limit: 50 });
       if (recent.length === 0) { console.log('digest: skipped'); return { skipped: true }; }
       await ctx.email.send({
         to: 'team@example.com',
         subject: \`\${recent.length} new posts today\`,
         text: recent.map((p) => \`- \${p.title}\`).join('\\n'),
       });
       console.log('digest: sent');
       return { sent: recent.length };`,
      { trigger: { kind: 'cron', pattern: '0 9 * * *' } },
    );
    assert.equal((await api('POST', '/api/v1/functions/digest/cron/run')).status, 202);
    await server.printed(/digest: skipped/);
    const invoke = async (): Promise<unknown> => (await api('POST', '/api/functions/digest/invoke')).body.result;
    assert.deepEqual(await invoke(), { skipped: true });
    for (const title of ['one', 'two']) await api('POST', '/api/items/news', { title });
    assert.equal((await api('POST', '/api/v1/functions/digest/cron/run')).status, 202);
    await mail.arrived(1);
    const [digest] = mail.received;
    assert.deepEqual([digest?.from, digest?.to], ['digest@example.com', ['team@example.com']]);
    assert.match(digest?.raw ?? '', /^Subject: 2 new posts today\r\n[^]*\r\n\r\n- one\r\n- two/m);
    assert.deepEqual(await invoke(), { sent: 2 });
  });

  test('a function acts for whoever calls it, and for nobody where nobody is verified', async () => {
    const url = await deployed(
      server,
      'mine',
      `export default { async fetch(request, env, ctx) {
        try { return Response.json([ctx.user.id, (await ctx.db.create('posts', { title: 'by function' })).owner]); }
        catch (e) { return Response.json([e.name, e.code], { status: 403 }); }
      } }`,
      { capabilities: ['db', 'db:write'] },
    );
    const nobody = await fetch(url);
    assert.deepEqual([nobody.status, await nobody.json()], [403, ['CapabilityError', 'FORBIDDEN']]);
    const authorization = `Bearer ${await jwt('bob')}`;
    const somebody = await fetch(url.replace('/fn/', '/functions/v1/'), { headers: { authorization } });
    assert.deepEqual(await somebody.json(), ['bob', 'bob']);
    // Without a JWT's verification a token in a header says nothing.
    assert.equal((await fetch(url, { headers: { authorization } })).status, 403);
  });

  test('items are an application’s users’, each their own', async () => {
    const [ann, bob] = await Promise.all([jwt('ann'), jwt('bob')]);
    const { body } = await api('POST', '/api/items/posts', { title: 'ann’s' }, ann);
    const path = `/api/items/posts/${body.id}`;
    assert.equal((await api('PATCH', path, { title: 'bob’s' }, bob)).status, 404);
    assert.equal((await api('PATCH', path, { title: 'changed' }, ann)).body.title, 'changed');
    assert.equal((await api('POST', '/api/items/posts', { title: 'x' }, null)).status, 403);
    assert.equal((await api('POST', '/api/items/posts', { title: 'x' }, 'not.a.token')).status, 401);
    assert.equal((await api('DELETE', path, undefined, ann)).status, 204);
    // A JWT opens nothing else of the operator API.
    assert.equal((await api('GET', '/api/v1/collections', undefined, ann)).status, 401);
  });

  test('values are there after a kill -9 and a start', async () => {
    const code = `export default { async fetch(request, env, ctx) {
      const found = await ctx.kv.getWithRevision('n');
      if (request.method === 'POST') await ctx.kv.set('n', (found?.value ?? 0) + 1, { ifRevision: found?.revision ?? 0 });
      return Response.json(await ctx.kv.get('n'));
    } }`;
    const url = await deployed(server, 'counter', code);
    for (let i = 1; i <= 5; i++) assert.equal(await (await fetch(url, { method: 'POST' })).json(), i);
    const { dataDir } = server;
    server.process.kill('SIGKILL');
    await once(server.process, 'exit');
    const next = await startTestServer({ dataDir });
    try {
      assert.equal(await (await fetch(`${next.url}/fn/counter`)).json(), 5);
    } finally {
      await next.stop();
    }
  });
});
