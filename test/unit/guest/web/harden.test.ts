import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from './bare.ts';

suite('harden', () => {
  const shared = bareContext();

  const GENERATORS = [
    `eval('1')`,
    `(0, eval)('1')`,
    `new Function('return 1')`,
    `Function('return 1')`,
    `(function () {}).constructor('return 1')`,
    `(() => {}).constructor('return 1')`,
    `(class {}).constructor('return 1')`,
    `(async () => {}).constructor('return 1')`,
    `(function* () {}).constructor('return 1')`,
    `(async function* () {}).constructor('return 1')`,
    `Object.getPrototypeOf((async () => {}).constructor)('return 1')`,
    `Object.getPrototypeOf((async function* () {}).constructor)('return 1')`,
    `Object.getPrototypeOf(function* () {}).constructor('return 1')`,
    `Reflect.construct((() => {}).constructor, ['return 1'])`,
    `Reflect.construct(Function, ['return 1'], class {})`,
    `new (class extends Function {})('return 1')`,
    `new (class extends (async () => {}).constructor {})('return 1')`,
    `Response.constructor('return 1')`,
    `setTimeout.constructor('return 1')`,
    `Array.fromAsync.constructor('return 1')`,
    `eval.constructor('return 1')`,
    `Object.getOwnPropertyDescriptor(globalThis, 'URL').get?.constructor('return 1') ?? URL.constructor('1')`,
    `Function.prototype.constructor.prototype.constructor('return 1')`,
    `Function.bind(null, 'return 1')()`,
    `Function.call(null, 'return 1')`,
  ];
  for (const code of GENERATORS) {
    test(`${code} makes no code`, () => {
      assert.throws(() => shared.run(code), { name: 'EvalError', message: 'Code generation from strings disallowed' });
    });
  }

  test('taking the constructors away brings nothing back', () => {
    const { run } = bareContext();
    run(`delete globalThis.Function; delete globalThis.eval; delete Object.getPrototypeOf(() => {}).constructor`);
    assert.equal(run('typeof Function + typeof eval'), 'undefinedundefined');
    assert.equal(run('(() => {}).constructor === Object'), true);
  });

  test('functions still are what they were', () => {
    const { run } = bareContext();
    assert.equal(
      run(
        '(() => {}) instanceof Function && (async () => {}) instanceof Function && Function.prototype.call.length === 1',
      ),
      true,
    );
    assert.equal(run('(function (a) { return this.x + a; }).bind({ x: 1 })(2)'), 3);
    assert.equal(
      run('(async () => {}).constructor.name + (function* () {}).constructor.name + Function.name'),
      'AsyncFunctionGeneratorFunctionFunction',
    );
    assert.equal(run('Object.getPrototypeOf((async () => {}).constructor) === Function'), true);
  });

  test('shared memory and WebAssembly are gone', () => {
    assert.equal(
      bareContext().run('typeof SharedArrayBuffer + typeof Atomics + typeof WebAssembly'),
      'undefined'.repeat(3),
    );
  });

  test('buffers cannot be made to grow, by any way to the constructor', () => {
    const { run } = bareContext();
    for (const make of [
      'new ArrayBuffer(8, options)',
      'Reflect.construct(ArrayBuffer, [8, options])',
      'new (new Uint8Array(8).buffer.constructor)(8, options)',
      'new (class extends ArrayBuffer {})(8, options)',
      'new (ArrayBuffer.prototype.constructor)(8, options)',
    ]) {
      assert.throws(
        () => run(`const options = { maxByteLength: 16 }; ${make}`.replace('const', 'var')),
        { name: 'TypeError' },
        make,
      );
    }
    assert.equal(run('new ArrayBuffer(8).resizable'), false);
  });

  test('buffers are otherwise as they were', () => {
    const { run } = bareContext();
    assert.equal(run('new ArrayBuffer(8).slice(2).byteLength'), 6);
    assert.equal(
      run('new ArrayBuffer(8) instanceof ArrayBuffer && new Uint8Array(2).buffer instanceof ArrayBuffer'),
      true,
    );
    assert.equal(
      run('new Uint8Array([1, 2, 3]).slice(1).join() + ArrayBuffer.isView(new DataView(new ArrayBuffer(1)))'),
      '2,3true',
    );
    assert.equal(
      run('new (class Mine extends ArrayBuffer {})(4).constructor.name + ArrayBuffer.name + ArrayBuffer.length'),
      'MineArrayBuffer1',
    );
    assert.throws(() => run('ArrayBuffer(8)'), { name: 'TypeError' });
  });

  test('stack frames give away no function or receiver of ours', () => {
    const { run } = bareContext();
    const seen = run(`
      Error.prepareStackTrace = (error, frames) => frames;
      let frames;
      new Headers([[{ toString: () => { frames = [...new Error().stack]; return 'a'; } }, 'b']]);
      frames.map((frame) => [frame.getFileName(), typeof frame.getThis(), typeof frame.getFunction()].join()).join(' ');
    `);
    assert.match(seen, /cordon:guest,undefined,undefined/);
    assert.doesNotMatch(seen, /cordon:guest,(?!undefined,undefined)/);
  });

  test('the guest has no sloppy code, whose callers could be read', () => {
    const { run } = bareContext();
    assert.equal(
      run(
        `let seen = 'none'; function probe() { seen = probe.caller; return 1; } new Headers({ a: { toString: probe } }); String(seen)`,
      ),
      'null',
    );
  });

  test('no clock is finer than Date', () => {
    const { run } = bareContext();
    assert.equal(run(`typeof Temporal`), 'undefined');
    assert.equal(run(`typeof new Date().toTemporalInstant`), 'undefined');
    assert.equal(run(`Number.isInteger(performance.now())`), true);
  });

  test('Array.fromAsync does what the engine’s does', async () => {
    const { run } = bareContext();
    const native = (code: string): Promise<unknown> =>
      new (Object.getPrototypeOf(async () => {}).constructor as FunctionConstructor)(
        `return JSON.stringify(await (${code}))`,
      )() as Promise<unknown>;
    for (const code of [
      `Array.fromAsync([1, Promise.resolve(2), 3])`,
      `Array.fromAsync([1, 2], async (x, i) => x * 10 + i)`,
      `Array.fromAsync({ length: 2, 0: Promise.resolve('a'), 1: 'b' })`,
      `Array.fromAsync((async function* () { yield 1; yield 2; })())`,
      `Array.fromAsync(new Set([1, 2]), function (x) { return [this.k, x]; }, { k: 'k' })`,
      `Array.fromAsync('')`,
      `Array.fromAsync({})`,
      `Array.fromAsync(null).catch((e) => e.name)`,
      `Array.fromAsync([1], 5).catch((e) => e.name)`,
      `Array.fromAsync([Promise.reject(new RangeError('r'))]).catch((e) => e.message)`,
    ]) {
      assert.equal(await run(`${code}.then(JSON.stringify)`), await native(code), code);
    }
  });

  test('Array.fromAsync waits by Promise.prototype.then alone', async () => {
    const before = `globalThis.waits = 0; const then = Promise.prototype.then; Promise.prototype.then = function (a, b) { waits++; return Reflect.apply(then, this, [a, b]); }`;
    const { run } = bareContext({}, before);
    await run(`Array.fromAsync([1, 2, 3], (x) => x)`);
    assert.ok(run('waits') >= 6, `${run('waits')}`);
  });
});
