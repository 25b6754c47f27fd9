import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Assembled } from '../../../src/control/assembler.ts';
import { SpareVersions } from '../../../src/control/spare-versions.ts';
import { makeVersion } from '../../support/calls.ts';

function spare(number: number, bytes = 10): Assembled {
  const artifact = { format: 'script', code: Buffer.alloc(bytes), cache: null, interleaves: true } as const;
  const version = makeVersion('hello', { number, artifact });
  const stored = { ...version, grant: null, codeBytes: bytes, createdBy: 'a', reviewed: true, createdMs: 0 };
  return { stored, version, digest: '' };
}

const NOTHING_DROPPED = (): void => assert.fail('nothing was to be dropped');

const BOUNDS = { maxVersions: 3, maxBytes: 100, maxAbsent: 2 };

test('a version is loaded once, however many ask for it', async () => {
  const spares = new SpareVersions(NOTHING_DROPPED);
  let loads = 0;
  const load = (): Promise<Assembled> => {
    loads += 1;
    return Promise.resolve(spare(1));
  };
  const all = await Promise.all([1, 2, 3].map(() => spares.get('acme/hello', 1, load)));
  assert.equal(new Set(all).size, 1);
  assert.equal(loads, 1);
});

test('the one that was used least recently makes room, by number and by size', async () => {
  const dropped: number[] = [];
  const spares = new SpareVersions(({ version }) => void dropped.push(version.number), BOUNDS);
  const get = (number: number, bytes?: number): Promise<Assembled | null> =>
    spares.get('acme/hello', number, () => Promise.resolve(spare(number, bytes)));
  for (const number of [1, 2, 3, 1, 4]) await get(number);
  assert.deepEqual(dropped, [2]);
  await get(5, 85);
  assert.deepEqual(dropped, [2, 3, 1]);
  await get(6, 500);
  assert.deepEqual(dropped, [2, 3, 1, 4, 5], 'the newest stays although it is too large for the others');
});

test('numbers that are not there are remembered, a few of them', async () => {
  const spares = new SpareVersions(NOTHING_DROPPED, BOUNDS);
  let loads = 0;
  const miss = (number: number): Promise<Assembled | null> =>
    spares.get('acme/hello', number, () => {
      loads += 1;
      return Promise.resolve(null);
    });
  for (const number of [1, 1, 2, 2, 3, 3]) assert.equal(await miss(number), null);
  assert.equal(loads, 3);
  await miss(1);
  assert.equal(loads, 4);
});

test('what fails to load is tried again', async () => {
  const spares = new SpareVersions(NOTHING_DROPPED);
  await assert.rejects(
    spares.get('acme/hello', 1, () => Promise.reject(new Error('no database'))),
    /no database/,
  );
  assert.equal((await spares.get('acme/hello', 1, () => Promise.resolve(spare(1))))?.version.number, 1);
});

test('what is taken while it loads is given to who waits, and not kept', async () => {
  const spares = new SpareVersions(NOTHING_DROPPED);
  const { promise, resolve } = Promise.withResolvers<Assembled>();
  const waiting = spares.get('acme/hello', 1, () => promise);
  assert.equal(spares.takeAll('acme/hello').size, 0);
  const old = spare(1);
  resolve(old);
  assert.equal(await waiting, old);
  const next = spare(1);
  assert.equal(await spares.get('acme/hello', 1, () => Promise.resolve(next)), next);
  assert.deepEqual([...spares.takeAll('acme/hello')], [[1, next]]);
});
