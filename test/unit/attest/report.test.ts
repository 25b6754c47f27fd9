import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allHeld, barsOf, countsOf, type Outcome } from '../../../src/attest/report.ts';

const summary = { requests: 10_000, successRate: 1, p50Ms: 1, p99Ms: 10, maxMs: 20, failures: [] };
const seen = { summary, calm: summary, rssGrowthBytes: 0, ended: undefined, isOwn: true };
const outcome: Outcome = { name: 'a', class: 'http', tier: null, outcome: 'held', evidence: '', tookMs: 1 };

test('each bar is held or broken by its own measure', () => {
  assert.ok(barsOf(seen).every(({ held }) => held));
  const broken = (more: object): string[] =>
    barsOf({ ...seen, ...more })
      .filter(({ held }) => !held)
      .map(({ name }) => name);
  assert.deepEqual(broken({ ended: 'SIGSEGV' }), ['the server runs on']);
  assert.deepEqual(broken({ rssGrowthBytes: 60 * 1024 * 1024 }), ['the server grows by at most 50 MB']);
  assert.deepEqual(broken({ summary: { ...summary, successRate: 0.99 } }), [
    'the victim answers 99.9 % of its requests',
  ]);
  assert.deepEqual(broken({ summary: { ...summary, p99Ms: 300 } }), ['99 % of them within 250 ms']);
  const busy = { ...summary, p99Ms: 200 };
  assert.deepEqual(broken({ calm: busy, summary: { ...summary, p99Ms: 600 } }), [], 'three times what is usual here');
  assert.deepEqual(broken({ calm: busy, summary: { ...summary, p99Ms: 601 } }), ['99 % of them within 600 ms']);
});

test('what can not be known of a server elsewhere is no bar', () => {
  assert.equal(barsOf({ ...seen, rssGrowthBytes: null, isOwn: false }).length, 2);
});

test('all is held when nothing was broken; what was skipped breaks nothing', () => {
  const bars = barsOf(seen);
  assert.ok(allHeld({ outcomes: [outcome, { ...outcome, outcome: 'skipped' }], bars }));
  assert.ok(!allHeld({ outcomes: [outcome, { ...outcome, outcome: 'broken' }], bars }));
  assert.ok(!allHeld({ outcomes: [outcome], bars: barsOf({ ...seen, ended: 1 }) }));
});

test('outcomes are counted by class', () => {
  assert.deepEqual(countsOf([outcome, { ...outcome, outcome: 'broken' }]), [
    { class: 'http', held: 1, broken: 1, skipped: 0 },
  ]);
});
