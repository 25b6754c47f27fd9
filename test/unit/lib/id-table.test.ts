import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdTable } from '../../../src/lib/id-table.ts';

test('it holds what a Map would, whatever comes and goes', () => {
  const table = new IdTable<string>();
  const map = new Map<number, string>();
  let seed = 42;
  const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  for (let id = 1; id < 20_000; id++) {
    table.set(id, `v${id}`);
    map.set(id, `v${id}`);
    while (map.size > random(70)) {
      const gone = [...map.keys()][random(map.size)] as number;
      assert.equal(table.delete(gone), map.delete(gone));
    }
    const asked = id - random(80);
    assert.equal(table.get(asked), map.get(asked));
    assert.equal(table.has(asked), map.has(asked));
    assert.equal(table.size, map.size);
  }
  assert.deepEqual(table.values().toSorted(), [...map.values()].toSorted());
  assert.equal(table.oldest(), map.get(Math.min(...map.keys())));
});

test('the largest numbers, a value put twice, and 0, which nobody has', () => {
  const table = new IdTable<string>();
  table.set(0xffffffff, 'last');
  table.set(0xffffffff, 'again');
  assert.deepEqual([table.size, table.get(0xffffffff), table.get(0), table.has(15)], [1, 'again', undefined, false]);
  assert.deepEqual([table.delete(0), table.delete(7), table.delete(0xffffffff), table.size], [false, false, true, 0]);
  table.set(1, 'one');
  table.clear();
  assert.deepEqual([table.size, table.get(1), table.oldest(), table.values()], [0, undefined, undefined, []]);
});
