import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createJwtVerifier, type JwtOptions, type VerifyJwt } from '../../../src/auth/jwt.ts';
import { Fault } from '../../../src/core/faults.ts';
import {
  nowSeconds,
  signed,
  signedBySecret,
  signingKey,
  startIdentityProvider,
  type IdentityProvider,
  type SigningKey,
} from '../../support/identity-provider.ts';

const SECRET = 'a-secret-of-jwts-with-at-least-32-characters';

function verifier(options: Partial<JwtOptions>): VerifyJwt {
  const verify = createJwtVerifier({
    secret: null,
    jwksUrl: null,
    issuer: null,
    audience: null,
    report: () => undefined,
    ...options,
  });
  assert.ok(verify !== null);
  return verify;
}

async function provider(t: TestContext, ...keys: readonly SigningKey[]): Promise<IdentityProvider> {
  const started = await startIdentityProvider(...keys);
  t.after(() => started.close());
  return started;
}

const refuses = (verify: VerifyJwt, token: string, message: RegExp): Promise<void> =>
  assert.rejects(
    async () => verify(token),
    (error) => error instanceof Fault && error.code === 'UNAUTHORIZED' && message.test(error.message),
  );

test('without a secret and a URL there is no verifier', () => {
  assert.equal(
    createJwtVerifier({ secret: null, jwksUrl: null, issuer: null, audience: null, report: assert.fail }),
    null,
  );
});

test('a short secret and a URL of another scheme stop the start', () => {
  assert.throws(() => verifier({ secret: 'short' }), /at least 32 bytes/);
  assert.throws(() => verifier({ jwksUrl: 'file:///etc/passwd' }), /http or https/);
});

test('HS256 is verified by the secret', async () => {
  const verify = verifier({ secret: SECRET });
  const principal = await verify(await signedBySecret(SECRET, { sub: 'u1', role: 'authenticated', email: 'a@b.c' }));
  assert.equal(principal.role, 'user');
  assert.equal(principal.tenant, 'default');
  assert.equal(principal.id, 'u1');
  assert.equal(principal.email, 'a@b.c');
  assert.equal(principal.claims?.['sub'], 'u1');
  await refuses(verify, await signedBySecret(`${SECRET}!`, { sub: 'u1' }), /signature/);
});

for (const alg of ['RS256', 'ES256', 'EdDSA'])
  test(`${alg} is verified by the provider’s keys`, async (t) => {
    const key = await signingKey(alg, 'k1');
    const { url } = await provider(t, key);
    const verify = verifier({ jwksUrl: url });
    assert.equal((await verify(await signed(key, { sub: 'u1' }))).id, 'u1');
    const forged = await signed({ ...(await signingKey(alg, 'k1')) }, { sub: 'u1' });
    await refuses(verify, forged, /signature/);
  });

test('the roles of Supabase become ours, and none makes an administrator', async () => {
  const verify = verifier({ secret: SECRET });
  const roles = {
    anon: 'anonymous',
    authenticated: 'user',
    service_role: 'service_role',
    admin: 'user',
    supabase_admin: 'user',
    system: 'user',
    constructor: 'user',
  };
  for (const [claimed, role] of Object.entries(roles))
    assert.equal((await verify(await signedBySecret(SECRET, { role: claimed }))).role, role, claimed);
  assert.equal((await verify(await signedBySecret(SECRET, {}))).role, 'user');
  assert.equal((await verify(await signedBySecret(SECRET, { role: ['service_role'] }))).role, 'user');
});

test('the application’s roles come from app_metadata and roles, never from what users write', async () => {
  const verify = verifier({ secret: SECRET });
  const token = await signedBySecret(SECRET, {
    app_metadata: { roles: ['editor', 7, ''] },
    roles: ['viewer', 'editor'],
    user_metadata: { roles: ['owner'] },
  });
  assert.deepEqual((await verify(token)).roles, ['editor', 'viewer']);
  const many = await signedBySecret(SECRET, { roles: Array.from({ length: 500 }, (_, i) => `r${i}`) });
  assert.equal((await verify(many)).roles.length, 100);
});

test('a claim may name the tenant, and a token without it is refused then', async () => {
  const verify = verifier({ secret: SECRET, tenantClaim: 'app_metadata.tenant' });
  assert.equal((await verify(await signedBySecret(SECRET, { app_metadata: { tenant: 'acme' } }))).tenant, 'acme');
  await refuses(verify, await signedBySecret(SECRET, {}), /app_metadata\.tenant/);
  await refuses(verify, await signedBySecret(SECRET, { app_metadata: { tenant: '../x' } }), /not the name of a tenant/);
});

test('30 seconds of difference between clocks are forgiven, and no more', async () => {
  const verify = verifier({ secret: SECRET });
  const now = nowSeconds();
  await verify(await signedBySecret(SECRET, { exp: now - 20 }));
  await verify(await signedBySecret(SECRET, { nbf: now + 20 }));
  await refuses(verify, await signedBySecret(SECRET, { exp: now - 40 }), /expired/);
  await refuses(verify, await signedBySecret(SECRET, { nbf: now + 40 }), /nbf/);
});

test('a token that was verified is not believed beyond its expiry', async (t) => {
  const verify = verifier({ secret: SECRET });
  const token = await signedBySecret(SECRET, { exp: nowSeconds() + 60 });
  await verify(token);
  assert.ok(!(verify(token) instanceof Promise));
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 100_000 });
  await refuses(verify, token, /expired/);
});

test('a key that appears is fetched, and an unknown one not again and again', async (t) => {
  const [old, next, unknown] = [
    await signingKey('ES256', 'old'),
    await signingKey('ES256', 'new'),
    await signingKey('ES256', 'unknown'),
  ];
  const idp = await provider(t, old);
  const impatient = verifier({ jwksUrl: idp.url, keysCooldownMs: 0 });
  await impatient(await signed(old, {}));
  assert.equal(idp.fetches, 1);
  idp.publish(old, next);
  await impatient(await signed(next, {}));
  assert.equal(idp.fetches, 2);

  const patient = verifier({ jwksUrl: idp.url });
  await patient(await signed(old, {}));
  assert.equal(idp.fetches, 3);
  for (let i = 0; i < 5; i++) await refuses(patient, await signed(unknown, { jti: String(i) }), /name a key/);
  assert.equal(idp.fetches, 3);
});

test('a provider that can’t be reached is not the user’s fault, and is not asked for every token', async (t) => {
  const key = await signingKey('ES256', 'k1');
  const idp = await provider(t, key);
  const reported: unknown[] = [];
  for (const reply of [
    { status: 500, body: '' },
    { status: 302, body: '' },
    { status: 200, body: 'x'.repeat(300_000) },
    { status: 200, body: '{"keys":{}}' },
    { status: 200, body: 'no' },
  ]) {
    idp.answer(reply);
    const before = idp.fetches;
    const verify = verifier({ jwksUrl: idp.url, report: (error) => reported.push(error) });
    for (let i = 0; i < 3; i++)
      await assert.rejects(async () => verify(await signed(key, { jti: String(i) })), { code: 'OVERLOADED' });
    assert.equal(idp.fetches, before + 1);
  }
  assert.equal(reported.length, 5);
  assert.match(String(reported[0]), /can't be fetched: it answered 500/);
});
