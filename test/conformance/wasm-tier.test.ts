import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Artifact } from '../../src/core/function.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Executor } from '../../src/core/tier.ts';
import { createWasmTier } from '../../src/tiers/wasm/wasm-tier.ts';
import { makeVersion } from '../support/calls.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { NOT_BEGUN, OpenSandbox } from '../support/sandbox.ts';
import { startWasmTier } from '../support/wasm-tier.ts';
import { testCapabilities } from './capabilities.ts';
import { testTier } from './tier.ts';

for (const wall of ['bwrap', 'unshare', 'none'] as const)
  testTier(`the wasm tier behind ${wall}`, (capabilities) => startWasmTier(wall, capabilities));
testCapabilities('the wasm tier behind bwrap', (capabilities) => startWasmTier('bwrap', capabilities));

test('without a wall it is refused, unless that was asked for', async () => {
  const wallProbes = [{ name: 'bwrap', works: false, reason: 'not here', cure: 'install it' }] as const;
  const tier = createWasmTier({ wall: null, wallProbes, cacheDir: '/nowhere' });
  const probe = await tier.probe();
  assert.ok(!probe.works);
  assert.match(`${probe.reason} ${probe.cure}`, /bwrap: not here.*ALLOW_WASM_WITHOUT_OS_WALL/);
  await assert.rejects(tier.spawn(), { code: 'TIER_UNAVAILABLE' });
});

describe('a wasm executor', () => {
  let subject: TierUnderTest;
  let executor: Executor;
  before(async () => {
    subject = await startWasmTier('bwrap');
    executor = await subject.tier.spawn();
    executor.listen({
      onExit: () => undefined,
      onBroken: () => undefined,
      onOverrun: () => undefined,
      onLog: () => undefined,
    });
  });
  after(async () => {
    await executor?.kill('the suite is over');
    await subject?.close();
  });

  let count = 0;
  const open = (code: string, limits: Partial<Limits> = {}): OpenSandbox => {
    const artifact: Artifact = { format: 'source', code: Buffer.from(code), cache: null, interleaves: false };
    const size = { concurrency: 64, memoryMb: 64, ...limits };
    return new OpenSandbox(executor, makeVersion(`w${++count}`, { artifact, tier: 'wasm', limits: size }));
  };

  test('more versions than it has threads wait at the same time, and more calls of one', async () => {
    const code = `export default { fetch: async (r) => { await new Promise((d) => setTimeout(d, 300)); return new Response(r.url.slice(-1)); } }`;
    const versions = Array.from({ length: 20 }, () => open(code));
    const answers = await Promise.all(
      versions.flatMap((version, i) => [
        version.call({ url: `http://localhost/${i % 10}` }),
        version.call({ url: `http://localhost/${(i + 1) % 10}` }),
      ]),
    );
    assert.deepEqual(
      answers.map(({ body }) => Number(body)),
      versions.flatMap((_, i) => [i % 10, (i + 1) % 10]),
    );
  });

  test('a call behind one that never yields is served when that one’s time is up', async () => {
    const opened = open(
      `export default { fetch(r) { if (r.url.endsWith('stuck')) for (;;); return new Response('served'); } }`,
      { timeoutMs: 5_000, cpuMs: 500 },
    );
    const stuck = opened.fault({ url: 'http://localhost/stuck' });
    const behind = opened.call();
    const { code, details } = await stuck;
    assert.deepEqual([code, details.limit], ['TIMED_OUT', 'cpu-ms=500']);
    assert.equal((await behind).body, 'served');
  });

  test('a version that comes while every thread is stuck is served all the same', async () => {
    const stuck = Array.from({ length: 10 }, () =>
      open(`export default { fetch() { const n = 10n ** 300000n; for (;;) n.toString(); } }`, { timeoutMs: 1_000 }),
    );
    const faults = stuck.map((one) => one.fault());
    const late = Array.from({ length: 6 }, (_, i) => open(`return new Response('late ${i}')`));
    const answers = await Promise.all(late.map((one) => one.call().catch((error: Error) => error.message)));
    // A call that had not begun is told so, and sent again by the host.
    for (const [i, answer] of answers.entries())
      assert.match(typeof answer === 'string' ? answer : answer.body, new RegExp(`^late ${i}$|${NOT_BEGUN}`));
    for (const fault of await Promise.all(faults)) assert.match(fault.code, /^(?:TIMED_OUT|SANDBOX_RECYCLED)$/);
    assert.equal((await (late[0] as OpenSandbox).call()).body, 'late 0');
  });

  test('modules, bodies and what does not parse are told apart', async () => {
    const bodyOf = async (code: string): Promise<string> => (await open(code).call()).body;
    assert.equal(
      await bodyOf(`const x = await Promise.resolve('top'); export default { fetch: () => new Response(x) }`),
      'top',
    );
    assert.equal(await bodyOf(`exports.handler = () => ({ statusCode: 200, body: 'common' })`), 'common');
    assert.equal(await bodyOf(`return new Response('a body')`), 'a body');
    assert.equal((await open('this is no code').fault()).code, 'COMPILE_FAILED');
    const waiting = await open(`await new Promise(() => {}); export default 1`).fault();
    assert.match(`${waiting.code} ${waiting.message}`, /LOAD_FAILED Top-level await/);
    const importing = await open(`import x from 'somewhere'; export default x`).fault();
    assert.match(`${importing.code} ${importing.message}`, /LOAD_FAILED.*somewhere/);
  });

  test('a stack shows the author’s own lines, at their columns', async () => {
    const { details } = await open(
      `\n  const deep = () => { throw new RangeError('too deep'); };\n  return deep();`,
    ).fault();
    assert.match(
      String(details.stack),
      /^RangeError: too deep\n\s+at deep \(function\.js:2:\d+\)\n[\s\S]*function\.js:3:\d+/,
    );
    assert.doesNotMatch(String(details.stack), /cordon:/);
  });

  test('its memory comes back when versions are closed', async () => {
    const startBytes = executor.usage()?.rssBytes ?? 0;
    for (let round = 0; round < 3; round++) {
      const versions = Array.from({ length: 15 }, () => open(`return new Response('x')`));
      await Promise.all(versions.map((version) => version.call()));
      for (const { sandbox } of versions) sandbox.close();
    }
    const grown = (executor.usage()?.rssBytes ?? 0) - startBytes;
    assert.ok(grown < 250e6, `${Math.round(grown / 1e6)} MB`);
  });
});
