import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, guestSource, plain } from './bare.ts';

suite('encoding', () => {
  const { run } = bareContext();

  test('text is encoded as Node encodes it', () => {
    for (const text of [
      '',
      'abc',
      'é€😀',
      '\ud800',
      'a\udc00b',
      '\ud83d',
      '\u07ff\u0800\uffff\u{10ffff}',
      'x'.repeat(5000) + 'é',
    ]) {
      assert.deepEqual(
        [...run(`(text) => new TextEncoder().encode(text)`)(text)],
        [...new TextEncoder().encode(text)],
        JSON.stringify(text.slice(0, 20)),
      );
    }
  });

  test('encodeInto writes whole characters only', () => {
    for (const [text, size] of [
      ['aé€😀', 3],
      ['aé€😀', 6],
      ['aé€😀', 9],
      ['aé€😀', 20],
      ['', 1],
    ] as const) {
      const bytes = new Uint8Array(size);
      assert.deepEqual(
        plain(run(`(text, size) => new TextEncoder().encodeInto(text, new Uint8Array(size))`)(text, size)),
        new TextEncoder().encodeInto(text, bytes),
      );
    }
  });

  test('bytes are decoded, in pieces too', () => {
    assert.equal(run(`new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff]))`), 'a\ufffd');
    assert.equal(
      run(
        `const d = new TextDecoder(); d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac]))`,
      ),
      '€',
    );
    assert.equal(
      run(
        `new TextDecoder('latin1').decode(new Uint8Array([0xe9])) + new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0]))`,
      ),
      'éa',
    );
    assert.throws(() => run(`new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))`), {
      name: 'TypeError',
    });
    assert.throws(() => run(`new TextDecoder('nonsense')`), { name: 'RangeError' });
  });

  test('atob and btoa do as Node’s do', () => {
    for (const text of ['', 'a', 'ab', 'abc', '\xff\0']) assert.equal(run(`(text) => btoa(text)`)(text), btoa(text));
    for (const text of ['', 'YQ==', 'YQ', ' Y Q = = ', 'YWI=', '/+8='])
      assert.equal(run(`(text) => atob(text)`)(text), atob(text), text);
    for (const code of [`btoa('€')`, `atob('a')`, `atob('*')`, `atob('YQ=')`, `atob('-_8=')`])
      assert.throws(() => run(code), { name: 'InvalidCharacterError' }, code);
  });
});

