import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { limitHit } from '../../../src/core/limits.ts';
import { makeVersion } from '../../support/calls.ts';

const { limits } = makeVersion('f', { limits: { timeoutMs: 700, memoryMb: 32, requestBytes: 10, responseBytes: 20 } });

test('a fault that comes from a limit says which one and what it was', () => {
  const hits = (['TIMED_OUT', 'OUT_OF_MEMORY', 'BODY_TOO_LARGE', 'RESPONSE_TOO_LARGE', 'HANDLER_THREW'] as const).map(
    (code) => limitHit(new Fault(code, 'x'), limits),
  );
  assert.deepEqual(hits, ['timeout-ms=700', 'memory-mb=32', 'request-bytes=10', 'response-bytes=20', null]);
});

test('what the fault itself names comes first', () => {
  assert.equal(limitHit(new Fault('TIMED_OUT', 'x', { limit: 'cpu-ms=5' }), limits), 'cpu-ms=5');
});
