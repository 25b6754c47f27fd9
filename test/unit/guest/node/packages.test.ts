import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Wall } from '../../../../src/walls/wall.ts';
import { findWall, sourceOf, startBuilder } from '../../../support/builder.ts';
import { runInSandbox, startTier } from './both.ts';
import { installed } from './packages.ts';

const tier = await startTier();
after(() => tier.close());
const builder = await startBuilder({ after }, { wall: (await findWall()) as Wall });

/** The answers of a function that was deployed with these packages. */
async function answers(code: string, packages: readonly string[], paths: readonly string[] = ['']): Promise<string[]> {
  const artifact = await builder.build(sourceOf({ 'index.ts': code, ...installed(packages) }));
  return runInSandbox(tier, artifact, paths);
}

test('hono routes, validates and answers', async () => {
  const code = `
    import { Hono } from 'hono';
    import { cors } from 'hono/cors';
    const app = new Hono().basePath('/api');
    app.use(cors());
    app.get('/hello/:name', (c) => c.json({ hello: c.req.param('name'), query: c.req.query('q') }));
    app.onError((error, c) => c.text('failed: ' + error.message, 500));
    app.get('/bad', () => { throw new Error('no') });
    export default app;`;
  const [hello, bad, missing] = await answers(code, ['hono'], ['api/hello/ann?q=1', 'api/bad', 'api/nothing']);
  assert.deepEqual(JSON.parse(hello!), { hello: 'ann', query: '1' });
  assert.equal(bad, 'failed: no');
  assert.equal(missing, '404 Not Found');
});

test('zod parses and explains', async () => {
  const code = `
    import { z } from 'zod';
    const schema = z.object({ name: z.string().min(2), age: z.coerce.number().int(), mail: z.email().optional() });
    export default () => {
      const bad = schema.safeParse({ name: 'x', age: 'y' });
      return { good: schema.parse({ name: 'ann', age: '5' }), issues: bad.error.issues.map(({ path, code }) => [path.join(), code]) };
    };`;
  const [answer] = await answers(code, ['zod']);
  assert.deepEqual(JSON.parse(answer!), {
    good: { name: 'ann', age: 5 },
    issues: [
      ['name', 'too_small'],
      ['age', 'invalid_type'],
    ],
  });
});

test('date-fns and nanoid compute', async () => {
  const code = `
    import { addDays, format, formatDistance } from 'date-fns';
    import { nanoid, customAlphabet } from 'nanoid';
    export default () => [format(addDays(new Date(2026, 0, 30), 3), 'yyyy-MM-dd'), formatDistance(0, 86_400_000 * 3), nanoid().length, /^[ab]{8}$/.test(customAlphabet('ab', 8)())];`;
  const [answer] = await answers(code, ['date-fns', 'nanoid']);
  assert.deepEqual(JSON.parse(answer!), ['2026-02-02', '3 days', 21, true]);
});

test('jose decodes what needs no key', async () => {
  const code = `
    import { decodeJwt, decodeProtectedHeader, UnsecuredJWT, base64url, errors } from 'jose';
    export default () => {
      const jwt = new UnsecuredJWT({ role: 'admin' }).setSubject('ann').setIssuedAt(5).encode();
      const told = (() => { try { decodeProtectedHeader('x') } catch (e) { return e.message } })();
      return [decodeJwt(jwt), UnsecuredJWT.decode(jwt).payload.sub, base64url.encode('é'), told, typeof errors.JWTExpired];
    };`;
  const [answer] = await answers(code, ['jose']);
  const [payload, subject, encoded, , kind] = JSON.parse(answer!) as unknown[];
  assert.deepEqual(
    [payload, subject, encoded, kind],
    [{ role: 'admin', sub: 'ann', iat: 5 }, 'ann', 'w6k', 'function'],
  );
});

test('supabase-js queries, and its lazy queries run in the invocation that awaits them', async () => {
  const code = `
    import { createClient } from '@supabase/supabase-js';
    const sent = [];
    const fetch = async (url, init) => {
      EdgeRuntime.waitUntil(Promise.resolve());
      sent.push([init.method, String(url), new Headers(init.headers).get('apikey')]);
      return Response.json([{ id: 1, title: 'first' }]);
    };
    const client = createClient('https://project.example.com', 'key', { global: { fetch }, auth: { persistSession: false, autoRefreshToken: false } });
    const query = async () => client.from('posts').select('id,title').eq('id', 1);
    export default async () => {
      const { data, error } = await query();
      const both = await Promise.all([client.from('a').select(), client.from('b').insert({ x: 1 })]);
      return { data, error, errors: both.map((one) => one.error), sent };
    };`;
  const packages = ['supabase-js', 'auth-js', 'functions-js', 'postgrest-js', 'realtime-js', 'storage-js', 'phoenix'];
  const [answer] = await answers(code, ['iceberg-js', ...packages.map((name) => `@supabase/${name}`)]);
  assert.deepEqual(JSON.parse(answer!), {
    data: [{ id: 1, title: 'first' }],
    error: null,
    errors: [null, null],
    sent: [
      ['GET', 'https://project.example.com/rest/v1/posts?select=id%2Ctitle&id=eq.1', 'key'],
      ['GET', 'https://project.example.com/rest/v1/a?select=*', 'key'],
      ['POST', 'https://project.example.com/rest/v1/b', 'key'],
    ],
  });
});

test('a handler of CommonJS reads its own environment', async () => {
  const [answer] = await answers(
    `module.exports.default = async () => process.env.MODE + ' ' + Object.keys(process.env)`,
    [],
  );
  assert.equal(answer, '"test MODE"');
});
