import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Route } from '../../../src/core/route.ts';
import { FN, targetOf } from '../../../src/gateway/entry.ts';
import type { Site } from '../../../src/gateway/origin.ts';
import { versionFor, type Routing } from '../../../src/gateway/routing.ts';
import { routeTo, someVersion } from '../../support/gateway.ts';

const versions = [1, 2, 3, 4].map((number) => someVersion('hello', { number, key: `default/hello@${number}` }));
const [first, second, third, fourth] = versions as [FunctionVersion, FunctionVersion, FunctionVersion, FunctionVersion];

const site = (change: Partial<Site> = {}): Site => ({
  host: 'x.example',
  isOperator: false,
  tenant: 'default',
  domain: 'x.example',
  ...change,
});

function routing(route: Route, change: Partial<Routing> = {}): Routing {
  return {
    routes: {
      find: (tenant, name) => (tenant === route.tenant && name === route.name ? route : undefined),
      domain: (host) => (host === route.publicDomain ? route : undefined),
    },
    versionOf: async () => null,
    isSuspended: () => false,
    ...change,
  };
}

const pick = (url: string, table: Routing, from: Site = site()): FunctionVersion | Promise<FunctionVersion> =>
  versionFor(from, targetOf(url, FN), table);

test('without a label the live version answers, and without a live one nothing is there', () => {
  assert.equal(pick('/fn/hello', routing(routeTo(third))), third);
  assert.throws(() => pick('/fn/hello', routing(routeTo(null))), { code: 'NOT_FOUND', message: /no live version/ });
  assert.throws(() => pick('/fn/other', routing(routeTo(third))), { code: 'NOT_FOUND' });
});

test('a label finds an alias, the live version, the canary, and what an alias names, all without a promise', () => {
  const table = routing(
    routeTo(third, { canary: { version: fourth, weight: 0 }, aliases: new Map([['next', second]]) }),
  );
  assert.equal(pick('/fn/hello@next', table), second);
  assert.equal(pick('/fn/hello@3', table), third);
  assert.equal(pick('/fn/hello@4', table), fourth);
  assert.equal(pick('/fn/hello@2', table), second);
});

test('any other number is looked up, and must be that function’s', async () => {
  const table = routing(routeTo(third), { versionOf: async (_, __, number) => (number === 1 ? first : null) });
  assert.equal(await pick('/fn/hello@1', table), first);
  await assert.rejects(async () => pick('/fn/hello@7', table), { code: 'NOT_FOUND', message: /no version "7"/ });
  const foreign = routing(routeTo(third), { versionOf: async () => someVersion('hello', { tenant: 'rival' }) });
  await assert.rejects(async () => pick('/fn/hello@1', foreign), { code: 'NOT_FOUND' });
});

test('a label that is neither is not looked up anywhere', () => {
  const table = routing(routeTo(third), { versionOf: () => assert.fail('looked up') });
  for (const label of ['', 'nope', '0', '-1', '1e3', '03', '1'.repeat(10), '__proto__', 'a'.repeat(1_000)])
    assert.throws(() => pick(`/fn/hello@${label}`, table), { code: 'NOT_FOUND' }, label);
});

test('a canary takes its share', () => {
  const share = (weight: number): number => {
    const table = routing(routeTo(first, { canary: { version: second, weight } }));
    return Array.from({ length: 2_000 }, () => pick('/fn/hello', table)).filter((version) => version === second).length;
  };
  assert.equal(share(0), 0);
  assert.equal(share(1), 2_000);
  const quarter = share(0.25);
  assert.ok(quarter > 350 && quarter < 650, String(quarter));
});

test('what waits for a review does not run, by no label either', () => {
  const table = routing(routeTo(third, { active: false, aliases: new Map([['next', second]]) }));
  for (const url of ['/fn/hello', '/fn/hello@3', '/fn/hello@next', '/fn/hello@99'])
    assert.throws(() => pick(url, table), { code: 'CONFLICT', message: /waits for an admin's review/ });
});

test('nothing of a suspended tenant runs', () => {
  assert.throws(() => pick('/fn/hello', routing(routeTo(third), { isSuspended: (tenant) => tenant === 'default' })), {
    code: 'TENANT_SUSPENDED',
  });
});

test('a function’s own domain leads to it, whoever’s it is, and to no other', () => {
  const live = someVersion('hello', { tenant: 'acme' });
  const table = routing(routeTo(live, { publicDomain: 'shop.example' }));
  const own = site({ domain: 'shop.example' });
  assert.equal(pick('/fn/hello', table, own), live);
  assert.throws(() => pick('/fn/hello', table), { code: 'NOT_FOUND' });
  const other = { ...table, routes: { ...table.routes, find: () => routeTo(someVersion('other')) } };
  assert.throws(() => pick('/fn/other', other, own), { code: 'NOT_FOUND' });
});
