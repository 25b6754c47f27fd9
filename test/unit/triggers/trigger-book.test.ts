import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '../../../src/core/route.ts';
import { TokenBuckets } from '../../../src/triggers/token-buckets.ts';
import { TriggerBook } from '../../../src/triggers/trigger-book.ts';
import { makeVersion } from '../../support/calls.ts';

const route = (name: string, trigger: Route['trigger'], changes: Partial<Route> = {}): Route => ({
  tenant: 'acme',
  name,
  live: makeVersion(name),
  canary: null,
  aliases: new Map(),
  active: true,
  publicDomain: null,
  ...(trigger === undefined ? {} : { trigger }),
  ...changes,
});
const event = (pattern: string): Route['trigger'] => ({ kind: 'event', pattern });
const cron = (pattern: string): Route['trigger'] => ({ kind: 'cron', pattern });

const listeners = (book: TriggerBook, tenant = 'acme'): string[] =>
  ['x', 'x:1', 'y'].flatMap((channel) =>
    book.matching(tenant, channel).subscriptions.map(({ name, pattern }) => `${name} ${pattern} ${channel}`),
  );
const crons = (book: TriggerBook, tenant: string | null): string[] => [...book.crons(tenant)].map(({ name }) => name);

test('who is active and live listens, to what the last deployment says', () => {
  const book = new TriggerBook();
  book.set(route('a', event('x:*')));
  book.set(route('b', undefined));
  book.set(route('c', event('x'), { active: false }));
  book.set(route('d', event('x'), { live: null }));
  assert.deepEqual(listeners(book), ['a x:* x:1']);
  book.set(route('a', event('y')));
  assert.deepEqual(listeners(book), ['a y y']);
  book.set(route('a', cron('@daily')));
  assert.deepEqual([listeners(book), crons(book, 'acme')], [[], ['a']]);
  book.remove('acme', 'a');
  assert.deepEqual([listeners(book), crons(book, null)], [[], []]);
});

test('a tenant sees its own only', () => {
  const book = new TriggerBook();
  book.load([route('a', event('**')), route('a', cron('@daily'), { tenant: 'other' })]);
  assert.deepEqual(
    [listeners(book), listeners(book, 'other'), listeners(book, '__proto__')],
    [['a ** x', 'a ** x:1', 'a ** y'], [], []],
  );
  assert.deepEqual([crons(book, 'acme'), crons(book, 'other'), crons(book, null)], [[], ['a'], ['a']]);
  book.load([]);
  assert.deepEqual([listeners(book), crons(book, null)], [[], []]);
});

test('whoever waits for times is told of their changes alone', () => {
  const book = new TriggerBook();
  let told = 0;
  book.onCronChange(() => (told += 1));
  book.set(route('e', event('x')));
  book.remove('acme', 'e');
  assert.equal(told, 0);
  book.set(route('c', cron('@daily')));
  book.set(route('c', event('x')));
  book.set(route('c', cron('@hourly')));
  book.remove('acme', 'c');
  book.remove('acme', 'c');
  assert.equal(told, 4);
});

test('a bucket is full at first, empties, and fills evenly', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ limit: 10, windowSeconds: 1 }, () => nowMs);
  for (let i = 0; i < 10; i++) assert.equal(buckets.take('a'), 0);
  assert.equal(buckets.take('a'), 100);
  assert.equal(buckets.take('b'), 0);
  nowMs = 250;
  assert.deepEqual([buckets.take('a'), buckets.take('a'), buckets.take('a')], [0, 0, 50]);
  buckets.charge('b', 29);
  assert.equal(buckets.take('b'), 2_000);
  nowMs = 3_600_000;
  for (let i = 0; i < 10; i++) assert.equal(buckets.take('a'), 0);
  assert.equal(buckets.take('a'), 100);
});
