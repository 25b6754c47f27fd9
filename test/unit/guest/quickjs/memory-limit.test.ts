import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { limitMemory, PAGE_BYTES } from '../../../../src/guest/quickjs/memory-limit.ts';

const MB = 1024 * 1024;
const engine = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));

function memoryOf(wasm: Uint8Array): WebAssembly.Memory {
  const names: [string, string][] = [];
  const proxy = new Proxy({}, { get: (_, name: string) => (names.push(['', name]), () => 0) });
  const imports = { env: proxy, wasi_snapshot_preview1: proxy };
  return new WebAssembly.Instance(new WebAssembly.Module(wasm), imports).exports.memory as WebAssembly.Memory;
}

test('a memory grows to the maximum that it was given and no further', () => {
  for (const megabytes of [2, 64, 128, 513]) {
    const memory = memoryOf(limitMemory(engine, megabytes * MB));
    const left = (megabytes * MB - memory.buffer.byteLength) / PAGE_BYTES;
    memory.grow(left);
    assert.equal(memory.buffer.byteLength, megabytes * MB);
    assert.throws(() => memory.grow(1), RangeError);
  }
});

test('a maximum below what the module starts with is what it starts with', () => {
  const memory = memoryOf(limitMemory(engine, 1));
  assert.throws(() => memory.grow(1), RangeError);
});

test('a module that has a maximum, or no memory, or is cut off is refused', () => {
  assert.throws(() => limitMemory(limitMemory(engine, MB), MB), /no memory whose maximum/);
  assert.throws(() => limitMemory(engine.subarray(0, 8), MB), /no memory whose maximum/);
  assert.throws(() => limitMemory(engine.subarray(0, 2_970), MB), TypeError);
});
