import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthenticator } from '../../../src/auth/authenticator.ts';
import { createJwtVerifier } from '../../../src/auth/jwt.ts';
import { openTokens } from '../../../src/auth/tokens.ts';
import { Fault } from '../../../src/core/faults.ts';
import { ANONYMOUS, OPERATOR } from '../../../src/core/principal.ts';
import { signedBySecret } from '../../support/identity-provider.ts';
import { MemoryTokens } from '../../support/memory-tokens.ts';

const TOKEN = 'correct-horse-battery';
const SECRET = 'a-secret-of-jwts-with-at-least-32-characters';
const tokens = await openTokens({ store: new MemoryTokens(), report: assert.fail });
const jwt = createJwtVerifier({ secret: SECRET, jwksUrl: null, issuer: null, audience: null, report: assert.fail });
const authenticate = createAuthenticator({ adminToken: TOKEN, tokens, jwt });
const operators = createAuthenticator({ adminToken: TOKEN, tokens });

const unauthorized = (error: unknown): boolean => error instanceof Fault && error.code === 'UNAUTHORIZED';

test('no header is anonymous', () => {
  assert.equal(authenticate(undefined), ANONYMOUS);
});

test('both schemes are taken, in any case', () => {
  for (const scheme of ['Token', 'Bearer', 'bearer', 'TOKEN'])
    assert.equal(authenticate(`${scheme} ${TOKEN}`), OPERATOR);
});

test('anything else is refused, and never anonymous', () => {
  for (const header of [
    '',
    TOKEN,
    'Bearer',
    'Bearer ',
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} x`,
    `Bearer ${TOKEN}, Bearer ${TOKEN}`,
    'Bearer x',
    'Bearer cdn_x',
    `Bearer ${TOKEN}\n`,
  ])
    assert.throws(() => authenticate(header), unauthorized, JSON.stringify(header));
});

test('a token of ours is known at once, without a promise', async () => {
  const { token, record } = await tokens.create({ name: 'ci', tenant: 'acme', role: 'user', ttlSeconds: null });
  const principal = authenticate(`Token ${token}`);
  assert.ok(!(principal instanceof Promise));
  assert.equal(principal.id, record.id);
});

test('a JWT is verified once, and known at once from then on', async () => {
  const header = `Bearer ${await signedBySecret(SECRET, { sub: 'u1', role: 'authenticated' })}`;
  const first = authenticate(header);
  assert.ok(first instanceof Promise);
  const principal = await first;
  assert.equal(principal.id, 'u1');
  assert.equal(authenticate(header), principal);
});

test('where JWTs are not wanted, even a valid one is refused', async () => {
  const header = `Bearer ${await signedBySecret(SECRET, { sub: 'u1', role: 'service_role' })}`;
  assert.throws(() => operators(header), unauthorized);
});
