import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCall, makeVersion } from '../../support/calls.ts';
import { supervise } from './supervised.ts';

test('a call learns where it runs, and only the first one in a sandbox was a cold start', async (t) => {
  const { call, tier } = await supervise(t);
  const version = makeVersion('f', { limits: { concurrency: 1 } });
  const [first, second] = [makeCall(), makeCall()];
  const one = call(version, first);
  (await tier.running('f')).at(-1)?.reply();
  await one.outcome;
  const two = call(version, second);
  (await tier.running('f')).at(-1)?.reply();
  await two.outcome;
  assert.deepEqual([first.coldStart, second.coldStart], [true, false]);
  assert.deepEqual(second.place, { tier: tier.name, placement: 'local' });
  assert.equal(first.place, second.place, 'one object for all of them: a warm call allocates none');
});
