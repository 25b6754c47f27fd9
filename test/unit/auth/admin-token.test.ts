import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { loadAdminToken, readAdminToken } from '../../../src/auth/admin-token.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cordon-auth-'));
  t.after(() => rmSync(path, { recursive: true }));
  return join(path, 'data');
}

test('the first start makes a token that only its owner can read, the second finds it', (t) => {
  const dataDir = folder(t);
  assert.equal(readAdminToken(dataDir), null);
  const first = loadAdminToken(dataDir, null);
  assert.match(first.token, /^[\w-]{43}$/);
  assert.equal(first.created, true);
  assert.equal(statSync(first.path!).mode & 0o777, 0o600);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(dataDir), ['admin-token']);
  assert.deepEqual(loadAdminToken(dataDir, null), { ...first, created: false });
  assert.equal(readAdminToken(dataDir), first.token);
});

test('a configured token wins, and leaves no file', (t) => {
  const dataDir = folder(t);
  assert.deepEqual(loadAdminToken(dataDir, 'x'.repeat(16)), { token: 'x'.repeat(16), path: null, created: false });
  assert.equal(readAdminToken(dataDir), null);
});

test('a file without a token stops the start with its path', (t) => {
  const dataDir = folder(t);
  const { path } = loadAdminToken(dataDir, null);
  writeFileSync(path!, '\n');
  assert.throws(() => loadAdminToken(dataDir, null), /admin-token does not hold a token/);
});
