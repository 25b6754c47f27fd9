import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openTokens, type NewToken, type Tokens } from '../../../src/auth/tokens.ts';
import { Fault } from '../../../src/core/faults.ts';
import { MemoryTokens } from '../../support/memory-tokens.ts';

const HOUR_MS = 3_600_000;

interface Bench {
  readonly store: MemoryTokens;
  readonly tokens: Tokens;
  readonly reported: unknown[];
  nowMs: number;
}

async function open(t: TestContext, store: MemoryTokens = new MemoryTokens()): Promise<Bench> {
  const bench = { store, reported: [] as unknown[], nowMs: Date.UTC(2026, 0, 1, 12, 0, 30) };
  const tokens = await openTokens({ store, report: (error) => bench.reported.push(error), now: () => bench.nowMs });
  t.after(() => tokens.close());
  return Object.assign(bench, { tokens });
}

const wanted = (change: Partial<NewToken> = {}): NewToken => ({
  name: 'ci',
  tenant: 'acme',
  role: 'user',
  ttlSeconds: null,
  ...change,
});

const refused = (message: RegExp): ((error: unknown) => boolean) => {
  return (error) => error instanceof Fault && error.code === 'UNAUTHORIZED' && message.test(error.message);
};

test('a token is its tenant’s and has its role, and is kept as a hash only', async (t) => {
  const { tokens, store } = await open(t);
  const { token, record } = await tokens.create(wanted());
  assert.deepEqual(tokens.principalOf(token), {
    role: 'user',
    tenant: 'acme',
    id: record.id,
    email: null,
    roles: [],
    claims: null,
  });
  assert.ok(!JSON.stringify(await store.list(null)).includes(token));
  assert.ok(!('hash' in record));
  assert.ok(!('hash' in (await tokens.list(null))[0]!));
});

test('a token that was never made is refused, and a damaged one is called so', async (t) => {
  const { tokens } = await open(t);
  const { token } = await tokens.create(wanted());
  const other = await open(t);
  assert.throws(() => other.tokens.principalOf(token), refused(/not known, or it was revoked/));
  assert.throws(() => tokens.principalOf(token.slice(0, -3)), refused(/checksum/));
});

test('a token that expires is refused from that moment on', async (t) => {
  const bench = await open(t);
  const { token, record } = await bench.tokens.create(wanted({ ttlSeconds: 3_600 }));
  assert.equal(record.expiresMs, bench.nowMs + HOUR_MS);
  bench.nowMs += HOUR_MS - 1;
  bench.tokens.principalOf(token);
  bench.nowMs += 1;
  assert.throws(() => bench.tokens.principalOf(token), refused(/has expired/));
  await bench.tokens.reload();
  assert.throws(() => bench.tokens.principalOf(token), refused(/not known/));
});

test('a revoked token is refused before its revocation is written, and stays so after a reload that was under way', async (t) => {
  const { tokens } = await open(t);
  const { token, record } = await tokens.create(wanted());
  const reloaded = tokens.reload();
  const revoked = tokens.revoke(record.id, null);
  assert.throws(() => tokens.principalOf(token), refused(/revoked/));
  await reloaded;
  assert.throws(() => tokens.principalOf(token), refused(/revoked/));
  assert.equal(await revoked, true);
  await tokens.reload();
  assert.throws(() => tokens.principalOf(token), refused(/revoked/));
  assert.equal(await tokens.revoke(record.id, null), false);
});

test('a tenant revokes its own tokens only', async (t) => {
  const { tokens } = await open(t);
  const { token, record } = await tokens.create(wanted());
  assert.equal(await tokens.revoke(record.id, 'rival'), false);
  tokens.principalOf(token);
  assert.equal(await tokens.revoke(record.id, 'acme'), true);
  assert.equal(await tokens.revoke('no-such-id', 'acme'), false);
});

test('tokens outlive a restart, and what another node revoked is gone after a reload', async (t) => {
  const first = await open(t);
  const { token, record } = await first.tokens.create(wanted({ role: 'admin', tenant: null }));
  const second = await open(t, first.store);
  assert.equal(second.tokens.principalOf(token).role, 'admin');
  assert.equal(second.tokens.principalOf(token).tenant, null);
  await first.tokens.revoke(record.id, null);
  second.tokens.principalOf(token);
  await second.tokens.reload();
  assert.throws(() => second.tokens.principalOf(token), refused(/revoked/));
});

test('the last use is shown at once, written at close, and not lost when it can’t be written', async (t) => {
  const bench = await open(t);
  const { tokens, store } = bench;
  const { token } = await tokens.create(wanted());
  tokens.principalOf(token);
  const minute = Date.UTC(2026, 0, 1, 12, 0);
  assert.equal((await tokens.list('acme'))[0]!.lastUsedMs, minute);
  assert.equal((await store.list('acme'))[0]!.lastUsedMs, null);
  store.broken = true;
  await tokens.close();
  assert.equal(bench.reported.length, 1);
  store.broken = false;
  await tokens.close();
  assert.equal((await store.list('acme'))[0]!.lastUsedMs, minute);
});

test('a token that can’t be kept is not given out', async (t) => {
  const { tokens, store } = await open(t);
  store.broken = true;
  await assert.rejects(tokens.create(wanted()), /disk is full/);
  store.broken = false;
  assert.deepEqual(await tokens.list(null), []);
  await tokens.create(wanted());
});

test('names and lifetimes are bounded', async (t) => {
  const { tokens } = await open(t);
  for (const bad of [
    { name: '' },
    { name: 'x'.repeat(101) },
    { name: 'a\nb' },
    { name: '\u001b[31m' },
    { ttlSeconds: 0 },
    { ttlSeconds: -1 },
    { ttlSeconds: 1.5 },
    { ttlSeconds: NaN },
    { ttlSeconds: 1e12 },
  ])
    await assert.rejects(async () => tokens.create(wanted(bad)), { code: 'BAD_REQUEST' }, JSON.stringify(bad));
});

test('a tenant can’t fill the memory with tokens', async (t) => {
  const { tokens } = await open(t);
  for (let i = 0; i < 1_000; i++) await tokens.create(wanted());
  await assert.rejects(tokens.create(wanted()), { code: 'QUOTA_EXCEEDED' });
  await tokens.create(wanted({ tenant: 'other' }));
  await tokens.revoke((await tokens.list('acme'))[0]!.id, 'acme');
  await tokens.create(wanted());
});
