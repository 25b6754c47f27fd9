import assert from 'node:assert/strict';
import { once } from 'node:events';
import { BlockList, connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import { ANONYMOUS, OPERATOR, type Principal } from '../../../src/core/principal.ts';
import { createRateLimits } from '../../../src/gateway/rate-limits.ts';
import {
  headerOf,
  routeTo,
  someVersion,
  startGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../../support/gateway.ts';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2ln';
const USER: Principal = {
  role: 'user',
  tenant: 'default',
  id: 'u1',
  email: 'u1@example.com',
  roles: ['editor'],
  claims: { sub: 'u1' },
};

async function gateway(t: TestContext, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const started = await startGateway(options);
  t.after(() => started.close());
  return started;
}

/** Knows one JWT, at once or later. */
const knowing =
  (principal: Principal, later = false) =>
  (authorization: string | undefined): Principal | Promise<Principal> => {
    if (authorization !== `Bearer ${JWT}`) throw new Fault('UNAUTHORIZED', 'The JWT is not valid');
    return later ? Promise.resolve(principal) : principal;
  };

const one = (change: Partial<FunctionVersion> = {}): TestGatewayOptions => ({
  routes: [routeTo(someVersion('hello', change))],
});

test('/fn is public: nobody is asked who they are, and every caller is anonymous', async (t) => {
  const { call, invoked } = await gateway(t, one());
  const answer = await call('/fn/hello/a?b=c', { headers: { authorization: `Bearer ${JWT}` } });
  assert.equal(answer.body, 'ok');
  assert.equal(invoked[0]!.call.principal, ANONYMOUS);
  assert.equal(invoked[0]!.call.url, 'http://nobody.example/fn/hello/a?b=c');
  assert.equal(headerOf(invoked[0]!, 'authorization'), null);
});

test('every answer of a function names its version, faults too', async (t) => {
  const { call } = await gateway(t, {
    routes: [routeTo(someVersion('good', { number: 7 })), routeTo(someVersion('bad', { number: 8 }))],
    answer({ version, sink }) {
      if (version.name === 'bad') return sink.fail(new Fault('HANDLER_THREW', 'no'));
      sink.complete(200, ['cordon-version', '666'], Buffer.from(''));
    },
  });
  assert.equal((await call('/fn/good')).headers['cordon-version'], '7');
  const bad = await call('/fn/bad');
  assert.equal(bad.headers['cordon-version'], '8');
  assert.equal(bad.fault, 'HANDLER_THREW');
});

test('what reached a sandbox says which wall it ran behind, where, and whether it was started for it', async (t) => {
  const { call } = await gateway(t, {
    routes: [routeTo(someVersion('ran')), routeTo(someVersion('cold')), routeTo(someVersion('never'))],
    answer({ version, call: own, sink }) {
      if (version.name === 'never') return sink.fail(new Fault('OVERLOADED', 'no'));
      own.place = { tier: 'isolate', placement: version.name === 'ran' ? 'remote' : 'local' };
      own.coldStart = version.name === 'cold';
      sink.complete(200, ['cordon-tier', 'castle', 'Cordon-Cold-Start', 'maybe'], Buffer.from(''));
    },
  });
  const of = ({ headers }: Awaited<ReturnType<typeof call>>): unknown[] => [
    headers['cordon-tier'],
    headers['cordon-placement'],
    headers['cordon-cold-start'],
  ];
  assert.deepEqual(of(await call('/fn/ran')), ['isolate', 'remote', 'false']);
  assert.deepEqual(of(await call('/functions/v1/cold', { method: 'OPTIONS' })), ['isolate', 'local', 'true']);
  assert.deepEqual(of(await call('/fn/never')), [undefined, undefined, undefined]);
});

for (const later of [false, true])
  test(`/functions/v1 lets in who has a valid JWT, known ${later ? 'later' : 'at once'}, and says who it is`, async (t) => {
    const { call, invoked } = await gateway(t, { ...one(), functions: { authenticate: knowing(USER, later) } });
    const headers = { authorization: `Bearer ${JWT}` };
    const answer = await call('/functions/v1/hello/a', { method: 'POST', headers, body: 'x' });
    assert.equal(answer.body, 'ok');
    const [first] = invoked;
    assert.equal(first!.call.principal, USER);
    assert.equal(first!.call.url, 'http://nobody.example/hello/a');
    assert.equal(String(first!.call.body), 'x');
    assert.equal(headerOf(first!, 'x-cordon-user-id'), 'u1');
    assert.equal(headerOf(first!, 'x-cordon-user-role'), 'user');
    assert.equal(headerOf(first!, 'authorization'), `Bearer ${JWT}`);
  });

test('/functions/v1 takes the JWT of the apikey header where there is no other', async (t) => {
  const { call, invoked } = await gateway(t, { ...one(), functions: { authenticate: knowing(USER) } });
  assert.equal((await call('/functions/v1/hello', { headers: { apikey: JWT } })).status, 200);
  assert.equal(headerOf(invoked[0]!, 'apikey'), JWT);
  const both = { apikey: JWT, authorization: 'Bearer wrong' };
  assert.equal((await call('/functions/v1/hello', { headers: both })).fault, 'UNAUTHORIZED');
});

test('/functions/v1 refuses everybody else before the function runs', async (t) => {
  const { call, invoked } = await gateway(t, { ...one(), functions: { authenticate: knowing(USER, true) } });
  const none = await call('/functions/v1/hello');
  assert.equal(none.status, 401);
  assert.match(none.body, /wants a JWT/);
  assert.equal(none.headers['www-authenticate'], 'Bearer realm="cordon"');
  assert.equal((await call('/functions/v1/hello', { headers: { authorization: 'Bearer x' } })).fault, 'UNAUTHORIZED');
  assert.equal(invoked.length, 0);
});

test('a version that wants no JWT is public on /functions/v1 too', async (t) => {
  const { call, invoked } = await gateway(t, one({ verifyJwt: false }));
  assert.equal((await call('/functions/v1/hello', { headers: { authorization: `Bearer ${JWT}` } })).status, 200);
  assert.equal(invoked[0]!.call.principal, ANONYMOUS);
  assert.equal(headerOf(invoked[0]!, 'x-cordon-user-role'), null);
  // A JWT is the function's to read; any other credential is not.
  assert.equal(headerOf(invoked[0]!, 'authorization'), `Bearer ${JWT}`);
  await call('/functions/v1/hello', { headers: { authorization: 'Bearer an-admin-token-perhaps' } });
  assert.equal(headerOf(invoked[1]!, 'authorization'), null);
});

test('a preflight reaches a function that wants a JWT, without one', async (t) => {
  const { call, invoked } = await gateway(t, one());
  assert.equal((await call('/functions/v1/hello', { method: 'OPTIONS' })).status, 200);
  assert.equal(invoked[0]!.call.principal, ANONYMOUS);
  assert.equal(invoked[0]!.call.method, 'OPTIONS');
});

test('a version’s CORS rules answer for it: preflights, responses and refusals', async (t) => {
  const cors = {
    origins: ['https://app.example'],
    methods: ['GET', 'POST'],
    headers: ['authorization'],
    credentials: true,
    maxAgeSeconds: 60,
  };
  const { call, invoked } = await gateway(t, {
    ...one({ cors }),
    functions: { authenticate: knowing(USER) },
    answer: ({ sink }) => sink.complete(200, ['Access-Control-Allow-Origin', '*', 'x-own', '1'], Buffer.from('')),
  });
  const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
  const preflight = await call('/functions/v1/hello', { method: 'OPTIONS', headers });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET, POST');
  assert.equal(invoked.length, 0);

  const good = await call('/functions/v1/hello', { headers: { ...headers, authorization: `Bearer ${JWT}` } });
  assert.equal(good.headers['access-control-allow-origin'], 'https://app.example');
  assert.equal(good.headers['access-control-allow-credentials'], 'true');
  assert.equal(good.headers['x-own'], '1');
  const refused = await call('/functions/v1/hello', { headers });
  assert.equal(refused.status, 401);
  assert.equal(refused.headers['access-control-allow-origin'], 'https://app.example');
});

test('the secrets of a version are taken out of its response headers', async (t) => {
  const { call } = await gateway(t, {
    ...one({ secrets: ['hunter2hunter2'] }),
    functions: { redact: ({ secrets }, value) => value.replaceAll(secrets[0]!, '[redacted]') },
    answer: ({ sink }) => sink.complete(200, ['x-debug', 'key=hunter2hunter2;'], Buffer.from('')),
  });
  assert.equal((await call('/fn/hello')).headers['x-debug'], 'key=[redacted];');
});

test('a rate of clients refuses before anything is looked up, and one of a function after its caller is known', async (t) => {
  const limits = await createRateLimits(null);
  const rule = { limit: 2, windowSeconds: 60 };
  const clients = await gateway(t, { functions: { rates: { limits, perAddress: rule, perFunction: null } } });
  assert.equal((await clients.call('/fn/nope')).status, 404);
  assert.equal((await clients.call('/fn/nope')).status, 404);
  const refused = await clients.call('/fn/nope');
  assert.equal(refused.fault, 'THROTTLED');
  assert.equal(refused.headers['ratelimit-limit'], '2');
  assert.equal(refused.headers['ratelimit-remaining'], '0');
  assert.match(refused.headers['retry-after'] as string, /^([1-9]|[1-5]\d|60)$/);

  const functions = await gateway(t, {
    ...one(),
    functions: { rates: { limits, perAddress: null, perFunction: rule }, authenticate: knowing(USER, true) },
  });
  for (let i = 0; i < 5; i++) assert.equal((await functions.call('/functions/v1/hello')).status, 401);
  const authorized = { headers: { authorization: `Bearer ${JWT}` } };
  for (const status of [200, 200, 429])
    assert.equal((await functions.call('/functions/v1/hello', authorized)).status, status);
});

test('whoever leaves while something is waited for starts nothing', async (t) => {
  const asked = Promise.withResolvers<void>();
  const known = Promise.withResolvers<Principal>();
  const started = await gateway(t, {
    ...one(),
    functions: {
      authenticate: () => {
        asked.resolve();
        return known.promise;
      },
    },
  });
  const socket = connect(started.port, '127.0.0.1');
  socket.write('GET /functions/v1/hello HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\n\r\n');
  const [connection] = (await once(started.server, 'connection')) as [Socket];
  await asked.promise;
  const closed = once(connection, 'close');
  socket.destroy();
  await closed;
  known.resolve(USER);
  await started.call('/health');
  assert.equal(started.invoked.length, 0);
  assert.deepEqual(started.requests[0], { url: '/functions/v1/hello', status: 499, note: 'CANCELLED' });
});

test('an error of ours is reported, and the client learns nothing of it', async (t) => {
  const { call, reported } = await gateway(t, {
    ...one(),
    functions: { versionOf: () => Promise.reject(new Error('password of the database')) },
  });
  const answer = await call('/fn/hello@99');
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body, /password/);
  assert.equal(reported.length, 1);
});

test('an invoker that throws costs its request, not the host', async (t) => {
  const { call, reported } = await gateway(t, {
    ...one(),
    answer({ call: { method }, sink }) {
      if (method === 'POST') sink.head(200, []);
      throw new Error('a bug of ours');
    },
  });
  assert.equal((await call('/fn/hello')).status, 500);
  await assert.rejects(call('/fn/hello', { method: 'POST' }));
  assert.equal((await call('/health')).status, 200);
  assert.equal(reported.length, 2);
});

test('how a request ended is told of its version', async (t) => {
  const outcomes: string[] = [];
  const { call } = await gateway(t, {
    ...one({ number: 3 }),
    functions: {
      onOutcome: ({ number }, fault, status) => outcomes.push(`${number} ${fault?.code ?? 'ok'} ${status}`),
    },
    answer({ call: { method }, sink }) {
      if (method === 'POST') return sink.fail(new Fault('TIMED_OUT', 'no'));
      sink.complete(500, [], Buffer.from('its own'));
    },
  });
  await call('/fn/hello');
  await call('/fn/hello', { method: 'POST' });
  await call('/fn/other');
  assert.deepEqual(outcomes, ['3 ok 500', '3 TIMED_OUT 504']);
});

test('the function sees https where a trusted proxy says so, and only then', async (t) => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '9.9.9.9, nonsense' };
  const distrusting = await gateway(t, one());
  await distrusting.call('/fn/hello', { headers });
  assert.equal(distrusting.invoked[0]!.call.url, 'http://nobody.example/fn/hello');
  const trustedProxies = new BlockList();
  trustedProxies.addAddress('127.0.0.1');
  const trusting = await gateway(t, { ...one(), origin: { trustedProxies } });
  await trusting.call('/fn/hello', { headers });
  assert.equal(trusting.invoked[0]!.call.url, 'https://nobody.example/fn/hello');
  assert.equal(trusting.invoked[0]!.call.clientAddress, '127.0.0.1');
});

test('a token of ours opens a function and is not shown to it', async (t) => {
  const { call, invoked } = await gateway(t, {
    ...one({ passAuthorization: true }),
    functions: { authenticate: () => OPERATOR },
  });
  await call('/functions/v1/hello', {
    headers: { authorization: 'Bearer the-admin-token', apikey: 'the-admin-token' },
  });
  assert.equal(invoked[0]!.call.principal, OPERATOR);
  assert.equal(headerOf(invoked[0]!, 'authorization'), null);
  assert.equal(headerOf(invoked[0]!, 'apikey'), null);
  assert.equal(headerOf(invoked[0]!, 'x-cordon-user-role'), 'admin');
});
