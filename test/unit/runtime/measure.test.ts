import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, type Bench } from '../../../src/runtime/comparison/measure.ts';
import { builtInWorkloads } from '../../../src/runtime/comparison/workload.ts';

const EFFORT = { coldCalls: 3, functions: 5, warmCalls: 10, loadMs: 20 };
const [hello] = builtInWorkloads('http://localhost/');

class FakeBench implements Bench {
  readonly loaded = new Set<string>();
  readonly calls: string[] = [];
  fails = false;

  async deploy(_tier: string, name: string): Promise<void> {
    this.loaded.add(name);
  }

  async call(name: string, fresh: boolean): Promise<void> {
    if (this.fails) throw new Error('it answered 500, not 200');
    this.calls.push(`${name}${fresh ? ' fresh' : ''}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async remove(name: string): Promise<void> {
    this.loaded.delete(name);
  }

  memoryMb(): number {
    return 100 + 3 * this.loaded.size;
  }
}

test('cold calls are fresh, warm ones are not, and memory is what each further function adds', async () => {
  const bench = new FakeBench();
  const { functionMb, coldMs, warmP50Ms, warmP99Ms, callsPerSecond } = await measure(bench, 'isolate', hello!, EFFORT);
  assert.equal(functionMb, 3);
  assert.ok(coldMs > 0 && warmP50Ms > 0 && warmP99Ms >= warmP50Ms && callsPerSecond > 0);
  assert.equal(bench.calls.filter((call) => call.endsWith(' fresh')).length, 3);
  assert.equal(bench.loaded.size, 0);
});

test('a function that fails leaves nothing deployed', async () => {
  const bench = new FakeBench();
  bench.fails = true;
  await assert.rejects(measure(bench, 'wasm', hello!, EFFORT), /answered 500/);
  assert.equal(bench.loaded.size, 0);
});