suite('crypto', () => {
  test('values are random, different, and the seed’s', () => {
    const { run } = bareContext();
    const values = plain(run(`Array.from({ length: 500 }, () => crypto.randomUUID())`)) as string[];
    assert.equal(new Set(values).size, 500);
    for (const value of values)
      assert.match(value, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const bytes = [...run(`crypto.getRandomValues(new Uint8Array(65536))`)] as number[];
    const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;
    assert.ok(Math.abs(mean - 127.5) < 2, `${mean}`);
    assert.equal(bareContext().run(`crypto.randomUUID()`), values[0]);
  });

  test('only integers, and no more than 65,536 bytes', () => {
    const { run } = bareContext();
    assert.equal(run(`const a = new BigInt64Array(2); crypto.getRandomValues(a) === a && a[0] !== 0n`), true);
    assert.equal(
      run(`const part = new Uint8Array(8); crypto.getRandomValues(part.subarray(2, 4)); part[0] + part[1] + part[4]`),
      0,
    );
    assert.throws(() => run(`crypto.getRandomValues(new Uint8Array(65537))`), { name: 'QuotaExceededError' });
    for (const bad of ['new Float32Array(1)', 'new Float16Array(1)', 'new DataView(new ArrayBuffer(1))'])
      assert.throws(() => run(`crypto.getRandomValues(${bad})`), bad);
    assert.throws(() => run(`crypto.getRandomValues([1])`), { name: 'TypeError' });
  });

  test('taking the generator’s methods away from under it does not show its state', () => {
    const { run } = bareContext();
    run(
      `var seen = []; for (const name of ['fill', 'slice', 'subarray', 'set']) { const native = Uint8Array.prototype[name]; Object.getPrototypeOf(Uint8Array.prototype)[name] = function (...args) { if (this.length >= 32) seen.push(this.slice === native); return native.apply(this, args); }; }`,
    );
    assert.match(run(`crypto.randomUUID()`), /^[0-9a-f-]{36}$/);
  });
});

suite('structuredClone', () => {
  const { run } = bareContext();
  const clone = (code: string): unknown => plain(run(code));

  test('what JSON holds, and more, is copied', () => {
    assert.deepEqual(
      clone(
        `(() => { const a = { n: 1, s: 'x', u: undefined, l: [1, { b: 2 }] }; const c = structuredClone(a); return [c, c !== a, c.l !== a.l, 'u' in c]; })()`,
      ),
      [{ n: 1, s: 'x', l: [1, { b: 2 }] }, true, true, true],
    );
    assert.deepEqual(
      clone(
        `(() => { const c = structuredClone({ m: new Map([[{ k: 1 }, new Set([2])]]), d: new Date(5), r: /x/gi, b: 5n < 6n, f: new Float64Array([1.5]), e: new RangeError('r', { cause: 'c' }), w: Object('boxed') }); const [k, v] = [...c.m][0]; return [k.k, [...v], c.d.getTime(), String(c.r), c.f[0], c.e instanceof RangeError, c.e.message, c.e.cause, c.w.valueOf()]; })()`,
      ),
      [1, [2], 5, '/x/gi', 1.5, true, 'r', 'c', 'boxed'],
    );
  });

  test('cycles and shared parts stay what they are', () => {
    assert.equal(
      run(
        `(() => { const a = { x: {} }; a.a = a; a.y = a.x; a.b = [new Uint8Array(4)]; a.c = new Uint16Array(a.b[0].buffer); const c = structuredClone(a); return c.a === c && c.x === c.y && c.c.buffer === c.b[0].buffer; })()`,
      ),
      true,
    );
  });

  test('a class is lost, and a sparse array stays one', () => {
    assert.equal(
      run(
        `(() => { const c = structuredClone(new (class A { x = 1; })()); const l = structuredClone([1, , 3]); return c.constructor === Object && c.x === 1 && l.length === 3 && !(1 in l); })()`,
      ),
      true,
    );
  });

  test('transferring empties the original', () => {
    assert.deepEqual(
      clone(
        `(() => { const b = new Uint8Array([1, 2]).buffer; const c = structuredClone({ b }, { transfer: [b] }); return [b.byteLength, c.b.byteLength]; })()`,
      ),
      [0, 2],
    );
  });

  for (const code of [
    '() => {}',
    `Symbol('s')`,
    '{ f() {} }',
    'Promise.resolve()',
    'new WeakMap()',
    '[Symbol.iterator]',
  ]) {
    test(`${code} is a DataCloneError`, () =>
      assert.throws(() => run(`structuredClone(${code})`), { name: 'DataCloneError', code: 25 }));
  }

  test('what a getter throws comes out', () => {
    assert.throws(() => run(`structuredClone({ get a() { throw new RangeError('mine'); } })`), { name: 'RangeError' });
  });
});

suite('the global object', () => {
  test('says who it is', () => {
    const { run, errors } = bareContext();
    assert.equal(
      run(
        `self === globalThis && navigator.userAgent === 'Cordon' && performance.now() >= 0 && performance.timeOrigin > 1e12`,
      ),
      true,
    );
    run(`reportError('mine')`);
    assert.deepEqual(errors, ['mine']);
  });

  test('names are right whatever the bundler made of them, and not enumerable', () => {
    const { run } = bareContext();
    const NAMES = [
      'Headers',
      'Request',
      'Response',
      'URL',
      'URLSearchParams',
      'TextEncoder',
      'TextDecoder',
      'Event',
      'EventTarget',
      'AbortController',
      'AbortSignal',
      'DOMException',
      'ReadableStream',
      'WritableStream',
      'TransformStream',
      'fetch',
      'setTimeout',
      'clearInterval',
      'queueMicrotask',
      'structuredClone',
      'atob',
      'ArrayBuffer',
      'Function',
      'eval',
    ];
    assert.deepEqual(plain(run(`${JSON.stringify(NAMES)}.map((name) => globalThis[name].name)`)), NAMES);
    assert.deepEqual(plain(run(`Object.keys(globalThis)`)), []);
  });

  test('every global can be replaced', () => {
    const { run } = bareContext();
    assert.equal(
      run(
        `URL = 5; globalThis.fetch = 6; Object.defineProperty(globalThis, 'console', { value: 7 }); Response = 8; [URL, fetch, console, Response].join()`,
      ),
      '5,6,7,8',
    );
    assert.equal(bareContext().run(`function URL() { return 1; } URL()`), 1);
  });

  test('the bundle stays small, and has one byte a character', () => {
    assert.ok(guestSource.length < 500_000, `${guestSource.length}`);
    assert.match(guestSource, /^\p{ASCII}*$/u);
  });

  test('a module is evaluated at first touch, and not before', () => {
    // The library of streams keeps Promise.prototype.then when it is evaluated.
    const { run } = bareContext();
    run(
      `var reads = 0; const then = Promise.prototype.then; Object.defineProperty(Promise.prototype, 'then', { get() { reads++; return then; } })`,
    );
    run(
      `new Response('x').status; new Request('http://localhost/').headers; new Headers(); setTimeout(() => {}); new URL('http://localhost/').pathname; console.log(1); crypto.randomUUID()`,
    );
    assert.equal(run('reads'), 0);
    run(`ReadableStream`);
    assert.ok(run('reads') > 0);
  });
});
