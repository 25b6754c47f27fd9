/**
 * Every attack that `cordon attest` makes, as a test of its own, against a server with this machine's best wall; and those
 * on the host again behind each other wall that stands here. `attest` makes them in every tier.
 */

import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ATTACK_CLASSES, type Attack } from '../../src/attest/attack.ts';
import { ATTACKS } from '../../src/attest/attacks.ts';
import { startPrivateServer, type PrivateServer } from '../../src/attest/private-server.ts';
import type { Outcome, Report } from '../../src/attest/report.ts';
import { runSuite } from '../../src/attest/suite.ts';
import { MB } from '../../src/core/limits.ts';
import type { TierName } from '../../src/core/tier.ts';
import { WALL_NAMES, type WallName } from '../../src/walls/wall.ts';
import { wallNamed } from '../unit/walls/guest.ts';

/** A tier joins by its name; each takes minutes. */
const TIERS: readonly TierName[] = ['isolate'];
const LAUNCHER = fileURLToPath(new URL('../../bin/cordon.js', import.meta.url));
/** Each waits for its turn among all of them, on a machine that may be busy. */
const TIMEOUT_MS = 1_800_000;
/** With other things, before the first attack. */
const WAS_BUSY = (loadavg()[0] as number) > availableParallelism();

let server: PrivateServer;
let report: Promise<Report>;
/** By name: its outcome in every tier, once it is known in all. */
const outcomes = new Map(ATTACKS.map(({ name }) => [name, Promise.withResolvers<Outcome[]>()]));

/** Where an attack is made: null is the server itself. */
const metBy = ({ tiers }: Pick<Attack, 'tiers'>): (TierName | null)[] =>
  tiers === null ? [null] : TIERS.filter((tier) => tiers.includes(tier));

const startServer = (wall: WallName | null): Promise<PrivateServer> =>
  startPrivateServer({
    command: [process.execPath, LAUNCHER, 'serve'],
    env: wall === null ? process.env : { ...process.env, CORDON_WALL: wall },
  });

before(async () => {
  server = await startServer(null);
  const { url, operatorToken } = server;
  const seen = new Map<string, Outcome[]>();
  report = runSuite({
    attacks: ATTACKS,
    server: { url, operatorToken, own: server },
    tiers: TIERS,
    onOutcome(outcome) {
      const own = [...(seen.get(outcome.name) ?? []), outcome];
      seen.set(outcome.name, own);
    },
  });
  const settle = (): void => {
    for (const [name, { resolve }] of outcomes) resolve(seen.get(name) ?? []);
  };
  report.then(settle, settle);
});
after(() => server.close());

for (const className of ATTACK_CLASSES) {
  suite(className, () => {
    for (const { name, tiers } of ATTACKS.filter((attack) => attack.class === className))
      test(name, { timeout: TIMEOUT_MS }, async () => {
        const own = (await outcomes.get(name)?.promise) ?? [];
        assert.deepEqual(new Set(own.map(({ tier }) => tier)), new Set(metBy({ tiers })), 'it was not made everywhere');
        for (const { outcome, tier, evidence } of own)
          assert.equal(outcome, 'held', `${tier ?? 'the server'}: ${evidence}`);
      });
  });
}

test(
  'the server runs on, in the process that it began in, and keeps no memory of what it held',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const { bars, rssGrowthBytes } = await report;
    for (const { name, held, seen } of bars) if (/runs/.test(name)) assert.ok(held, `${name}: ${seen}`);
    // `cordon attest` holds it to its bar, near which malloc's own store comes; a leak in hundreds of attacks is far larger.
    t.diagnostic(`it grew by ${Math.round((rssGrowthBytes ?? 0) / MB)} MB`);
    assert.ok((rssGrowthBytes ?? 0) < 192 * MB, `it grew by ${Math.round((rssGrowthBytes ?? 0) / MB)} MB`);
  },
);

test('the victim was answered all the while', { timeout: TIMEOUT_MS }, async (t) => {
  const { victim, calm, bars, durationMs } = await report;
  t.diagnostic(
    `${victim.requests} requests in ${Math.round(durationMs / 1000)} s; p99 ${victim.p99Ms} ms, without any attack ${calm.p99Ms} ms`,
  );
  assert.ok(victim.requests > 0);
  for (const { name, held, seen } of bars) {
    if (/answers/.test(name)) assert.ok(held, `${name}: ${seen}`);
    // Where others fill the processors too, how long an answer takes says little of the attacks.
    if (/within/.test(name) && !WAS_BUSY) assert.ok(held, `${name}: ${seen}`);
  }
});

for (const name of WALL_NAMES.filter((each) => each !== 'none')) {
  const wall = await wallNamed(name);
  const skip = typeof wall === 'string' && wall;
  test(`every attack on the host is held behind ${name}`, { timeout: TIMEOUT_MS, skip }, async () => {
    const best = await report;
    if (best.wall === name) return;
    await attackHost(
      name,
      ATTACKS.filter((attack) => attack.class === 'host'),
    );
  });
}

async function attackHost(wall: WallName, attacks: readonly Attack[]): Promise<void> {
  const own = await startServer(wall);
  try {
    const { url, operatorToken } = own;
    const made = await runSuite({ attacks, server: { url, operatorToken, own }, tiers: TIERS });
    assert.equal(made.wall, wall);
    const broken = made.outcomes.filter(({ outcome }) => outcome !== 'held');
    assert.deepEqual(
      broken.map(({ name, evidence }) => `${name}: ${evidence}`),
      [],
    );
    assert.equal(made.outcomes.length, attacks.flatMap(metBy).length);
  } finally {
    await own.close();
  }
}
