/** Names to addresses: real queries to a name server of the test's own. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { NameCache } from '../../../src/egress/name-cache.ts';
import { Resolver } from '../../../src/egress/resolver.ts';
import type { Answer } from '../../../src/egress/resolver.ts';
import { startDnsServer } from '../../support/dns-server.ts';
import type { DnsServer, DnsStep } from '../../support/dns-server.ts';

interface Resolving extends AsyncDisposable {
  readonly dns: DnsServer;
  readonly resolver: Resolver;
}

async function startResolving(zone: Readonly<Record<string, readonly DnsStep[]>>): Promise<Resolving> {
  const dns = await startDnsServer();
  for (const [name, steps] of Object.entries(zone)) dns.set(name, steps);
  const resolver = new Resolver({ servers: [`127.0.0.1:${dns.port}`], timeoutMs: 200 });
  return {
    dns,
    resolver,
    [Symbol.asyncDispose]: async () => {
      resolver.close();
      await dns.close();
    },
  };
}

const failsWith = (message: RegExp) => (error: unknown) => {
  const { code, message: text } = error as { code: string; message: string };
  assert.equal(code, 'DNS_FAILED');
  assert.match(text, message);
  return true;
};

describe('the resolver', () => {
  test('gives the addresses of both families and the shortest TTL', async () => {
    await using world = await startResolving({ 'a.test': [{ a: ['1.2.3.4', '1.2.3.5'], aaaa: ['2600::1'], ttl: 30 }] });
    const { addresses, ttlSeconds } = await world.resolver.resolve('a.test');
    assert.deepEqual(addresses.toSorted(), ['1.2.3.4', '1.2.3.5', '2600::1']);
    assert.equal(ttlSeconds, 30);
  });

  test('follows an alias', async () => {
    await using world = await startResolving({ 'a.test': [{ cname: 'b.test', a: ['1.2.3.4'], ttl: 5 }] });
    assert.deepEqual((await world.resolver.resolve('a.test')).addresses, ['1.2.3.4']);
  });

  test('has enough of one family where the other does not answer', async () => {
    await using world = await startResolving({ 'a.test': [{ aaaa: ['2600::1'] }] });
    assert.deepEqual((await world.resolver.resolve('a.test')).addresses, ['2600::1']);
  });

  for (const [what, step, message] of [
    ['a name that does not exist', { rcode: 3 }, /^a\.test has no address$/],
    ['a name without an address', {}, /^a\.test has no address$/],
    ['a broken server', { rcode: 2 }, /^the name a\.test could not be resolved$/],
    ['a silent server', { silent: true }, /^the name a\.test could not be resolved$/],
  ] as const)
    test(`fails with ${what}`, async () => {
      await using world = await startResolving({ 'a.test': [step] });
      await assert.rejects(world.resolver.resolve('a.test'), failsWith(message));
    });

  for (const name of ['a..test', `${'a'.repeat(64)}.test`, 'a b.test', `${'a.'.repeat(200)}test`])
    test(`fails with what is no name: ${name.slice(0, 20)}`, async () => {
      await using world = await startResolving({});
      await assert.rejects(world.resolver.resolve(name), failsWith(/./));
    });

  test('asks the system’s hosts file first, where the servers are the system’s', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-hosts-'));
    try {
      const hostsFile = join(folder, 'hosts');
      writeFileSync(hostsFile, '# comment\n10.0.0.5 DB.internal db # own\n::5 db.internal\nnonsense x\n');
      const resolver = new Resolver({ hostsFile });
      assert.deepEqual((await resolver.resolve('db.internal')).addresses, ['10.0.0.5', '::5']);
      resolver.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the cache of names', () => {
  const ONE: Answer = { addresses: ['1.2.3.4'], ttlSeconds: 60 };

  test('keeps an answer that has a TTL', async () => {
    let asked = 0;
    const cache = new NameCache(() => Promise.resolve({ ...ONE, ttlSeconds: ++asked === 1 ? 60 : 0 }));
    await cache.lookup('a');
    await cache.lookup('a');
    assert.equal(asked, 1);
    await cache.lookup('b');
    await cache.lookup('b');
    assert.equal(asked, 3, 'an answer without a TTL is not kept');
  });

  test('asks once for all who ask at once', async () => {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const cache = new NameCache(() => (asked++, promise));
    const all = Promise.all([cache.lookup('a'), cache.lookup('a'), cache.lookup('a')]);
    resolve(ONE);
    await all;
    assert.equal(asked, 1);
  });

  test('does not keep a failure', async () => {
    let asked = 0;
    const cache = new NameCache(() => (asked++ === 0 ? Promise.reject(new Error('no')) : Promise.resolve(ONE)));
    await assert.rejects(cache.lookup('a'));
    assert.deepEqual(await cache.lookup('a'), ONE);
  });

  test('is bounded', async () => {
    let asked = 0;
    const cache = new NameCache(() => (asked++, Promise.resolve(ONE)));
    for (let name = 0; name < 1000; name++) await cache.lookup(String(name));
    await cache.lookup('0');
    assert.equal(asked, 1001);
    await cache.lookup('999');
    assert.equal(asked, 1001);
  });
});
