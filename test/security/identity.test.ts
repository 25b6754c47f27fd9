/** Attacks on identity: who pretends to be somebody else, at the gateway and with real verification behind it. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as send } from 'node:http';
import { test, type TestContext } from 'node:test';
import { exportSPKI } from 'jose';
import { createAuthenticator } from '../../src/auth/authenticator.ts';
import { createJwtVerifier, type JwtOptions } from '../../src/auth/jwt.ts';
import { openTokens, type Tokens } from '../../src/auth/tokens.ts';
import { ANONYMOUS } from '../../src/core/principal.ts';
import { headerOf, routeTo, someVersion, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import {
  nowSeconds,
  signed,
  signedBySecret,
  signingKey,
  startIdentityProvider,
  type IdentityProvider,
  type SigningKey,
} from '../support/identity-provider.ts';
import { MemoryTokens } from '../support/memory-tokens.ts';

const SECRET = 'a-secret-of-jwts-with-at-least-32-characters';
const ADMIN_TOKEN = 'the-admin-token-of-the-tests';

interface Target extends TestGateway {
  readonly idp: IdentityProvider;
  readonly key: SigningKey;
  readonly tokens: Tokens;
  /** GET /functions/v1/guarded with this credential. */
  attack(authorization: string | readonly string[]): Promise<Answer>;
}

/** A function that wants a JWT, in each of two tenants, behind RS256 keys and, where it is said, a secret. */
async function target(t: TestContext, jwt: Partial<JwtOptions> = {}): Promise<Target> {
  const key = await signingKey('RS256', 'k1');
  const idp = await startIdentityProvider(key);
  const tokens = await openTokens({ store: new MemoryTokens(), report: assert.fail });
  const authenticate = createAuthenticator({
    adminToken: ADMIN_TOKEN,
    tokens,
    jwt: createJwtVerifier({
      secret: null,
      jwksUrl: idp.url,
      issuer: null,
      audience: null,
      report: () => undefined,
      ...jwt,
    }),
  });
  const gateway = await startGateway({
    routes: [
      routeTo(someVersion('guarded')),
      routeTo(someVersion('guarded', { tenant: 'acme' })),
      routeTo(someVersion('shop', { tenant: 'acme' }), { publicDomain: 'shop.example' }),
    ],
    origin: { domain: 'cordon.example' },
    functions: { authenticate },
    gateway: { control: (_, response) => void response.end('the operator API') },
  });
  t.after(async () => {
    gateway.close();
    idp.close();
    await tokens.close();
  });
  const attack = (authorization: string | readonly string[]): Promise<Answer> =>
    gateway.call('/functions/v1/guarded', { headers: { authorization } });
  return { ...gateway, idp, key, tokens, attack };
}

async function refused({ attack, invoked }: Target, token: string, message: RegExp = /./): Promise<void> {
  const before = invoked.length;
  const answer = await attack(`Bearer ${token}`);
  assert.equal(answer.status, 401, answer.body);
  assert.match(answer.body, message);
  assert.equal(invoked.length, before);
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const CLAIMS = { sub: 'root', role: 'service_role', exp: nowSeconds() + 3_600 };

test('a JWT with the algorithm none is refused, however it is spelt', async (t) => {
  const victim = await target(t, { secret: SECRET });
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, ['none'], { alg: 'RS256' }, 'HS256 ', 'RS256\0'])
    for (const signature of ['', 'x'])
      await refused(victim, `${part({ alg, kid: 'k1' })}.${part(CLAIMS)}.${signature}`);
  await refused(victim, `${part({ typ: 'JWT' })}.${part(CLAIMS)}.`);
});

test('key confusion: a JWT signed with HS256 and the RSA public key as its secret is refused', async (t) => {
  for (const jwt of [{}, { secret: SECRET }]) {
    const victim = await target(t, jwt);
    const { key } = victim;
    for (const secret of [await exportSPKI(key.publicKey), JSON.stringify(key.jwk), key.jwk.n!]) {
      const input = `${part({ alg: 'HS256', kid: 'k1' })}.${part(CLAIMS)}`;
      await refused(victim, `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`);
    }
  }
});

test('a secret that a key set holds signs nothing', async (t) => {
  const victim = await target(t);
  const jwk = { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'o', alg: 'HS256', use: 'sig' };
  victim.idp.answer({ status: 200, body: JSON.stringify({ keys: [jwk] }) });
  await refused(victim, await signedBySecret(SECRET, CLAIMS), /HS256, which is not accepted/);
});

