import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineStopped, GuestError } from '../../../../src/guest/quickjs/engine-errors.ts';
import { Eval, restoreQuickJs, type QuickJs } from '../../../../src/guest/quickjs/quickjs.ts';
import type { MemoryImage } from '../../../../src/guest/quickjs/memory-image.ts';
import { makeModule, startEngine } from './engine.ts';

const evaluate = (engine: QuickJs, code: string): number => engine.evaluate(code, 'test.js', Eval.SCRIPT);
const allocate = (length: number): Uint8Array => new Uint8Array(length);

test('text and bytes cross as they are', () => {
  const engine = startEngine();
  const same = evaluate(engine, '(value) => value');
  for (const text of ['', 'plain', 'é😀', 'nul \0 inside', 'x'.repeat(100_000)])
    assert.equal(engine.text(engine.call(same, [engine.newText(text)])), text);
  const bytes = evaluate(engine, '(buffer) => new Uint8Array(buffer).map((byte) => byte + 1)');
  assert.deepEqual([...engine.bytes(engine.call(bytes, [engine.newBuffer(Uint8Array.of(0, 254))]))!], [1, 255]);
});

test('a lone surrogate keeps its length', () => {
  const engine = startEngine();
  assert.equal(engine.text(evaluate(engine, `'a\\ud800b'`)).length, 3);
});

test('what is no list of bytes has none, whatever it says it is', () => {
  const engine = startEngine();
  for (const code of [
    '({})',
    '[1]',
    'new Uint16Array(2)',
    'new ArrayBuffer(2)',
    'new Proxy(new Uint8Array(2), {})',
    '({ length: 2, __proto__: Uint8Array.prototype })',
  ])
    assert.equal(engine.bytes(evaluate(engine, code)), null, code);
});

test('a list is made without a look at what code has put on Array.prototype', () => {
  const engine = startEngine();
  const join = evaluate(
    engine,
    `Object.defineProperty(Array.prototype, 0, { set() { throw new Error('seen'); }, get: () => 'forged' });
     (list) => list[0] + list[1] + list.length`,
  );
  const list = engine.newList([engine.newText('a'), engine.newText('b')]);
  assert.equal(engine.text(engine.call(join, [list])), 'ab2');
});

test('what code throws comes out by kind and message', () => {
  const engine = startEngine();
  const thrownBy = (code: string): unknown[] => {
    try {
      evaluate(engine, code);
    } catch (error) {
      return error instanceof GuestError ? [error.kind, error.message] : [error];
    }
    return ['nothing'];
  };
  assert.deepEqual(thrownBy(`throw new TypeError('no')`), ['TypeError', 'no']);
  assert.deepEqual(thrownBy(`throw 'text'`), ['', 'text']);
  assert.deepEqual(thrownBy('throw null'), ['', '']);
  assert.deepEqual(thrownBy(`throw { get name() { throw 1; }, message: { toString() { throw 2; } } }`)[0], '');
  assert.equal(thrownBy('(')[0], 'SyntaxError');
});

test('a loop is stopped, and nothing in it hears of that', () => {
  const engine = startEngine(20);
  assert.throws(
    () => evaluate(engine, 'for (;;) try { for (;;); } catch {} finally { globalThis.heard = 1; for (;;); }'),
    (error) => error instanceof EngineStopped && error.reason === 'time',
  );
});

test('jobs without end are stopped', () => {
  const engine = startEngine(20);
  evaluate(engine, 'const again = () => Promise.resolve().then(again); again()');
  assert.throws(
    () => engine.runJobs(),
    (error) => error instanceof EngineStopped && error.reason === 'time',
  );
});

test('an engine with no memory left says so', () => {
  const engine = startEngine();
  assert.throws(
    () => evaluate(engine, 'const all = []; for (;;) all.push(new Uint8Array(1e6))'),
    (error) => error instanceof EngineStopped && error.reason === 'memory',
  );
});

test('recursion is an error inside, and the engine goes on', () => {
  const engine = startEngine();
  const value = evaluate(engine, `(() => { const f = () => f(); try { f(); } catch (e) { return e.name; } })()`);
  assert.equal(engine.text(value), 'RangeError');
});

test('an instance taken back to an image is as it was, and one that has grown is refused', () => {
  const engine = startEngine();
  evaluate(engine, 'globalThis.n = 1');
  const image = engine.image(allocate);
  evaluate(engine, 'n++; globalThis.left = 1; Array.prototype.left = 2; 0');
  assert.equal(engine.restore(image), true);
  assert.equal(engine.text(evaluate(engine, '`${n} ${typeof left} ${[].left}`')), '1 undefined undefined');
  evaluate(engine, 'globalThis.big = new Uint8Array(4e6); 0');
  assert.equal(engine.restore(image), false);
});

test('an image begins in another module of more memory', () => {
  const engine = startEngine();
  evaluate(engine, `globalThis.kept = { a: 'b' }`);
  const copy = restoreQuickJs(makeModule(16), engine.image(allocate), { now: () => 0, isOver: () => false });
  assert.equal(copy.text(evaluate(copy, 'kept.a')), 'b');
});

/** As an attacker would leave it who writes anywhere in the memory. */
function scribbled({ bytes, ...rest }: MemoryImage, random: () => number): MemoryImage {
  const copy = new Uint8Array(bytes);
  const count = 1 + Math.floor(random() * 200);
  for (let i = 0; i < count; i++) {
    const at = Math.floor(random() * copy.length);
    copy[at] = Math.floor(random() * 256);
  }
  return { ...rest, bytes: copy };
}

test('an engine whose memory was scribbled over fails by itself alone', { timeout: 60_000 }, () => {
  const engine = startEngine();
  evaluate(
    engine,
    `globalThis.port = (text, buffer) => [text + JSON.stringify({ a: [1, text] }), new Uint8Array(buffer)]`,
  );
  const image = engine.image(allocate);
  const module = makeModule(16);
  const random = seeded(7);
  let failed = 0;
  for (let round = 0; round < 150; round++) {
    let asked = 0;
    const hooks = { now: () => 0, isOver: () => ++asked > 20 };
    try {
      const copy = restoreQuickJs(module, scribbled(image, random), hooks);
      const list = copy.call(evaluate(copy, 'port'), [copy.newText('hello'), copy.newBuffer(new Uint8Array(100))]);
      const [text, bytes] = [copy.item(list, 0), copy.item(list, 1)];
      if (text !== 0 && copy.isText(text)) assert.equal(typeof copy.text(text), 'string');
      if (bytes !== 0) copy.bytes(bytes);
      copy.runJobs();
    } catch (error) {
      assert.ok(error instanceof EngineStopped || error instanceof GuestError, String((error as Error).stack));
      failed++;
    }
  }
  assert.ok(failed > 5, `${failed} of 150 noticed`);
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}
