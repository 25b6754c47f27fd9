import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  placementOf,
  requirePlace,
  versionWarning,
  type PlacementRules,
  type TierRule,
} from '../../../src/control/version-placement.ts';
import type { Deployment } from '../../../src/core/deployment.ts';

const works = { works: true, detail: '' } as const;
const TIERS: readonly TierRule[] = [
  { name: 'isolate', probe: works },
  { name: 'wasm', probe: works, runtimes: ['javascript'] },
  { name: 'container', probe: works, runtimes: ['javascript', 'python'] },
  { name: 'microvm', probe: { works: false, reason: 'there is no KVM', cure: 'Use container' }, runtimes: ['python'] },
];
const RULES: PlacementRules = { defaultTier: 'isolate', tiers: TIERS };

const deployment = (change: Partial<Deployment> = {}): Deployment => {
  const { entry = 'main.py' } = change;
  return { tenant: 'acme', name: 'hello', files: new Map([[entry, Buffer.from('')]]), entry, ...change };
};

suite('the language of a function is', () => {
  test('what the name of its entry says', () => {
    assert.equal(placementOf(deployment(), RULES).runtime, 'python');
    for (const entry of ['index.ts', 'main.js', 'py', 'main.pyc.mjs'])
      assert.equal(placementOf(deployment({ entry }), RULES).runtime, 'javascript');
  });

  test('refused where what is said is not what is there', () => {
    assert.throws(() => placementOf(deployment({ runtime: 'node22' }), RULES), {
      code: 'BAD_REQUEST',
      message: /^runtime: node22 starts from a file that ends with \.js.*"main\.py"/,
    });
    assert.throws(() => placementOf(deployment({ runtime: 'python', entry: 'index.ts' }), RULES), {
      code: 'BAD_REQUEST',
    });
    assert.throws(() => placementOf(deployment({ handlerKind: 'script' }), RULES), {
      code: 'BAD_REQUEST',
      message: /^handlerKind: /,
    });
  });
});

suite('a Python function goes', () => {
  const tierOf = (change: Partial<Deployment>, rules: Partial<PlacementRules> = {}): unknown =>
    placementOf(deployment(change), { ...RULES, ...rules }).tier;

  test('to a container, whatever the default is for JavaScript', () => {
    assert.equal(tierOf({}), 'container');
    assert.equal(tierOf({ entry: 'index.ts' }), 'isolate');
  });

  test('to the default tier where that has it', () => {
    const remote: TierRule = { name: 'remote', probe: works, runtimes: ['javascript', 'python'] };
    assert.equal(tierOf({}, { defaultTier: 'remote', tiers: [...TIERS, remote] }), 'remote');
  });

  test('by auto, to what works and has it', () => {
    const placeAuto = () => ({ tier: 'isolate', why: 'it is best' }) as const;
    assert.equal(tierOf({ tier: 'auto' }, { placeAuto }), 'container');
    assert.equal(tierOf({ tier: 'auto', entry: 'a.ts' }, { placeAuto }), 'isolate');
  });

  test('to no other wall than the one that was named', () => {
    const placed = placementOf(deployment({ tier: 'wasm' }), RULES);
    assert.throws(() => requirePlace(placed, null, RULES), {
      code: 'TIER_UNAVAILABLE',
      message: 'The tier wasm has no Python; it runs in: container',
    });
    const none = { ...RULES, tiers: TIERS.slice(0, 2) };
    assert.throws(() => requirePlace(placed, null, none), { message: /no tier on this machine has it/ });
    assert.throws(() => requirePlace(placementOf(deployment(), none), null, none), { code: 'TIER_UNAVAILABLE' });
    assert.throws(() => requirePlace(placementOf(deployment({ tier: 'microvm' }), RULES), null, RULES), {
      message: /there is no KVM\. Use container/,
    });
  });
});

suite('a version that was wished for', () => {
  const machine: PlacementRules = {
    ...RULES,
    runtimeVersion: (runtime) => (runtime === 'python' ? '3.11.2' : '26.1.0'),
  };

  test('is not spoken of where it is there, or none was', () => {
    for (const word of ['python3.11', 'node26', 'python', 'node', 'javascript', undefined] as const)
      assert.equal(versionWarning(word, 'container', machine), null);
  });

  test('is missed with a word', () => {
    assert.equal(versionWarning('python3.9', 'container', machine), 'python3.9: this machine runs it on Python 3.11.2');
    assert.equal(versionWarning('node18', 'isolate', machine), 'node18: this machine runs it on Node 26.1.0');
    assert.match(versionWarning('python3.9', 'container', RULES)!, /may be another version/);
  });
});