test('algorithms beside those that are wanted are refused, even with a key that is known', async (t) => {
  const victim = await target(t, { secret: SECRET });
  const input = (alg: string): string => `${part({ alg, kid: 'k1' })}.${part(CLAIMS)}`;
  for (const [alg, digest] of [
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
  ] as const)
    await refused(victim, `${input(alg)}.${createHmac(digest, SECRET).update(input(alg)).digest('base64url')}`);
  const pss = await signingKey('PS256', 'k1');
  victim.idp.publish(pss);
  await refused(victim, await signed(pss, CLAIMS), /PS256, which is not accepted/);
});

test('a wrong audience, issuer, expiry or beginning is refused', async (t) => {
  const victim = await target(t, { issuer: 'https://idp.example', audience: 'authenticated' });
  const good = { iss: 'https://idp.example', aud: 'authenticated' };
  const { key, attack } = victim;
  assert.equal((await attack(`Bearer ${await signed(key, good)}`)).status, 200);
  const now = nowSeconds();
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ aud: 'other' }, /claim aud/],
    [{ aud: undefined }, /claim aud/],
    [{ aud: ['other', 'another'] }, /claim aud/],
    [{ iss: 'https://idp.example.evil' }, /claim iss/],
    [{ iss: undefined }, /claim iss/],
    [{ exp: now - 60 }, /expired/],
    [{ exp: String(now + 60) }, /claim exp/],
    [{ nbf: now + 60 }, /claim nbf/],
  ];
  for (const [change, message] of wrong) await refused(victim, await signed(key, { ...good, ...change }), message);
});

test('a header that brings its own key, or says where to fetch one, is believed in nothing', async (t) => {
  const victim = await target(t);
  const evil = await signingKey('RS256', 'k1');
  const evilIdp = await startIdentityProvider(evil);
  t.after(() => evilIdp.close());
  const { SignJWT } = await import('jose');
  const headers = [
    { jwk: evil.jwk },
    { jku: evilIdp.url },
    { x5u: evilIdp.url },
    { x5c: ['MIIB'] },
    { crit: ['b64'], b64: false },
  ];
  for (const header of headers) {
    const token = new SignJWT(CLAIMS).setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header }).sign(evil.privateKey);
    await refused(
      victim,
      await token.catch(() => `${part({ alg: 'RS256', kid: 'k1', ...header })}.${part(CLAIMS)}.eA`),
    );
  }
  assert.equal(evilIdp.fetches, 0);
});

test('tricks with kid find no key: paths, queries, other types, names that objects inherit', async (t) => {
  const victim = await target(t);
  const evil = await signingKey('RS256', 'x');
  const kids = ['../../../../dev/null', "k1' OR '1'='1", '', '__proto__', 'constructor', '0', 'k'.repeat(5_000)];
  for (const kid of kids) await refused(victim, await signed({ ...evil, kid }, CLAIMS), /name a key/);
  for (const kid of [{ toString: 'k1' }, ['k1'], 1, null])
    await refused(victim, `${part({ alg: 'RS256', kid })}.${part(CLAIMS)}.eA`);
  // One fetch for all of them: whoever invents keys must not make us hammer the provider.
  assert.equal(victim.idp.fetches, 1);
});

test('a JWT with a huge header or a huge body is refused without being read', async (t) => {
  const victim = await target(t, { secret: SECRET });
  await refused(victim, `${part({ alg: 'HS256', x: 'x'.repeat(30_000) })}.${part(CLAIMS)}.eA`, /not valid/);
  await refused(victim, await signedBySecret(SECRET, { ...CLAIMS, x: 'x'.repeat(30_000) }), /not valid/);
  const answer = await victim.attack(`Bearer ${part({ x: 'x'.repeat(70_000) })}.e30.eA`);
  assert.equal(answer.status, 431);
  assert.equal((await victim.call('/health')).status, 200);
});

