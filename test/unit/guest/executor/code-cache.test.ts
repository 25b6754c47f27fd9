import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheFor } from '../../../../src/guest/executor/code-cache.ts';

const cacheOf = (code: string): string => cacheFor(Buffer.from(code));

test('a function that names nothing of the heavier web API is served by the lean cache', () => {
  assert.equal(cacheOf('console.log(1)'), 'lean');
  assert.equal(cacheOf(`export default { fetch(request) { return new Response('hello'); } };`), 'lean');
  assert.equal(
    cacheOf(`export default async (req) => ({ statusCode: 200, body: JSON.stringify({ a: req.query }) })`),
    'lean',
  );
});

for (const code of ['new URL(a)', 'new ReadableStream()', 'await fetch(a)', 'crypto.randomUUID()'])
  test(`a function with ${code} is served by the full cache`, () => {
    assert.equal(cacheOf(`export default { async fetch(a) { ${code}; } };`), 'full');
  });

test('a large bundle is served by the full cache, without a look at it', () => {
  assert.equal(cacheOf(`// ${'x'.repeat(40_000)}`), 'full');
});

test('code is looked at where it lies in a frame', () => {
  const frame = Buffer.from('new URL() new Response()');
  assert.equal(cacheFor(frame.subarray(10)), 'lean');
});
