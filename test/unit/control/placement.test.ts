import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployer, DeployerOptions } from '../../../src/control/deployer.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { TIER_NAMES, type TierWord } from '../../../src/core/tier.ts';
import { createControlParts, deploymentOf } from './control-server.ts';

const TIERS = TIER_NAMES.map((name) => ({
  name,
  isLocal: name !== 'remote',
  probe: { works: true, detail: '' } as const,
}));

/** The deployer of the other tests, with a selector. */
function deployerWith(change: Partial<DeployerOptions>): Deployer {
  return createControlParts(undefined, { tiers: TIERS, ...change }).deployer;
}

test('auto is resolved when a version is made, kept with it, and explained in the log of the deployment', async () => {
  const lines: string[] = [];
  const deployer = deployerWith({ placeAuto: () => ({ tier: 'wasm', why: 'the test says so' }) });
  const { added } = await deployer.deploy(deploymentOf('hello', { tier: 'auto' }), OPERATOR, (phase, line) =>
    lines.push(`${phase}: ${line}`),
  );
  assert.equal(added.tier, 'wasm');
  assert.equal(lines[0], 'build: tier auto: wasm, because the test says so');
});

test('a wall that is named is that wall, and the operator’s default may be auto', async () => {
  const placeAuto = () => ({ tier: 'isolate', why: 'it is best' }) as const;
  const deployer = deployerWith({ placeAuto, defaultTier: 'auto' });
  const tierOf = async (tier?: TierWord) =>
    (await deployer.deploy(deploymentOf('hello', tier === undefined ? {} : { tier }), OPERATOR)).added.tier;
  assert.deepEqual(
    [await tierOf(), await tierOf('quickjs'), await tierOf('bun-worker'), await tierOf('remote-http')],
    ['isolate', 'wasm', 'worker', 'remote'],
  );
});

test('where auto finds no wall nothing is deployed', async () => {
  await assert.rejects(deployerWith({}).deploy(deploymentOf('hello', { tier: 'auto' }), OPERATOR), {
    code: 'TIER_UNAVAILABLE',
  });
});

test('another host holds its own walls against what a version asks for', async () => {
  const deployer = deployerWith({ wallLacks: () => ['anything'] });
  const wanting = (tier: TierWord) => deploymentOf('hello', { tier, minimumWall: 'namespaces' });
  await assert.rejects(deployer.deploy(wanting('isolate'), OPERATOR), { code: 'TIER_UNAVAILABLE' });
  assert.equal((await deployer.deploy(wanting('remote'), OPERATOR)).added.minimumWall, 'namespaces');
});
