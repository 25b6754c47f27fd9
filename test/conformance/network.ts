/** Node's own clients, and undici's, in a tier that has a whole Node: all reach the outside through the host, unchanged. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Capabilities } from '../../src/core/capability.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from '../support/calls.ts';
import { startNetworkWorld, type NetworkWorld } from '../support/network-world.ts';
import { OpenSandbox } from '../support/sandbox.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';

export interface NetworkTraits {
  /** It has a loopback of its own, and starts programs. */
  readonly hasLoopback: boolean;
}

const FUNCTION = new URL('../fixtures/network/index.ts', import.meta.url);
const SECRET = { placeholder: 'CORDON_SECRET_KEY', value: 'sk-live-1' };

export function testNetwork(
  name: string,
  start: (capabilities: Capabilities) => Promise<TierUnderTest>,
  { hasLoopback }: NetworkTraits,
): void {
  describe(`the network of ${name}`, () => {
    let world: NetworkWorld;
    let subject: TierUnderTest;
    let executor: Executor;
    let opened: OpenSandbox;

    before(async () => {
      world = await startNetworkWorld();
      subject = await start(world.capabilities);
      executor = await subject.tier.spawn();
      executor.listen({
        onExit: () => undefined,
        onBroken: (reason) => assert.fail(reason),
        onOverrun: () => undefined,
        onLog: () => undefined,
      });
      opened = new OpenSandbox(
        executor,
        makeVersion('network', {
          tier: subject.tier.name,
          artifact: await subject.build(readFileSync(FUNCTION, 'utf8'), 'module', undiciFiles()),
          env: { PLACES: JSON.stringify(world.places), CA: world.ca, KEY: SECRET.placeholder },
          boundSecrets: [{ ...SECRET, hosts: [world.places.http] }],
          limits: { concurrency: 64, memoryMb: 128 },
        }),
      );
    });
    after(async () => {
      await executor?.kill('the tests are over');
      await subject?.close();
      await world?.[Symbol.asyncDispose]();
    });

    const found = async (which: string): Promise<unknown> => {
      const { status, body } = await opened.call({ url: `http://localhost/?case=${encodeURIComponent(which)}` });
      assert.equal(status, 200, body);
      return JSON.parse(body) as unknown;
    };

    test('node:http asks the host, which puts a secret in and sends no proxy’s header on', async () => {
      const [status, body] = (await found('plain')) as [number, string];
      assert.equal(status, 200);
      const { url, headers } = JSON.parse(body) as { url: string; headers: Record<string, string> };
      assert.deepEqual([url, headers['host'], headers['x-key']], ['/a?b=c', world.places.http, SECRET.value]);
      assert.equal('proxy-connection' in headers, false);
    });

    for (const [which, expected] of [
      ['secure and kept', [200, 200, 200]],
      ['upload', 5_000_000],
      ['http2', '2.0 /two'],
      ['tls', [true, '200']],
      ['bytes', 5_000_000],
      ['half closed', 'all that I say'],
      ['websocket', 'hi'],
      ['undici fetch', 200],
      ['undici request', [200, 'undici']],
      ['undici pool', 200],
    ] as const)
      test(`${which} works unchanged`, async () => assert.deepEqual(await found(which), expected));

    for (const which of ['plain by an agent', 'secure'])
      test(`${which} works unchanged`, async () => assert.equal(((await found(which)) as [number])[0], 200));

    test('a blocked place answers a plain request with 452', async () => {
      const [status, body] = (await found('blocked: plain')) as [number, string];
      assert.equal(status, 452);
      assert.match(body, /"code":"EGRESS_BLOCKED".*SSRF guard blocked outbound request to inner\.test/);
    });

    for (const which of ['blocked: secure', 'blocked: address', 'blocked: undici'])
      test(`a blocked place is an error that says so (${which})`, async () => {
        const refusals = world.refusals.length;
        const [code, message, status] = (await found(which)) as [string, string, number];
        assert.deepEqual([code, status], ['EGRESS_BLOCKED', 452]);
        assert.match(message, /SSRF guard blocked outbound request to /);
        assert.equal(world.refusals.length, refusals + 1);
      });

    test('a name that is none, a port that nobody listens on and a certificate of nobody’s are the errors they always were', async () => {
      assert.equal(((await found('no name')) as [string])[0], 'ENOTFOUND');
      assert.equal(((await found('nobody')) as [string])[0], 'ECONNREFUSED');
      assert.match(((await found('untrusted')) as [string])[0], /SELF_SIGNED|UNABLE_TO_VERIFY/);
    });

    test('names are resolved by the host, and whoever wants an address is told so', async () => {
      const [lookedUp, resolved, code, localhost, address] = (await found('names')) as [string, string][];
      assert.deepEqual([lookedUp?.[0], resolved?.[0], code], ['ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND']);
      assert.match(lookedUp?.[1] ?? '', /origin\.test: names are resolved by the host's proxy/);
      assert.deepEqual(localhost, [{ address: '127.0.0.1', family: 4 }]);
      assert.deepEqual(address, ['::1', 6]);
    });

    test('a connection outside of any invocation has nowhere to go', async () => {
      const [code, message] = (await found('at load')) as [string, string];
      assert.equal(code, 'ENETUNREACH');
      assert.match(message, /through the host, as by fetch\(\)/);
    });

    test('what an invocation leaves open closes with it', async () => {
      await found('left open');
      while (world.open.size > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    test('an invocation has so many connections and no more, and the next begins anew', async () => {
      const all = (await found('too many')) as string[];
      const refused = all.filter((each) => each !== 'connected');
      assert.equal(all.length - refused.length, 50);
      for (const message of refused) assert.match(message, /more than (?:50|64) /);
      assert.equal(await found('undici fetch'), 200);
    });

    for (const [client, answered] of [
      ['hold by http', 'inner'],
      ['hold by undici', 'undici'],
    ] as const)
      test(`an invocation that ends takes no connection from another (${client})`, async () => {
        world.forget('outer');
        const first = found('hold by fetch');
        const release = await world.held('outer');
        const second = found(client);
        const answer = await world.held(answered);
        release();
        assert.equal(await first, 'outer');
        answer();
        assert.match(JSON.stringify(await second), new RegExp(answered));
      });

    if (!hasLoopback) {
      test('this machine’s own addresses are as blocked as any other', async () => {
        assert.equal(((await found('loopback')) as [string])[0], 'EGRESS_BLOCKED');
      });
      return;
    }

    test('a server of the function’s own is reached directly', async () => {
      assert.deepEqual(await found('own server'), [
        [200, 'mine'],
        [200, 'mine'],
      ]);
    });

    for (const [which, expected] of [
      ['child: fetch', /^200 20000000\n$/],
      ['child: http', /^200\n$/],
      ['child: https', /^200\n$/],
      ['child: blocked http', /^452\n$/],
      ['child: blocked https', /452 SSRF guard blocked outbound request to inner\.test/],
      ['child: direct', /^ENETUNREACH\n$/],
    ] as const)
      test(`a program that the function starts goes through the host (${which})`, async () => {
        assert.match((await found(which)) as string, expected);
      });

    test('so does a thread that it starts', async () => assert.equal(await found('thread'), 200));
  });
}

/** The package as it is installed here, for the function to bring along. */
function undiciFiles(): Record<string, Uint8Array> {
  const root = new URL('../../node_modules/undici/', import.meta.url);
  const paths = readdirSync(fileURLToPath(root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.js$|^package\.json$/.test(entry.name))
    .map(({ parentPath, name }) => `${parentPath}/${name}`);
  const prefix = fileURLToPath(root);
  return Object.fromEntries(
    paths.map((path) => [`node_modules/undici/${path.replace(prefix, '').replace(/^\//, '')}`, readFileSync(path)]),
  );
}
