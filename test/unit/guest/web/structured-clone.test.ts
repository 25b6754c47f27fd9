import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

suite('structuredClone of the platform’s own objects', () => {
  const { run } = bareContext();

  for (const code of [
    `new URL('http://a/')`,
    `new URLSearchParams('a')`,
    `new Headers()`,
    `new Request('http://a/')`,
    `new Response('x')`,
    `new Event('x')`,
    `new EventTarget()`,
    `new (class Mine extends EventTarget {})()`,
    `new AbortController()`,
    `AbortSignal.abort()`,
    `new ReadableStream()`,
    `new WritableStream()`,
    `new ReadableStream().getReader()`,
    `new TextDecoder()`,
    `performance`,
    `performance.mark('x')`,
    `new MessageChannel()`,
    `Object(Symbol('s'))`,
    `new WeakRef({})`,
    `new FinalizationRegistry(() => {})`,
  ]) {
    test(`${code} is a DataCloneError, wherever it stands`, () => {
      for (const value of [code, `{ a: [${code}] }`, `new Map([[1, ${code}]])`])
        assert.throws(() => run(`structuredClone(${value})`), { name: 'DataCloneError' }, value);
    });
  }

  test('a DOMException is copied with its name, message and stack', () => {
    assert.deepEqual(
      plain(
        run(
          `(() => { const e = new DOMException('m', 'AbortError'); const c = structuredClone({ e }).e; return [c !== e, c instanceof DOMException, c.name, c.message, c.code, c.stack === e.stack]; })()`,
        ),
      ),
      [true, true, 'AbortError', 'm', 20, true],
    );
  });

  test('a Blob and a File keep what they are', () => {
    assert.deepEqual(
      plain(
        run(
          `(() => { const c = structuredClone([new Blob(['ab'], { type: 'text/x' }), new File(['c'], 'n', { lastModified: 5 })]); return [c[0] instanceof Blob, c[0] instanceof File, c[0].size, c[0].type, c[1] instanceof File, c[1].name, c[1].lastModified]; })()`,
        ),
      ),
      [true, false, 2, 'text/x', true, 'n', 5],
    );
  });
});

suite('structuredClone', () => {
  const { run } = bareContext();

  test('what only looks like a built-in object is copied as a plain one', () => {
    assert.deepEqual(
      plain(
        run(
          `[Object.create(Map.prototype), Object.create(Date.prototype), Object.create(RegExp.prototype), Object.create(Boolean.prototype), { [Symbol.toStringTag]: 'Date', x: 1 }].map((o) => { const c = structuredClone(o); return [Object.getPrototypeOf(c) === Object.prototype, Object.keys(c)]; })`,
        ),
      ),
      [
        [true, []],
        [true, []],
        [true, []],
        [true, []],
        [true, ['x']],
      ],
    );
  });

  test('every wrapper, view and kind of error is copied', () => {
    assert.equal(
      run(`(() => {
        const buffer = new ArrayBuffer(16);
        const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array, Float32Array, Float64Array, Float16Array, DataView];
        const c = structuredClone({ views: kinds.map((Kind) => new Kind(buffer, 8)), wrapped: [Object(true), Object(1), Object('s'), Object(5n)], errors: [new EvalError('a'), new URIError('b'), Object.assign(new Error('c'), { name: 'Mine' })] });
        return kinds.every((Kind, i) => c.views[i] instanceof Kind && c.views[i].byteOffset === 8 && c.views[i].buffer === c.views[0].buffer) && c.wrapped.map((w) => typeof w + w).join() + c.errors.map((e) => e.constructor.name + e.message).join();
      })()`),
      'objecttrue,object1,objects,object5EvalErrora,URIErrorb,Errorc',
    );
  });

  test('an error that is its own cause is copied as one', () => {
    assert.equal(
      run(`(() => { const e = new Error('x'); e.cause = e; const c = structuredClone(e); return c.cause === c; })()`),
      true,
    );
  });

  test('what changes while it is copied harms nothing', () => {
    assert.deepEqual(
      plain(
        run(`(() => {
          const o = { get a() { delete o.b; o.c = 1; return 1; }, b: 2 };
          const m = new Map([[{ get k() { m.clear(); return 1; } }, 1], ['second', 2]]);
          return [structuredClone(o), structuredClone(m).size];
        })()`),
      ),
      [{ a: 1 }, 2],
    );
  });

  test('a buffer that has moved away can’t be copied, nor a view of it', () => {
    run(`var gone = new ArrayBuffer(4); var view = new Uint8Array(gone); structuredClone(0, { transfer: [gone] })`);
    for (const code of [
      'gone',
      'view',
      '0, { transfer: [gone] }',
      '0, { transfer: [view] }',
      '0, { transfer: [{}] }',
      '0, { transfer: [1] }',
    ])
      assert.throws(() => run(`structuredClone(${code})`), { name: 'DataCloneError' }, code);
    for (const code of ['', '0, 5', '0, { transfer: 5 }', '0, { transfer: {} }'])
      assert.throws(() => run(`structuredClone(${code})`), { name: 'TypeError' }, code);
  });

  test('__proto__ is a name like any other', () => {
    assert.equal(
      run(
        `(() => { const c = structuredClone(JSON.parse('{"__proto__":{"polluted":1}}')); return Object.getPrototypeOf(c) === Object.prototype && Object.keys(c)[0]; })()`,
      ),
      '__proto__',
    );
  });
});
