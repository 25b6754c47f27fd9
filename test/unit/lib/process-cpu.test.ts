import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processCpuMs } from '../../../src/lib/process-cpu.ts';

test('CPU time is what the process itself reads of it, and null where there is no process', () => {
  const before = processCpuMs(process.pid) ?? assert.fail();
  let n = 0;
  for (let i = 0; i < 3e8; i++) n += i % 7;
  assert.ok(n > 0);
  const after = processCpuMs(process.pid) ?? assert.fail();
  const { user, system } = process.cpuUsage();
  assert.ok(after >= before + 50, `${before} and then ${after} ms`);
  assert.ok(Math.abs(after - (user + system) / 1000) < 100);
  assert.equal(processCpuMs(2 ** 30), null);
});
