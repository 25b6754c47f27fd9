/** One query of a tenant at a time, and a rest after a long one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TenantTurns } from '../../../src/capabilities/turns.ts';
import { Fault } from '../../../src/core/faults.ts';

const spin = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

test('the queries of one tenant come one after the other, those of another beside them', async () => {
  const turns = new TenantTurns(3);
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take('acme', async () => {
    seen.push('first');
    await gate.promise;
    seen.push('first is over');
  });
  const second = turns.take('acme', async () => void seen.push('second'));
  await turns.take('rival', async () => void seen.push('rival'));
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(seen, ['first', 'rival', 'first is over', 'second']);
});

test('after a long query the next of the tenant waits, though it was asked for later', async () => {
  const turns = new TenantTurns(3);
  await turns.take('acme', async () => spin(40));
  const endedMs = performance.now();
  await turns.take('acme', async () => undefined);
  assert.ok(performance.now() - endedMs >= 100, `${performance.now() - endedMs}`);
});

test('without a rest the next goes on at once', async () => {
  const turns = new TenantTurns(0);
  await turns.take('acme', async () => spin(40));
  const endedMs = performance.now();
  let turned = false;
  setImmediate(() => (turned = true));
  await turns.take('acme', async () => undefined);
  assert.ok(!turned, `${performance.now() - endedMs} ms`);
});

test('one that fails lets the next go on', async () => {
  const turns = new TenantTurns(3);
  await assert.rejects(
    turns.take('acme', () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await turns.take('acme', async () => 1), 1);
});

test('so many wait, and no more', async () => {
  const turns = new TenantTurns(3);
  const gate = Promise.withResolvers<void>();
  const waiting = Array.from({ length: 256 }, () => turns.take('acme', () => gate.promise));
  await assert.rejects(
    turns.take('acme', async () => undefined),
    (error) => error instanceof Fault && error.code === 'THROTTLED',
  );
  assert.equal(await turns.take('rival', async () => 1), 1);
  gate.resolve();
  await Promise.all(waiting);
});
