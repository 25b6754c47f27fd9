import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leave, TenantLoads, type TenantLoad } from '../../../src/supervisor/tenant-loads.ts';

test('a tenant enters as often as its limit allows, and again when a call has left', () => {
  const loads = new TenantLoads(() => 2);
  const first = loads.enter('a') as TenantLoad;
  assert.equal(loads.enter('a'), first);
  assert.equal(loads.enter('a'), null);
  assert.equal(loads.enter('b')?.calls, 1);
  leave(first);
  assert.equal(loads.enter('a'), first);
  assert.equal(first.calls, 2);
});

test('tenants that nobody calls any more are forgotten, and those that run are not', () => {
  const loads = new TenantLoads(() => 1);
  assert.ok(loads.enter('busy'));
  const idle = loads.enter('idle') as TenantLoad;
  leave(idle);
  for (let i = 0; i < 30_000; i++) leave(loads.enter(`invented-${i}`) as TenantLoad);
  assert.equal(loads.enter('busy'), null);
  assert.notEqual(loads.enter('idle'), idle);
});
