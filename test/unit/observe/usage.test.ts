import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunCounts } from '../../../src/core/usage.ts';
import { createUsage, OTHERS, sumOf } from '../../../src/observe/usage.ts';
import { makeVersion } from '../../support/calls.ts';

const HOUR_MS = 3_600_000;
const counts = (changes: Partial<RunCounts> = {}): RunCounts => ({
  invocations: 1,
  coldStarts: 0,
  wallMs: 0,
  cpuMs: 0,
  faults: null,
  ...changes,
});

test('what is added is counted for the function and its tenant alone', () => {
  const usage = createUsage();
  const version = makeVersion('a', { limits: { memoryMb: 128 } });
  usage.add(version, counts({ wallMs: 500, cpuMs: 20, coldStarts: 1, faults: new Map([['HANDLER_THREW', 1]]) }));
  usage.add({ ...version, number: 2 }, counts({ wallMs: 1_500 }));
  usage.addEgress(version, 10, 20);
  usage.addFault(version, 'BODY_TOO_LARGE');
  usage.add(makeVersion('a', { tenant: 'other' }), counts());
  const [found, ...more] = usage.of('acme');
  assert.deepEqual(more, []);
  const { hours, ...totals } = found ?? assert.fail();
  assert.deepEqual(totals, {
    tenant: 'acme',
    name: 'a',
    invocations: 2,
    coldStarts: 1,
    wallMs: 2_000,
    cpuMs: 20,
    mbSeconds: 256,
    sentBytes: 10,
    receivedBytes: 20,
    faults: 2,
    faultsByCode: { HANDLER_THREW: 1, BODY_TOO_LARGE: 1 },
  });
  assert.equal(hours.length, 1);
  assert.equal(hours[0]?.mbSeconds, 256);
  assert.equal(sumOf(usage.all()).invocations, 3);
  assert.deepEqual(usage.of('nobody'), []);
});

test('hours are kept for a day, and a clock that is set back breaks nothing', (t) => {
  let nowMs = 1_000 * HOUR_MS + 5;
  t.mock.method(Date, 'now', () => nowMs);
  const usage = createUsage();
  for (let hour = 0; hour < 30; hour++) {
    usage.add(makeVersion('a'), counts());
    nowMs += HOUR_MS;
  }
  nowMs -= HOUR_MS;
  const hoursOf = (): number[] => usage.of('acme')[0]?.hours.map(({ timeMs }) => timeMs / HOUR_MS) ?? [];
  assert.deepEqual(
    hoursOf(),
    Array.from({ length: 24 }, (_, i) => 1_006 + i),
  );
  nowMs -= 10 * HOUR_MS;
  usage.add(makeVersion('a'), counts());
  assert.equal(usage.of('acme')[0]?.hours.at(-1)?.invocations, 2);
  nowMs += 33 * HOUR_MS;
  assert.deepEqual(hoursOf(), [1_029]);
  assert.equal(usage.of('acme')[0]?.invocations, 31);
});

test('more functions than are told apart are one, for each tenant', () => {
  const usage = createUsage({ maxFunctions: 3 });
  for (let i = 0; i < 10; i++) usage.add(makeVersion(`f${i}`), counts());
  usage.add(makeVersion('late', { tenant: 'other' }), counts());
  assert.deepEqual(
    usage.all().map(({ tenant, name, invocations }) => [tenant, name, invocations]),
    [
      ['acme', 'f0', 1],
      ['acme', 'f1', 1],
      ['acme', 'f2', 1],
      ['acme', OTHERS, 7],
      ['other', OTHERS, 1],
    ],
  );
});

test('a tenant that was erased is forgotten, and makes room', () => {
  const usage = createUsage({ maxFunctions: 1 });
  usage.add(makeVersion('a'), counts());
  usage.forget('acme');
  usage.forget('nobody');
  usage.add(makeVersion('b', { tenant: 'other' }), counts());
  assert.deepEqual(
    usage.all().map(({ name }) => name),
    ['b'],
  );
});
