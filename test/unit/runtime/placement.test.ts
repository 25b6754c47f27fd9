import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../../../src/core/faults.ts';
import { tierOf, TIER_NAMES, TIER_WORDS, type TierName } from '../../../src/core/tier.ts';
import { placeAuto } from '../../../src/runtime/placement.ts';

const here = (...working: TierName[]) =>
  TIER_NAMES.map((name) => ({
    name,
    probe: working.includes(name)
      ? ({ works: true, detail: '' } as const)
      : ({ works: false, reason: `no ${name} here`, cure: 'none' } as const),
  }));

test('auto is another host where one is configured, then isolate, then wasm, and never the soft wall', () => {
  assert.equal(placeAuto(here('wasm', 'isolate', 'worker', 'remote')).tier, 'remote');
  assert.equal(placeAuto(here('wasm', 'isolate', 'worker')).tier, 'isolate');
  assert.equal(placeAuto(here('wasm', 'worker')).tier, 'wasm');
  assert.throws(
    () => placeAuto(here('worker')),
    (fault: Fault) => fault.code === 'TIER_UNAVAILABLE' && /no isolate here/.test(fault.message),
  );
});

test('seed 002’s names of providers are names of tiers', () => {
  assert.deepEqual(
    ['remote-http', 'bun-worker', 'quickjs', 'isolate', 'auto'].map((word) => tierOf(word as 'auto')),
    ['remote', 'worker', 'wasm', 'isolate', 'auto'],
  );
  for (const word of TIER_WORDS) assert.ok(word === 'auto' || (TIER_NAMES as readonly string[]).includes(tierOf(word)));
  for (const name of TIER_NAMES) assert.ok(TIER_WORDS.includes(name));
});
