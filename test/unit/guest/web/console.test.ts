import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from './bare.ts';

/** The lines that the code writes. */
function written(code: string): { level: string; message: string }[] {
  const { run, lines } = bareContext();
  run(code);
  return lines;
}
const logged = (values: string): string =>
  written(`console.log(${values})`)
    .map((line) => line.message)
    .join('\n');

suite('console', () => {
  test('each method has its level', () => {
    const lines = written(
      `for (const name of ['log', 'info', 'warn', 'error', 'debug', 'dir', 'group']) console[name]('x'); console.assert(true); console.assert(0, 'why', 1)`,
    );
    assert.deepEqual(
      lines.map(({ level }) => level),
      ['info', 'info', 'warn', 'error', 'debug', 'info', 'info', 'error'],
    );
    assert.equal(lines.at(-1)?.message, '  Assertion failed: why 1');
  });

  const VALUES: [code: string, text: string][] = [
    [`'text', 1, true, null, undefined, 1n, Symbol('s'), -0`, 'text 1 true null undefined 1n Symbol(s) -0'],
    [`{ a: 'x', 'b-c': "it's", [Symbol('k')]: [1, 'two'] }`, `{ a: 'x', 'b-c': "it's", [Symbol(k)]: [1, 'two'] }`],
    [`{ a: { b: { c: { d: { e: 1 } } } } }`, '{ a: { b: { c: { d: { e: 1 } } } } }'],
    [`{ a: { b: { c: { d: { e: { f: 1 } } } } } }`, '{ a: { b: { c: { d: { e: [Object] } } } } }'],
    [`new Map([['k', { v: 1 }]]), new Set([1])`, `Map(1) { 'k' => { v: 1 } } Set(1) { 1 }`],
    [
      `new Date(0), new Date(NaN), /a/gi, new Uint8Array(2), new ArrayBuffer(3)`,
      '1970-01-01T00:00:00.000Z Invalid Date /a/gi Uint8Array(2) [0, 0] ArrayBuffer { byteLength: 3 }',
    ],
    [
      `() => 1, function named() {}, class A { static s = 1 }`,
      '[Function (anonymous)] [Function: named] [class: A] { s: 1 }',
    ],
    [
      `new (class Point { x = 1 })(), Object.create(null), [1, , 3], [], {}`,
      'Point { x: 1 } [Object: null prototype] {} [1, <empty>, 3] [] {}',
    ],
    [`(() => { const o = {}; o.o = o; return o; })()`, '{ o: [Circular] }'],
    [
      `{ get a() { throw 1; }, set b(v) {}, get c() { return 1; }, set c(v) {} }`,
      '{ a: [Getter], b: [Setter], c: [Getter/Setter] }',
    ],
    [
      `'%s is %d of %i, %f %j %o %O %c%% %x', 'a', '1', 2.7, '3.5', { b: 1 }, [1], 'z', 'css', 'rest'`,
      `a is 1 of 2, 3.5 { b: 1 } [1] 'z' % %x rest`,
    ],
    [
      `Promise.resolve(1), new Headers({ a: 1 }), new URL('http://a/')`,
      `Promise {} Headers { a: '1' } URL { href: 'http://a/' }`,
    ],
    [`Object.create(Map.prototype), Object.create(Date.prototype)`, 'Map {} Invalid Date'],
  ];
  for (const [code, text] of VALUES) test(`console.log(${code})`, () => assert.equal(logged(code), text));

  test('an error shows its stack, its cause and its own properties', () => {
    const text = logged(`Object.assign(new TypeError('outer', { cause: new RangeError('inner') }), { code: 'E' })`);
    assert.match(text, /^TypeError: outer\n    at function\.js:1:\d+/);
    assert.match(text, /cause: \[RangeError: inner\n/);
    assert.match(text, /code: 'E'/);
    assert.doesNotMatch(text, /cordon:/);
  });

  test('long objects take several lines', () => {
    assert.equal(logged(`{ text: 'x'.repeat(70), n: { m: 1 } }`), `{\n  text: '${'x'.repeat(70)}',\n  n: { m: 1 }\n}`);
  });

  test('hostile values break nothing', () => {
    const text = logged(`
      new Proxy({}, { ownKeys() { throw 1; } }),
      new Proxy([], { getOwnPropertyDescriptor() { throw 1; }, get() { throw 2; } }),
      { toString() { throw 1; }, toJSON() { throw 1; }, [Symbol.toPrimitive]() { throw 1; }, get [Symbol.toStringTag]() { throw 1; } },
      Object.defineProperty(new Error('x'), 'stack', { get() { throw 1; } }),
      Object.defineProperty(() => {}, 'name', { get() { throw 1; } }),
      { __proto__: { get constructor() { throw 1; } }, a: 1 }`);
    assert.equal(text.match(/\[unreadable object\]/g)?.length, 2);
    assert.match(text, /Error: x/);
    assert.match(text, /\{ a: 1 \}/);
  });

  test('getters, toString and toJSON never run', () => {
    const { run, lines } = bareContext();
    run(
      `var ran = 0; const run = () => { ran++; return ''; }; console.log({ get a() { return run(); }, toString: run, toJSON: run, valueOf: run, [Symbol.toPrimitive]: run, get [Symbol.toStringTag]() { return run(); }, get then() { return run(); } }); console.log('%s %d', { toString: run }, { valueOf: run })`,
    );
    assert.equal(run('ran'), 0);
    assert.equal(lines.length, 2);
  });

  test('a line has an end, and finding it does not take long', () => {
    const { run, lines } = bareContext();
    const startedMs = performance.now();
    run(
      `console.log('x'.repeat(1e6)); const row = Array.from({ length: 1000 }, (_, i) => ({ i })); console.log(row.map(() => row)); let deep = {}; for (let i = 0; i < 1e5; i++) deep = { deep }; console.log(deep); console.log(new Map(row.map((r, i) => [i, row])), new Uint8Array(1e6)); console.log(...row.map(() => 'y'.repeat(1000)))`,
    );
    assert.ok(performance.now() - startedMs < 1_000);
    for (const { message } of lines) assert.ok(message.length < 17 * 1024, `${message.length}`);
    assert.match(lines[0]?.message ?? '', /983616 more characters$/);
  });

  test('groups indent, counters count, timers tell', () => {
    const messages = written(
      `console.group('g'); console.log('a\\nb'); console.groupEnd(); console.groupEnd(); console.log('c'); console.count(); console.count(); console.countReset(); console.count(); console.time('t'); console.timeLog('t', 5); console.timeEnd('t'); console.timeEnd('t')`,
    ).map(({ message }) => message);
    assert.deepEqual(messages.slice(0, 6), ['g', '  a\n  b', 'c', 'default: 1', 'default: 2', 'default: 1']);
    assert.match(messages[6] ?? '', /^t: \d+ ms 5$/);
    assert.match(messages[7] ?? '', /^t: \d+ ms$/);
    assert.deepEqual(messages.slice(8), ['There is no timer t']);
  });

  test('a table has a column for each property', () => {
    assert.equal(
      written(`console.table([{ a: 1, b: 'x' }, { a: 22 }, 5])`)[0]?.message,
      "(index) | a  | b   | Values\n--------+----+-----+-------\n0       | 1  | 'x' |\n1       | 22 |     |\n2       |    |     | 5",
    );
    assert.equal(written(`console.table('plain')`)[0]?.message, 'plain');
  });
});