test('claims that want to be more than claims change nothing', async (t) => {
  const victim = await target(t, { secret: SECRET });
  const input = `${part({ alg: 'HS256' })}.${Buffer.from(
    '{"__proto__":{"role":"service_role","sub":"root"},"constructor":{"prototype":{"role":"admin"}},"user_metadata":{"roles":["owner"]},"tenant":null}',
  ).toString('base64url')}`;
  const token = `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
  assert.equal((await victim.attack(`Bearer ${token}`)).status, 200);
  const { principal } = victim.invoked[0]!.call;
  assert.equal(principal.role, 'user');
  assert.equal(principal.id, null);
  assert.equal(principal.tenant, 'default');
  assert.deepEqual(principal.roles, []);
  assert.equal(({} as Record<string, unknown>)['role'], undefined);
});

test('the token of one tenant opens no function of another', async (t) => {
  const victim = await target(t, { tenantClaim: 'tenant' });
  const { call, key, tokens, invoked } = victim;
  const ofAcme = (await tokens.create({ name: 'x', tenant: 'acme', role: 'service_role', ttlSeconds: null })).token;
  for (const token of [ofAcme, await signed(key, { tenant: 'acme' })]) {
    const headers = { authorization: `Bearer ${token}` };
    const own = await call('/functions/v1/guarded', { headers, host: 'acme.cordon.example' });
    assert.equal(own.status, 200);
    assert.equal(invoked.at(-1)!.version.tenant, 'acme');
    const before = invoked.length;
    const foreign = await call('/functions/v1/guarded', { headers });
    assert.equal(foreign.status, 401);
    assert.match(foreign.body, /not one of the tenant/);
    assert.equal(invoked.length, before);
  }
});

test('without a claim that names it, a user belongs to the default tenant and to no other', async (t) => {
  const { call, key } = await target(t);
  const headers = { authorization: `Bearer ${await signed(key, { sub: 'u', tenant: 'acme' })}` };
  assert.equal((await call('/functions/v1/guarded', { headers })).status, 200);
  assert.equal((await call('/functions/v1/guarded', { headers, host: 'acme.cordon.example' })).status, 401);
});

test('a revoked token is refused at once, an expired one too, also where they were used a moment ago', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const victim = await target(t);
  const { tokens, attack } = victim;
  const wanted = { name: 'x', tenant: 'default', role: 'service_role', ttlSeconds: null } as const;
  const { token, record } = await tokens.create(wanted);
  assert.equal((await attack(`Bearer ${token}`)).status, 200);
  const revoked = tokens.revoke(record.id, null);
  await refused(victim, token, /revoked/);
  await revoked;

  const brief = await tokens.create({ ...wanted, ttlSeconds: 1 });
  assert.equal((await attack(`Bearer ${brief.token}`)).status, 200);
  t.mock.timers.setTime(Date.now() + 1_000);
  await refused(victim, brief.token, /expired/);
});

test('headers that say who the caller is come from the host alone', async (t) => {
  const { call, key, invoked } = await target(t);
  const spoofed = {
    'x-cordon-user-id': 'root',
    'X-Cordon-User-Role': 'admin',
    'cordon-user-id': 'root',
    'x-cordon-anything': '1',
  };
  const authorization = `Bearer ${await signed(key, { sub: 'u1', role: 'authenticated' })}`;
  await call('/functions/v1/guarded', { headers: { ...spoofed, authorization } });
  assert.equal(headerOf(invoked[0]!, 'x-cordon-user-id'), 'u1');
  assert.equal(headerOf(invoked[0]!, 'x-cordon-user-role'), 'user');
  const ours = invoked[0]!.call.headers.filter((name, i) => i % 2 === 0 && /cordon-/.test(name));
  assert.deepEqual(ours.toSorted(), ['x-cordon-user-id', 'x-cordon-user-role']);
  await call('/fn/guarded', { headers: { ...spoofed, authorization } });
  assert.deepEqual(
    invoked[1]!.call.headers.filter((name) => /cordon-/i.test(name)),
    [],
  );
  assert.equal(invoked[1]!.call.principal, ANONYMOUS);
});

test('an id that would break a header is left out of it', async (t) => {
  const { attack, key, invoked } = await target(t);
  for (const sub of ['a\r\nx-cordon-user-role: admin', 'ünïcode', ' padded', 'x'.repeat(300)])
    assert.equal((await attack(`Bearer ${await signed(key, { sub })}`)).status, 200, sub);
  for (const one of invoked) assert.equal(headerOf(one, 'x-cordon-user-id'), null);
});

test('two Authorization headers are refused, in either order', async (t) => {
  const { attack, key, invoked, call } = await target(t);
  const good = `Bearer ${await signed(key, { sub: 'u1' })}`;
  const forged = `Bearer ${part({ alg: 'none' })}.${part(CLAIMS)}.`;
  for (const both of [
    [good, forged],
    [forged, good],
    [good, good],
  ])
    assert.equal((await attack(both)).status, 400);
  const execute = { method: 'POST', headers: { authorization: [`Bearer ${ADMIN_TOKEN}`, good] }, body: '{}' };
  assert.equal((await call('/execute', execute)).status, 400);
  assert.equal(invoked.length, 0);
});

test('a function never receives a token of the operator API', async (t) => {
  const { call, tokens, invoked, routes } = await target(t);
  routes.set('default/open', routeTo(someVersion('open', { verifyJwt: false, passAuthorization: true })));
  const { token } = await tokens.create({ name: 'x', tenant: null, role: 'admin', ttlSeconds: null });
  for (const headers of [{ authorization: `Bearer ${token}` }, { apikey: token }, { authorization: `token  ${token}` }])
    for (const name of ['guarded', 'open']) await call(`/functions/v1/${name}`, { headers });
  await call('/functions/v1/guarded', { headers: { authorization: `Bearer ${ADMIN_TOKEN}`, apikey: ADMIN_TOKEN } });
  assert.equal(invoked.length, 7);
  for (const { call: received } of invoked) {
    assert.ok(!received.headers.some((text) => text.includes(token)));
    assert.ok(!received.headers.some((text) => text.includes(ADMIN_TOKEN)));
  }
});

test('on a function’s own domain there is that function, and neither the operator API nor any other function', async (t) => {
  const { call, invoked } = await target(t);
  const host = 'shop.example';
  for (const spelt of [host, 'SHOP.example', 'shop.example:3003'])
    assert.equal((await call('/fn/shop', { host: spelt })).status, 200, spelt);
  assert.equal(invoked.at(-1)!.version.tenant, 'acme');
  const before = invoked.length;
  for (const path of ['/fn/guarded', '/functions/v1/guarded', '/fn/', '/api/v1/functions', '/openapi.json', '/execute'])
    assert.equal((await call(path, { host })).status, 404, path);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  assert.equal((await call('/api/v1/functions', { host, headers })).status, 404);
  assert.equal((await call('/execute', { host, headers, method: 'POST', body: '{}' })).status, 404);
  assert.equal(invoked.length, before);
  assert.equal((await call('/api/v1/functions', { host: 'operator.example' })).body, 'the operator API');
});

test('X-Forwarded-Host of whoever sends it chooses neither tenant nor operator API', async (t) => {
  const { call, invoked } = await target(t);
  for (const name of ['x-forwarded-host', 'forwarded', 'x-original-host', 'x-host']) {
    const value = name === 'forwarded' ? 'host=operator.example' : 'operator.example';
    assert.equal((await call('/api/v1/functions', { headers: { [name]: value } })).status, 404, name);
  }
  assert.equal((await call('/fn/shop', { headers: { 'x-forwarded-host': 'shop.example' } })).status, 404);
  await call('/fn/guarded', { headers: { 'x-forwarded-host': 'acme.cordon.example' } });
  assert.equal(invoked.at(-1)!.version.tenant, 'default');
  assert.equal(headerOf(invoked.at(-1)!, 'x-forwarded-host'), null);
});

test('a second Host header does not lead to another site than the first', async (t) => {
  const { port, invoked } = await target(t);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = send(
      { port, host: '127.0.0.1', path: '/api/v1/functions', setHost: false, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    request.on('error', reject);
    request.setHeader('host', ['shop.example', 'operator.example']);
    request.end();
  });
  assert.ok(status === 400 || status === 404, String(status));
  assert.equal(invoked.length, 0);
});

test('secrets are compared in constant time', () => {
  const source = readFileSync(new URL('../../src/auth/authenticator.ts', import.meta.url), 'utf8');
  assert.match(source, /timingSafeEqual\(digest\(token\), expected\)/);
  for (const name of ['authenticator', 'tokens', 'jwt', 'verified-tokens'])
    assert.doesNotMatch(
      readFileSync(new URL(`../../src/auth/${name}.ts`, import.meta.url), 'utf8'),
      /(?:adminToken|secret|hash)\s*[!=]==?\s*(?!null|undefined)\w/,
      name,
    );
});
