import assert from 'node:assert/strict';
import { test } from 'node:test';
import { highest, satisfies } from '../../../../src/guest/builder/version-range.ts';

/** Range → versions that it allows, and versions that it does not. */
const RANGES: Readonly<Record<string, readonly [allowed: string[], refused: string[]]>> = {
  '1.2.3': [
    ['1.2.3', '1.2.3+build'],
    ['1.2.4', '1.2.3-rc.1'],
  ],
  '=1.2.3': [['1.2.3'], ['1.2.2']],
  'v1.2.3': [['1.2.3'], ['2.0.0']],
  '1': [
    ['1.0.0', '1.9.9'],
    ['0.9.9', '2.0.0', '1.0.0-a'],
  ],
  '1.2': [['1.2.0', '1.2.9'], ['1.3.0']],
  '1.x': [['1.5.0'], ['2.0.0']],
  '*': [['0.0.1', '9.9.9'], ['1.0.0-beta']],
  '': [['1.0.0'], ['1.0.0-beta']],
  latest: [['1.0.0'], []],
  '^1.2.3': [
    ['1.2.3', '1.9.0'],
    ['1.2.2', '2.0.0', '2.0.0-rc.1'],
  ],
  '^0.2.3': [
    ['0.2.3', '0.2.9'],
    ['0.3.0', '0.2.2'],
  ],
  '^0.0.3': [['0.0.3'], ['0.0.4']],
  '^1': [['1.0.0', '1.9.9'], ['2.0.0']],
  '^0': [['0.0.1', '0.9.9'], ['1.0.0']],
  '^1.2.3-rc.1': [
    ['1.2.3-rc.2', '1.2.3', '1.3.0'],
    ['1.2.3-alpha', '1.3.0-rc.1'],
  ],
  '~1.2.3': [['1.2.3', '1.2.9'], ['1.3.0']],
  '~1': [['1.9.0'], ['2.0.0']],
  '>=1.2 <2': [
    ['1.2.0', '1.9.9'],
    ['1.1.9', '2.0.0'],
  ],
  '> 1.2.3': [['1.2.4'], ['1.2.3']],
  '>1.2': [['1.3.0'], ['1.2.9']],
  '<=1.2': [['1.2.9', '0.1.0'], ['1.3.0']],
  '1.0.0 - 2.0.0': [['1.0.0', '2.0.0'], ['2.0.1']],
  '^1 || ^3': [['1.5.0', '3.0.0'], ['2.0.0']],
  'not a range': [[], ['1.0.0']],
};

for (const [range, [allowed, refused]] of Object.entries(RANGES)) {
  test(`${range === '' ? 'an empty range' : range} allows what npm says it does`, () => {
    for (const version of allowed) assert.ok(satisfies(version, range), version);
    for (const version of refused) assert.ok(!satisfies(version, range), version);
  });
}

test('the highest is the highest by number, and a release comes after what led to it', () => {
  assert.equal(highest(['1.9.0', '1.10.0', '1.2.0'], '^1'), '1.10.0');
  assert.equal(highest(['1.0.0-rc.2', '1.0.0-rc.10', '1.0.0-rc'], '1.0.0-rc || ^1.0.0-rc'), '1.0.0-rc.10');
  assert.equal(highest(['2.0.0', 'no version'], '^1'), null);
});
