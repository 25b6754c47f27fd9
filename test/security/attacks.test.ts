/** Every attack that `cordon attest` makes, as a test of its own, against a server with this machine's best wall. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ATTACK_CLASSES } from '../../src/attest/attack.ts';
import { ATTACKS } from '../../src/attest/attacks.ts';
import { startPrivateServer, type PrivateServer } from '../../src/attest/private-server.ts';
import type { Outcome, Report } from '../../src/attest/report.ts';
import { runSuite } from '../../src/attest/suite.ts';

/** The suite takes minutes; `cordon attest` runs it by itself. */
const skip =
  process.env['CORDON_TEST_ATTACKS'] === '1'
    ? false
    : 'set CORDON_TEST_ATTACKS=1 to run all attacks, or `cordon attest`';
const LAUNCHER = fileURLToPath(new URL('../../bin/cordon.js', import.meta.url));
/** Each waits for its turn among all of them. */
const TIMEOUT_MS = 900_000;

let server: PrivateServer;
let report: Promise<Report>;
/** By name: its outcome in every tier, once it is known in all. */
const outcomes = new Map(ATTACKS.map(({ name }) => [name, Promise.withResolvers<Outcome[]>()]));

before(async () => {
  if (skip !== false) return;
  server = await startPrivateServer({ command: [process.execPath, LAUNCHER, 'serve'], env: process.env });
  const { url, operatorToken } = server;
  const seen = new Map<string, Outcome[]>();
  report = runSuite({
    attacks: ATTACKS,
    server: { url, operatorToken, own: server },
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
after(() => (skip === false ? server.close() : undefined));

for (const className of ATTACK_CLASSES) {
  suite(className, () => {
    for (const { name } of ATTACKS.filter((attack) => attack.class === className))
      test(name, { timeout: TIMEOUT_MS, skip }, async () => {
        for (const { outcome, tier, evidence } of (await outcomes.get(name)?.promise) ?? [])
          assert.notEqual(outcome, 'broken', `${tier ?? 'the server'}: ${evidence}`);
      });
  });
}

test('the server runs on, without having grown', { timeout: TIMEOUT_MS, skip }, async () => {
  const { bars } = await report;
  for (const { name, held, seen } of bars) if (/runs|grows/.test(name)) assert.ok(held, `${name}: ${seen}`);
});

test('the victim was answered all the while', { timeout: TIMEOUT_MS, skip }, async () => {
  const { victim } = await report;
  assert.ok(victim.requests > 0);
  assert.ok(victim.successRate >= 0.999, `${victim.successRate}: ${victim.failures.join('; ')}`);
});
