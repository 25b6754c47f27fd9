import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { OpenAPIHono } from '@hono/zod-openapi';
import { openTokens, type Tokens } from '../../../src/auth/tokens.ts';
import type { ControlEnv } from '../../../src/control/access.ts';
import { addTokens } from '../../../src/control/tokens.ts';
import type { AuditEntry } from '../../../src/core/audit.ts';
import { toFault } from '../../../src/core/faults.ts';
import { OPERATOR, type Principal } from '../../../src/core/principal.ts';
import { MemoryTokens } from '../../support/memory-tokens.ts';

const TOKENS = '/api/v1/tokens';
const ADMIN_OF_ACME: Principal = { ...OPERATOR, tenant: 'acme', id: 'acme-admin' };
const USER_OF_ACME: Principal = { ...OPERATOR, role: 'user', tenant: 'acme', id: 'acme-user' };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- any JSON
  readonly body: any;
}

interface Bench {
  readonly tokens: Tokens;
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
  call(by: Principal, method: string, path: string, body?: unknown): Promise<Answer>;
}

async function open(t: TestContext): Promise<Bench> {
  const tokens = await openTokens({ store: new MemoryTokens(), report: assert.fail });
  t.after(() => tokens.close());
  const audited: Omit<AuditEntry, 'timeMs'>[] = [];
  const tenants = new Set(['default', 'acme', 'rival']);
  let caller = OPERATOR;
  const app = new OpenAPIHono<ControlEnv>({ strict: false });
  app.onError((error, c) => c.json({ code: toFault(error).code }, toFault(error).status as 400));
  app.use(async (c, next) => {
    c.set('principal', caller);
    await next();
  });
  addTokens(app, {
    tokens,
    tenants: {
      find: async (name) =>
        tenants.has(name)
          ? { name, quotas: { functions: null, concurrency: null }, suspendedMs: null, createdMs: 0 }
          : null,
    },
    audit: { record: (entry) => void audited.push(entry) },
  });
  return {
    tokens,
    audited,
    async call(by, method, path, body) {
      caller = by;
      const init = { method, headers: { 'content-type': 'application/json' } };
      const response = await app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
    },
  };
}

test('a token is shown once, works, and is listed without its text', async (t) => {
  const { call, tokens, audited } = await open(t);
  const created = await call(OPERATOR, 'POST', TOKENS, { name: 'ci', role: 'user', tenant: 'acme', expiresInDays: 30 });
  assert.equal(created.status, 201);
  assert.equal(created.headers.get('cache-control'), 'no-store');
  const { token, ...shown } = created.body;
  assert.equal(tokens.principalOf(token).tenant, 'acme');
  assert.equal(Date.parse(shown.expiresAt) - Date.parse(shown.createdAt), 30 * 86_400_000);
  const listed = await call(OPERATOR, 'GET', `${TOKENS}/`);
  assert.equal(listed.body.tokens.length, 1);
  assert.ok(!JSON.stringify(listed.body).includes(token));
  assert.deepEqual(
    audited.map(({ action, target }) => [action, target]),
    [['token.create', shown.id]],
  );
  assert.ok(!JSON.stringify(audited).includes(token));
});

test('without a tenant a token is for one’s own; for every tenant it has to be said, by an operator', async (t) => {
  const { call } = await open(t);
  const tenantOf = async (by: Principal, tenant?: string | null): Promise<unknown> => {
    const { status, body } = await call(by, 'POST', TOKENS, { name: 'x', role: 'admin', tenant });
    return status === 201 ? body.tenant : body.code;
  };
  assert.equal(await tenantOf(OPERATOR), 'default');
  assert.equal(await tenantOf(OPERATOR, null), null);
  assert.equal(await tenantOf(OPERATOR, 'nobody'), 'NOT_FOUND');
  assert.equal(await tenantOf(ADMIN_OF_ACME), 'acme');
  assert.equal(await tenantOf(ADMIN_OF_ACME, null), 'FORBIDDEN');
  assert.equal(await tenantOf(ADMIN_OF_ACME, 'rival'), 'NOT_FOUND');
});

test('an admin of a tenant sees and revokes its tokens only', async (t) => {
  const { call, tokens } = await open(t);
  const rival = await call(OPERATOR, 'POST', TOKENS, { name: 'r', role: 'user', tenant: 'rival' });
  const own = await call(OPERATOR, 'POST', TOKENS, { name: 'a', role: 'user', tenant: 'acme' });
  const names = async (by: Principal, query = ''): Promise<unknown> =>
    (await call(by, 'GET', TOKENS + query)).body.tokens?.map((token: { name: string }) => token.name);
  assert.deepEqual(await names(OPERATOR), ['a', 'r']);
  assert.deepEqual(await names(OPERATOR, '?tenant=rival'), ['r']);
  assert.deepEqual(await names(ADMIN_OF_ACME), ['a']);
  assert.equal((await call(ADMIN_OF_ACME, 'GET', `${TOKENS}?tenant=rival`)).body.code, 'NOT_FOUND');

  assert.equal((await call(ADMIN_OF_ACME, 'DELETE', `${TOKENS}/${rival.body.id}`)).status, 404);
  tokens.principalOf(rival.body.token);
  assert.equal((await call(ADMIN_OF_ACME, 'DELETE', `${TOKENS}/${own.body.id}`)).status, 204);
  assert.throws(() => tokens.principalOf(own.body.token), /revoked/);
  assert.equal((await call(ADMIN_OF_ACME, 'DELETE', `${TOKENS}/${own.body.id}`)).status, 404);
});

test('whoever is no admin may do none of it', async (t) => {
  const { call } = await open(t);
  assert.equal((await call(USER_OF_ACME, 'GET', TOKENS)).status, 403);
  assert.equal((await call(USER_OF_ACME, 'POST', TOKENS, { name: 'x', role: 'admin' })).status, 403);
  assert.equal((await call(USER_OF_ACME, 'DELETE', `${TOKENS}/x`)).status, 403);
});

test('roles, lifetimes and fields that are none are refused', async (t) => {
  const { call } = await open(t);
  for (const bad of [
    { role: 'system' },
    { role: undefined },
    { expiresInDays: 0 },
    { expiresInDays: -1 },
    { expiresInDays: 4_000 },
    { name: '' },
    { scope: 'all' },
  ]) {
    const { status } = await call(OPERATOR, 'POST', TOKENS, { name: 'x', role: 'user', ...bad });
    assert.equal(status, 400, JSON.stringify(bad));
  }
});
