import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeBytes } from '../../../src/lib/free-bytes.ts';

const SIZE = 64 * 1024;

test('bytes that have their buffer to themselves are gone', () => {
  const bytes = new Uint8Array(SIZE);
  const view = new Uint8Array(bytes.buffer);
  freeBytes(bytes);
  assert.deepEqual([bytes.length, view.length, bytes.buffer.byteLength], [0, 0, 0]);
});

test('bytes that share a buffer, or are few, stay', () => {
  const whole = new Uint8Array(SIZE);
  freeBytes(whole.subarray(1));
  freeBytes(whole.subarray(0, SIZE / 2));
  assert.equal(whole.length, SIZE);
  const few = new Uint8Array(100);
  freeBytes(few);
  assert.equal(few.length, 100);
  const shared = new Uint8Array(new SharedArrayBuffer(SIZE));
  freeBytes(shared);
  assert.equal(shared.length, SIZE);
  freeBytes(Buffer.alloc(0));
});

test('it is freed at once: many times more than fits passes by', () => {
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 200; i++) freeBytes(new Uint8Array(16 * 1024 * 1024).fill(1));
  assert.ok(process.memoryUsage().rss - before < 100e6);
});
