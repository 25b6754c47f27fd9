import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { json, text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { createRoute, z } from '@hono/zod-openapi';
import { principalOf, requireAdmin, tenantFor } from '../../../src/control/access.ts';
import { json as jsonOf } from '../../../src/control/shared.ts';
import { Fault } from '../../../src/core/faults.ts';
import { CALLERS, startOperatorServer, type OperatorServer } from './operator-server.ts';

const ALLOWED = 'https://console.example.com';

let server: OperatorServer;
let url: string;

const echoRoute = createRoute({
  method: 'post',
  path: '/echo',
  request: { body: { ...jsonOf(z.strictObject({ size: z.number() }), ''), required: true } },
  responses: { 200: jsonOf(z.unknown(), '') },
});

before(async () => {
  server = await startOperatorServer(
    (app) => {
      app.get('/whoami', (c) => c.json(principalOf(c)));
      app.get('/tenant', (c) => c.json({ tenant: tenantFor(principalOf(c), c.req.query('tenant')) }));
      app.get('/admins', (c) => {
        requireAdmin(principalOf(c));
        return c.json({});
      });
      app.openapi(echoRoute, (c) => c.json(c.req.valid('json'), 200));
      app.post('/things/:id/invoke', (c) => c.json({}));
      app.get('/api/v1/invocations/:id', (c) => c.json({}));
      app.delete('/things/:id', (c) => c.body(null, 204));
      app.post('/bug', () => {
        throw new Error('a secret of the host');
      });
      app.get('/limited', (c) => {
        c.header('ratelimit-remaining', '0');
        throw new Fault('THROTTLED', 'Too many', { retryAfterSeconds: 7 });
      });
    },
    { allowedOrigins: [ALLOWED] },
  );
  url = server.url;
});

after(() => server.close());

test('every path wants a token, also one that is not there', async () => {
  for (const [method, path] of [
    ['GET', '/whoami'],
    ['POST', '/echo'],
    ['DELETE', '/things/1'],
    ['GET', '/nope'],
    ['OPTIONS', '/whoami'],
    ['POST', '/openapi.json'],
    ['POST', '/docs'],
    ['GET', '/docs/../whoami'],
    ['GET', '//docs'],
  ] as const) {
    const none = await server.call('', method, path);
    assert.equal(none.status, 401, `${method} ${path}`);
    assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="cordon"');
    assert.equal(none.body.code, 'UNAUTHORIZED');
    assert.equal((await server.call('wrong', method, path)).status, 401);
  }
});

test('a cookie says nothing of who calls', async () => {
  assert.equal(
    (await server.call('', 'GET', '/whoami', undefined, { cookie: 'authorization=Token operator' })).status,
    401,
  );
});

test('a route finds who called, with Token or Bearer, with or without a slash', async () => {
  for (const [as, authorization] of [
    ['operator', 'Token operator'],
    ['acme', 'Bearer acme'],
  ] as const) {
    for (const path of ['/whoami', '/whoami/']) {
      const { body } = await server.call('', 'GET', path, undefined, { authorization });
      assert.deepEqual(body, JSON.parse(JSON.stringify(CALLERS[as])));
    }
  }
});

test('each role reaches what it may', async () => {
  const statuses = async (as: string): Promise<number[]> =>
    Promise.all(
      [
        server.call(as, 'GET', '/whoami'),
        server.call(as, 'GET', '/admins'),
        server.call(as, 'POST', '/things/1/invoke/'),
        server.call(as, 'GET', '/things/1/invoke'),
        server.call(as, 'GET', '/api/v1/invocations/1'),
        server.call(as, 'DELETE', '/things/1'),
      ].map(async (answer) => (await answer).status),
    );
  assert.deepEqual(await statuses('operator'), [200, 200, 200, 404, 200, 204]);
  assert.deepEqual(await statuses('acme'), [200, 200, 200, 404, 200, 204]);
  assert.deepEqual(await statuses('user'), [200, 403, 200, 404, 200, 204]);
  assert.deepEqual(await statuses('service'), [403, 403, 200, 403, 200, 403]);
  assert.deepEqual(await statuses('jwt'), [403, 403, 403, 403, 403, 403]);
});

test("a principal means its own tenant, and another's is not there", async () => {
  const tenant = async (as: string, named?: string): Promise<unknown> => {
    const { status, body } = await server.call(as, 'GET', `/tenant${named === undefined ? '' : `?tenant=${named}`}`);
    return status === 200 ? body.tenant : status;
  };
  assert.deepEqual(
    [await tenant('operator'), await tenant('operator', 'acme'), await tenant('acme'), await tenant('acme', 'acme')],
    ['default', 'acme', 'acme', 'acme'],
  );
  assert.deepEqual([await tenant('acme', 'default'), await tenant('user', 'other')], [404, 404]);
  assert.equal(await tenant('operator', '..%2Fx'), 400);
});

test('a token of an application that names no tenant would reach the default one only', () => {
  assert.equal(tenantFor(CALLERS['jwt']!, undefined), 'default');
  assert.throws(() => tenantFor(CALLERS['jwt']!, 'acme'), { code: 'NOT_FOUND' });
});

test('a page of another origin is refused, whatever it sends', async () => {
  for (const origin of ['https://evil.example.com', 'null', 'http://127.0.0.1:1', `${ALLOWED}.evil.com`]) {
    const { status, headers } = await server.call('operator', 'GET', '/whoami', undefined, { origin });
    assert.equal(status, 403, origin);
    assert.equal(headers.get('access-control-allow-origin'), null);
  }
  assert.equal((await server.call('operator', 'GET', '/whoami', undefined, { origin: url })).status, 200);
});

test('an origin that the operator allowed may call and read, with a token', async () => {
  const { status, headers } = await server.call('operator', 'GET', '/whoami', undefined, { origin: ALLOWED });
  assert.deepEqual([status, headers.get('access-control-allow-origin')], [200, ALLOWED]);
  assert.equal(headers.get('access-control-allow-credentials'), null);
  const none = await server.call('', 'GET', '/whoami', undefined, { origin: ALLOWED });
  assert.deepEqual([none.status, none.headers.get('access-control-allow-origin')], [401, ALLOWED]);
  const preflight = await preflightOf(ALLOWED);
  assert.equal(preflight.statusCode, 204);
  assert.match(String(preflight.headers['access-control-allow-headers']), /authorization/);
  assert.equal((await preflightOf('https://evil.example.com')).statusCode, 403);
});

function preflightOf(origin: string): Promise<IncomingMessage> {
  const headers = { origin, 'access-control-request-method': 'POST' };
  return new Promise((resolve, reject) => {
    httpRequest(`${url}/echo`, { method: 'OPTIONS', headers }, (response) => resolve(response.resume()))
      .on('error', reject)
      .end();
  });
}

test('what is wrong with a request is named: the field, what was expected, what came', async () => {
  const cases: [unknown, RegExp, Record<string, string>?][] = [
    [{ size: '5' }, /^size: expected number, but it is "5"$/],
    [{}, /^size: expected number, but it is missing$/],
    [{ size: 1, other: 2 }, /there is no field "other"/],
    [[], /^the body: expected object/],
    ['null', /^the body: expected object, but it is null/],
    ['{"size":', /Malformed JSON/],
    ['', /Malformed JSON/],
    ['size=1', /must be application\/json, but it is "text\/plain"/, { 'content-type': 'text/plain' }],
  ];
  for (const [body, detail, headers] of cases) {
    const answer = await server.call('operator', 'POST', '/echo', body, headers);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.match(answer.body.detail, detail);
  }
});

test('an error of ours goes out without its text, and is reported', async () => {
  const { status, body } = await server.call('operator', 'POST', '/bug');
  assert.deepEqual([status, body.code], [500, 'INTERNAL']);
  assert.ok(!JSON.stringify(body).includes('secret'));
  assert.match((server.reported.at(-1) as Error).message, /a secret of the host/);
});

test('a fault carries what its route had said already', async () => {
  const { status, headers } = await server.call('operator', 'GET', '/limited');
  assert.deepEqual([status, headers.get('retry-after'), headers.get('ratelimit-remaining')], [429, '7', '0']);
  assert.equal(headers.get('content-type'), 'application/problem+json');
});

test('a body over 16 MB is refused, announced or not, and before anybody is told who calls', async () => {
  const large = 'x'.repeat(17 * 1024 * 1024);
  assert.equal((await server.call('operator', 'POST', '/echo', large)).status, 413);
  assert.equal((await server.call('', 'POST', '/echo', '{}')).status, 401);
  const unannounced = (chunks: readonly string[]): Promise<Response> =>
    fetch(`${url}/echo`, {
      method: 'POST',
      headers: { authorization: 'Token operator', 'content-type': 'application/json' },
      body: Readable.from(chunks.map((chunk) => Buffer.from(chunk))),
      duplex: 'half',
    } as unknown as RequestInit);
  assert.equal((await unannounced(Array.from({ length: 17 }, () => 'x'.repeat(1024 * 1024)))).status, 413);
  const whole = await unannounced(['{"size":', '7}']);
  assert.deepEqual([whole.status, await json(whole.body!)], [200, { size: 7 }]);
});

test('a request that no URL can be made of gets a clean 400', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end(`GET /whoami HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`);
  assert.match(await text(socket), /^HTTP\/1\.1 400 [\s\S]+application\/problem\+json/);
});
