import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageOf, restoreImage } from '../../../../src/guest/quickjs/memory-image.ts';

const SIZE = 64 * 1024;
const REGISTERS = { pages: 1, stackPointer: 1, runtime: 2, context: 3 };
const allocate = (length: number): Uint8Array => new Uint8Array(length);

test('an image holds what is not zero, to the bit, and nothing else', () => {
  const memory = new Uint8Array(SIZE);
  memory[5_000] = 1;
  new DataView(memory.buffer).setFloat64(20_480, -0);
  new DataView(memory.buffer).setFloat64(40_960, NaN);
  const { runs, bytes } = imageOf(memory, REGISTERS, allocate);
  assert.deepEqual(runs, [
    [4_096, 4_096],
    [20_480, 4_096],
    [40_960, 4_096],
  ]);
  assert.equal(bytes.length, 3 * 4_096);
});

test('restored over anything, a memory is what it was', () => {
  const memory = new Uint8Array(SIZE);
  for (let i = 0; i < SIZE; i += 3_001) memory[i] = (i % 255) + 1;
  memory.fill(0, 10_000, 30_000);
  const image = imageOf(memory, REGISTERS, allocate);
  const other = new Uint8Array(SIZE).fill(77);
  restoreImage(image, other, { from: 0, to: SIZE });
  assert.deepEqual(other, memory);
});

test('only what may be dirty is cleared', () => {
  const image = imageOf(new Uint8Array(SIZE), REGISTERS, allocate);
  const other = new Uint8Array(SIZE).fill(77);
  restoreImage(image, other, { from: 1_000, to: 2_000 });
  assert.deepEqual([other[999], other[1_000], other[1_999], other[2_000]], [77, 0, 0, 77]);
});

test('an image over another holds what differs, and gives all', () => {
  const first = new Uint8Array(SIZE).fill(3, 0, 30_000);
  const under = imageOf(first, REGISTERS, allocate);
  const second = new Uint8Array(2 * SIZE);
  second.set(first);
  second.fill(0, 8_192, 12_288);
  second[SIZE + 5] = 9;
  const image = imageOf(second, REGISTERS, allocate, under);
  assert.equal(image.bytes.length, 2 * 4_096);
  const restored = new Uint8Array(2 * SIZE).fill(77);
  restoreImage(image, restored, { from: 0, to: 2 * SIZE });
  assert.deepEqual(restored, second);
});
