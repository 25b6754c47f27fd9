import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { retryAtMs, verdictOfFault, type Setback } from '../../../src/triggers/verdict.ts';

const failed: Setback = { kind: 'failed', error: 'no', retryAfterMs: 0 };
const away: Setback = { kind: 'unavailable', error: 'no', retryAfterMs: 0 };
const HOUR_MS = 3_600_000;

test('the wait after a failure is anything up to a bound that doubles from a second to an hour', () => {
  const bounds = Array.from({ length: 14 }, (_, i) =>
    retryAtMs(failed, { attempts: i + 1, maxAttempts: 99 }, 0, () => 1),
  );
  assert.deepEqual(bounds.slice(0, 4), [1_000, 2_000, 4_000, 8_000]);
  assert.deepEqual(bounds.slice(12), [HOUR_MS, HOUR_MS]);
  assert.equal(
    retryAtMs(failed, { attempts: 5, maxAttempts: 99 }, 7, () => 0),
    7,
  );
  assert.equal(
    retryAtMs(failed, { attempts: 1, maxAttempts: 99 }, 0, () => 0.25),
    250,
  );
});

test('after the last attempt there is none', () => {
  assert.notEqual(retryAtMs(failed, { attempts: 7, maxAttempts: 8 }, 0), null);
  assert.equal(retryAtMs(failed, { attempts: 8, maxAttempts: 8 }, 0), null);
  assert.equal(retryAtMs({ kind: 'hopeless', error: '' }, { attempts: 1, maxAttempts: 8 }, 0), null);
});

test('what the platform could not do is tried for much longer, with longer waits', () => {
  assert.equal(
    retryAtMs(away, { attempts: 1, maxAttempts: 8 }, 0, () => 0),
    2_500,
  );
  assert.equal(
    retryAtMs(away, { attempts: 50, maxAttempts: 8 }, 0, () => 1),
    600_000,
  );
  assert.equal(retryAtMs(away, { attempts: 100, maxAttempts: 8 }, 0), null);
});

test('nobody is asked again before the time that they named, up to an hour', () => {
  const after = (retryAfterMs: number): Setback => ({ kind: 'failed', error: '', retryAfterMs });
  assert.equal(
    retryAtMs(after(30_000), { attempts: 1, maxAttempts: 8 }, 0, () => 1),
    30_000,
  );
  assert.equal(
    retryAtMs(after(10), { attempts: 1, maxAttempts: 8 }, 0, () => 1),
    1_000,
  );
  assert.equal(
    retryAtMs(after(1e12), { attempts: 1, maxAttempts: 8 }, 0, () => 1),
    HOUR_MS,
  );
});

test('what a node gives back is due at once', () => {
  assert.equal(retryAtMs({ kind: 'returned', error: '' }, { attempts: 99, maxAttempts: 1 }, 5), 5);
});

test('whose fault it is decides how it is tried again', () => {
  const kindOf = (code: Fault['code']): string => verdictOfFault(new Fault(code, 'x')).kind;
  for (const code of ['HANDLER_THREW', 'TIMED_OUT', 'OUT_OF_MEMORY', 'LOAD_FAILED', 'BAD_RESPONSE'] as const)
    assert.equal(kindOf(code), 'failed', code);
  for (const code of ['OVERLOADED', 'SANDBOX_RECYCLED', 'QUARANTINED', 'INTERNAL', 'TENANT_SUSPENDED'] as const)
    assert.equal(kindOf(code), 'unavailable', code);
  for (const code of ['SHUTTING_DOWN', 'CANCELLED'] as const) assert.equal(kindOf(code), 'returned', code);
  const verdict = verdictOfFault(new Fault('QUARANTINED', 'x'.repeat(10_000), { retryAfterSeconds: 15 }));
  assert.ok(verdict.kind === 'unavailable' && verdict.retryAfterMs === 15_000 && verdict.error.length === 2_000);
});
