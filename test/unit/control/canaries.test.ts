import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Canaries } from '../../../src/control/canaries.ts';
import { failedOf, OutcomeWindow, shouldEnd } from '../../../src/control/canary-verdict.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { LogEntry } from '../../../src/core/invocation.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { createControlParts, deploymentOf, type ControlParts } from './control-server.ts';

const THREW = new Fault('HANDLER_THREW', 'boom');

test('a canary ends when it fails in more than five of a hundred requests more than the live version', () => {
  const of = (failed: number, total: number): { failed: number; total: number } => ({ failed, total });
  assert.equal(shouldEnd(of(3, 20), of(0, 400)), true);
  assert.equal(shouldEnd(of(3, 19), of(0, 400)), false, 'too few requests');
  assert.equal(shouldEnd(of(2, 20), of(0, 400)), false, 'too few failures');
  assert.equal(shouldEnd(of(3, 60), of(0, 400)), false, 'five of a hundred');
  assert.equal(shouldEnd(of(10, 50), of(80, 400)), false, 'the live one fails as often');
  assert.equal(shouldEnd(of(10, 50), of(0, 0)), true, 'nothing to compare with');
});

test('only what the version itself did wrong counts against it', () => {
  assert.equal(failedOf(null, 200), false);
  assert.equal(failedOf(null, 404), false);
  assert.equal(failedOf(null, 500), true);
  assert.equal(failedOf(THREW, 502), true);
  assert.equal(failedOf(new Fault('TIMED_OUT', ''), 504), true);
  assert.equal(failedOf(new Fault('SANDBOX_RECYCLED', ''), 503), null);
  assert.equal(failedOf(new Fault('OVERLOADED', ''), 503), null);
  assert.equal(failedOf(new Fault('BODY_TOO_LARGE', ''), 413), null);
});

test('outcomes are forgotten after a minute', () => {
  const window = new OutcomeWindow();
  window.add(0, true);
  window.add(30_000, false);
  assert.deepEqual(window.read(59_000), { total: 2, failed: 1 });
  assert.deepEqual(window.read(61_000), { total: 1, failed: 0 });
  window.add(10_000_000, true);
  assert.deepEqual(window.read(10_000_000), { total: 1, failed: 1 });
});

interface Bench extends ControlParts {
  readonly canaries: Canaries;
  readonly written: string[];
  readonly live: FunctionVersion;
  readonly canary: FunctionVersion;
}

async function withCanary(): Promise<Bench> {
  const parts = createControlParts();
  await parts.deployer.deploy(deploymentOf('hello'), OPERATOR);
  await parts.deployer.deploy(deploymentOf('hello', { live: false }), OPERATOR);
  const at = { tenant: 'acme', name: 'hello', by: OPERATOR, revision: null };
  await parts.changes.setCanary(at, { number: 2, weight: 0.05 });
  const written: string[] = [];
  const canaries = new Canaries({
    ...parts,
    audit: { record: (entry) => void parts.audited.push(entry) },
    logs: { write: (_version, _invocation, { message }: LogEntry) => void written.push(message) },
    report: (error) => void parts.reported.push(error),
    nowMs: () => 1_000,
  });
  const { live, canary } = parts.routes.find('acme', 'hello')!;
  return { ...parts, canaries, written, live: live!, canary: canary!.version };
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('a canary that faults returns by itself, with a line in the log and in the audit', async () => {
  const { canaries, live, canary, routes, written, audited, functions } = await withCanary();
  for (let i = 0; i < 100; i++) canaries.observe(live, null, 200);
  for (let i = 0; i < 17; i++) canaries.observe(canary, null, 200);
  for (let i = 0; i < 2; i++) canaries.observe(canary, THREW, 502);
  await settled();
  assert.ok(routes.find('acme', 'hello')!.canary !== null);
  for (let i = 0; i < 5; i++) canaries.observe(canary, THREW, 502);
  await settled();
  assert.equal(routes.find('acme', 'hello')!.canary, null);
  assert.equal(routes.find('acme', 'hello')!.live, live);
  assert.equal((await functions.find('acme', 'hello'))!.canary, null);
  assert.deepEqual(written, [
    'The canary has ended: 3 of 20 requests of version 2 failed in the last minute, against 0 of 100 requests of version 1',
  ]);
  const entry = audited.at(-1)!;
  assert.deepEqual([entry.actor, entry.action, entry.details['version']], ['system', 'function.canary-end', 2]);
});

test('a canary that fails no more than the live version stays', async () => {
  const { canaries, live, canary, routes } = await withCanary();
  for (let i = 0; i < 100; i++) {
    canaries.observe(live, i % 5 === 0 ? THREW : null, 200);
    canaries.observe(canary, i % 5 === 0 ? THREW : null, 200);
  }
  await settled();
  assert.ok(routes.find('acme', 'hello')!.canary !== null);
});

test('an operator who promotes the canary meanwhile is not overruled, and a failing database is tried again', async () => {
  const { canaries, canary, functions, changes, reported, routes } = await withCanary();
  const gate = Promise.withResolvers<void>();
  functions.gates.set('change', gate.promise);
  for (let i = 0; i < 20; i++) canaries.observe(canary, THREW, 502);
  await settled();
  gate.reject(new Error('no database'));
  await settled();
  assert.match(String(reported[0]), /no database/);
  await changes.promote({ tenant: 'acme', name: 'hello', by: OPERATOR, revision: null }, null);
  canaries.observe(canary, THREW, 502);
  await settled();
  assert.equal(routes.find('acme', 'hello')!.live, canary);
});

test('a function without a canary costs a look-up', async () => {
  const { canaries, changes, routes } = await withCanary();
  await changes.setCanary({ tenant: 'acme', name: 'hello', by: OPERATOR, revision: null }, null);
  const { live } = routes.find('acme', 'hello')!;
  const startedMs = performance.now();
  for (let i = 0; i < 100_000; i++) canaries.observe(live!, null, 200);
  assert.ok(performance.now() - startedMs < 500);
});
