/**
 * The guest's side of the wall, fuzzed: a function calls everything that it can reach with values of an attacker's choice,
 * for a bounded time. Its executor must keep the protocol, and answer the next call.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from '../support/calls.ts';
import { startIsolateTier } from '../support/isolate-tier.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { OpenSandbox } from '../support/sandbox.ts';

const ROUNDS = Number(process.env['CORDON_FUZZ_ROUNDS'] ?? 6);
const SEED = Number(process.env['CORDON_TEST_SEED'] ?? Date.now() % 1_000_000);
const TIMEOUT_MS = 3_000;

let subject: TierUnderTest;
let executor: Executor;
const broken: string[] = [];
before(async () => {
  subject = await startIsolateTier('bwrap');
  executor = await subject.tier.spawn();
  executor.listen({
    onExit: () => undefined,
    onBroken: (reason) => broken.push(reason),
    onOverrun: (version) => broken.push(`${version.key} did not end`),
    onLog: () => undefined,
  });
});
after(async () => {
  await executor.kill('the tests are over');
  await subject.close();
});

/** Runs inside: `seed` decides everything, and a stop in good time leaves the executor alone. */
const FUZZER = `
const { apply, construct, ownKeys } = Reflect, stringify = String, Res = Response;
function fuzz(seed, count, given) {
  let state = seed, calls = 0;
  const random = (below) => { state = (state + 0x6d2b79f5) | 0; let t = Math.imul(state ^ (state >>> 15), 1 | state); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) % below; };
  const pick = (from) => from[random(from.length)];
  const hostile = [undefined, null, 0, -1, NaN, 2 ** 31, 2 ** 53, 1n, '', 'x', '\\0', '\\ud800', '__proto__', 'http://127.0.0.1:1/', 'x'.repeat(5000), Symbol('s'), Symbol.iterator, [], [[]], {}, () => {}, class {}, new Proxy({}, { get() { throw 1; } }), Object.create(null), new Uint8Array(8), new ArrayBuffer(8), new Date(NaN), /x/g, new Map([[1, 2]]), { then(f) { f(1); } }, { get a() { throw 1; } }, { toString() { throw 1; } }, { [Symbol.toPrimitive]() { return {}; } }, { length: 1000 }, Promise.resolve(1), new Error('x'), ...given];
  const skipped = new Set(['globalThis', 'self', 'window', 'global']);
  const found = [];
  for (const name of ownKeys(globalThis)) { if (skipped.has(name)) continue; let value; try { value = globalThis[name]; } catch { continue; } if (typeof value === 'function' || (typeof value === 'object' && value !== null)) found.push(value); if (typeof value === 'function' && value.prototype) found.push(value.prototype); }
  for (const value of given) if (value && typeof value === 'object') found.push(value, Object.getPrototypeOf(value));
  // By number: the clock stands still while a turn lasts.
  for (let i = 0; i < count; i++) {
    const owner = pick(found);
    let target = owner;
    try {
      const keys = ownKeys(owner);
      if (keys.length > 0 && random(3) > 0) { const slot = Object.getOwnPropertyDescriptor(owner, pick(keys)); target = slot.value ?? slot.get ?? slot.set; }
      if (typeof target !== 'function') continue;
      if (/^(repeat|padStart|padEnd|fill|from|fromAsync|join|sort|indexOf|lastIndexOf|includes|copyWithin|reverse|unshift|splice|flat|toReversed|toSorted|toSpliced|with|concat|Array|wait|every|some|map|forEach|filter|find|findIndex|findLast|findLastIndex|reduce|reduceRight|keys|values|entries|push|pop|shift|slice|at|flatMap|toLocaleString|toString)$/.test(target.name) && random(20) > 0) continue;
      const args = Array.from({ length: random(4) }, () => pick(hostile));
      calls++;
      const value = random(3) === 0 ? construct(target, args) : apply(target, random(2) ? owner : pick(hostile), args);
      if (value && typeof value === 'object' && hostile.length < 300) hostile.push(value);
      if (typeof value?.then === 'function') apply(Promise.prototype.then, value, [() => {}, () => {}]);
    } catch {}
  }
  return calls;
}
export default { async fetch(request, env, ctx) {
  const [, seed] = /seed=(\\d+)/.exec(request.url) ?? [];
  if (seed === undefined) return new Res('calm');
  return new Res(stringify(fuzz(Number(seed), 4000, [request, env, ctx, new Response('x'), request.headers])));
} }`;

test(
  `whatever a function calls with whatever, its executor keeps the protocol (seed ${SEED})`,
  { timeout: 120_000 },
  async () => {
    const artifact = await subject.build(FUZZER);
    let calls = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const limits = { concurrency: 1, memoryMb: 128, timeoutMs: TIMEOUT_MS };
      const sandbox = new OpenSandbox(executor, makeVersion(`fuzzed${i}`, { artifact, limits }));
      const outcome = await sandbox.call({ url: `http://localhost/?seed=${SEED + i}` }).catch((fault: Error) => fault);
      if (!(outcome instanceof Error)) calls += Number(outcome.body);
      sandbox.sandbox.close();
      assert.deepEqual(broken, [], `in round ${i}`);
    }
    assert.ok(calls > 1_000, `only ${calls} calls came to an answer`);
    const calm = new OpenSandbox(executor, makeVersion('calm', { artifact, limits: { timeoutMs: TIMEOUT_MS } }));
    assert.equal((await calm.call()).body, 'calm');
  },
);
