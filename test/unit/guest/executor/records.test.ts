import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRecords } from '../../../../src/guest/executor/records.ts';

const bodiesOf = (drained: unknown[]): unknown[] => {
  const bodies: unknown[] = [];
  readRecords(drained, ({ body }) => bodies.push(body));
  return bodies;
};

test('bytes that are given twice, or in parts, are each record’s own', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const half = bytes.subarray(2);
  const bodies = bodiesOf(['2,1,0,-1;2,1,0,-2;2,1,0,-3;2,1,0,-1;', bytes, bytes, half]) as Uint8Array[];
  assert.deepEqual(
    bodies.map((body) => [...body]),
    [
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [3, 4],
      [1, 2, 3, 4],
    ],
  );
  assert.equal(new Set(bodies.map(({ buffer }) => buffer)).size, 4);
});

test('a body is text in the record, or text or bytes beside it', () => {
  assert.deepEqual(bodiesOf(['2,1,0,3;abc2,1,0,-1;2,1,0,0;2,1,0,-2;', 'beside', Uint8Array.of(7)]), [
    'abc',
    'beside',
    null,
    Uint8Array.of(7),
  ]);
  for (const missing of [[], [7], [{}], [new Uint16Array(1)]])
    assert.throws(() => bodiesOf(['2,1,0,-1;', ...missing]), { message: 'a record whose body is missing' });
});
