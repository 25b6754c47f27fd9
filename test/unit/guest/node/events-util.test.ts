import { sameInBoth } from './both.ts';

const emitter = (body: string): string =>
  `const EventEmitter = require('events'); const e = new EventEmitter(); const said = []; const say = (...args) => said.push(args.join()); ${body}`;
const inspected = (values: string): string =>
  `const { inspect } = require('util'); return [${values}].map((v) => inspect(v))`;

await sameInBoth({
  'listeners run in order, with what was emitted': emitter(
    `e.on('a', say); e.prependListener('a', () => say('first')); e.emit('a', 1, 2); return [said, e.emit('b'), e.listenerCount('a'), e.eventNames()]`,
  ),
  'once, off and removeAllListeners': emitter(
    `e.once('a', say); e.emit('a', 1); e.emit('a', 2); e.on('b', say); e.off('b', say); e.emit('b'); e.on('c', say).on('c', say); e.removeAllListeners('c'); return [said, e.eventNames(), e.emit('c')]`,
  ),
  'a listener that is removed while it is emitted still hears': emitter(
    `const second = () => say('second'); e.on('a', () => { say('first'); e.off('a', second) }); e.on('a', second); e.emit('a'); e.emit('a'); return said`,
  ),
  'newListener and removeListener': emitter(
    `e.on('newListener', (n) => say('new', n)); e.on('removeListener', (n) => say('gone', n)); e.on('x', say); e.once('y', say); e.off('x', say); e.removeAllListeners('y'); return said`,
  ),
  'an error that nobody listens for is thrown': emitter(`e.emit('error', new TypeError('no'))`),
  'what is no error and nobody listens for': emitter(`e.emit('error', 'text')`),
  'errorMonitor hears and does not count': emitter(
    `e.on(EventEmitter.errorMonitor, () => say('seen')); try { e.emit('error', new Error('x')) } catch (x) { say(x.message) } return said`,
  ),
  'listeners unwrapped and raw': emitter(
    `e.once('a', say); return [e.listeners('a')[0] === say, e.rawListeners('a')[0] === say, e.rawListeners('a')[0].listener === say]`,
  ),
  'once as a promise': emitter(
    `const { once } = require('events'); setTimeout(() => e.emit('a', 1, 2), 1); const got = await once(e, 'a'); setTimeout(() => e.emit('error', new Error('bad')), 1); return [got, await once(e, 'b').catch((x) => x.message)]`,
  ),
  'once that is aborted': emitter(
    `const c = new AbortController(); const p = require('events').once(e, 'a', { signal: c.signal }); c.abort(); return p.catch((x) => [x.name, x.code])`,
  ),
  'on as an iterator': emitter(
    `const { on } = require('events'); setTimeout(() => { e.emit('a', 1); e.emit('a', 2); e.emit('end') }, 1); for await (const [x] of on(e, 'a', { close: ['end'] })) say(x); return [said, e.eventNames()]`,
  ),
  'an old class that calls it': `const EventEmitter = require('events'); const util = require('util'); function Old() { EventEmitter.call(this) } util.inherits(Old, EventEmitter); const o = new Old(); let heard; o.on('x', (v) => (heard = v)); o.emit('x', 5); return [heard, o instanceof EventEmitter, Old.super_ === EventEmitter]`,
  'a class that extends it': `const { EventEmitter } = require('node:events'); class A extends EventEmitter { constructor() { super(); this.n = 0; this.on('x', () => this.n++) } } const a = new A(); a.emit('x'); return [a.n, a.constructor.name, EventEmitter.defaultMaxListeners]`,
  'promises that reject are errors where that was asked for': emitter(
    `const c = new EventEmitter({ captureRejections: true }); c.on('a', async () => { throw new Error('late') }); return new Promise((resolve) => { c.on('error', (x) => resolve(x.message)); c.emit('a') })`,
  ),
  'no function is no listener': emitter(`e.on('a', 5)`),
  'util.format': `const { format } = require('util'); return [format('%s %d %i %f %j %o %O %% %c x', 'a', 1.5, '2.9', '3.5', { a: 1 }, [1], { b: { c: {} } }, 'css'), format('%s', Symbol('x'), -0, 5n, null, undefined), format(1, 'a', { a: 1 }), format('%s', { a: { b: 1 } }, class A {}, () => 1), format('100%', 1), format('%x %s', 'y'), format('%s', new Error('e').message), format()]`,
  'util.inspect of what is simple': inspected(
    `1, -0, 'a', "it's", 'a"\\'b', true, null, undefined, 5n, Symbol('x'), [], {}, [1, 'a', null], { a: 1, 'b-c': 2, [Symbol('s')]: 3 }, [[[[1]]]], { a: { b: { c: { d: 1 } } } }, 'line\\nbreak\\u0001'`,
  ),
  'util.inspect of classes and functions': inspected(
    `class A {}, class B extends Map {}, function f() {}, () => {}, function* g() {}, Object.assign(() => {}, { a: 1 }), new (class Foo { x = 1 }), Object.create(null), Object.create({ constructor: undefined }), new (class extends Array {})(2), { get a() { return 1 }, set b(v) {}, get c() { return 1 }, set c(v) {} }`,
  ),
  'util.inspect of collections': inspected(
    `new Map([[1, { a: 2 }], ['b', new Map()]]), new Set([1, 'a', [2]]), new Map(), new Set(), new WeakMap() && 1, new Date(0), new Date(NaN), /a+/gi, new Uint8Array(3), Buffer.from('ab').length, new ArrayBuffer(4), Object(1), Object('ab'), Object(Symbol('q')), [undefined, , 3], [, , ], Object.assign([1], { x: 2 }), (function () { return arguments })(1, 2)`,
  ),
  'util.inspect of long things': inspected(
    `Array.from({ length: 120 }, (_, i) => i), Array.from({ length: 30 }, (_, i) => 'item' + i), 'x'.repeat(200), Object.fromEntries(Array.from({ length: 30 }, (_, i) => ['key' + i, i])), { a: 'x'.repeat(60), b: 'y'.repeat(60) }, ['a'.repeat(50), 'b'.repeat(50)], { text: ('word '.repeat(20) + '\\n').repeat(2) }`,
  ),
  'util.inspect of circles': `const { inspect } = require('util'); const a = { name: 'a' }; a.self = a; a.list = [a, { a }]; const m = new Map(); m.set('m', m); return [inspect(a), inspect(m)]`,
  'util.inspect of nested things on one line or several': inspected(
    `{ a: { b: 1 }, c: [1, 2, { d: 3 }] }, [{ a: 1, b: 2 }, { a: 3, b: 4 }], { a: { b: { c: {} } } }, { first: { second: { third: [1, 2, 3] } }, x: 'some text that is rather long, to be sure', y: 'and some more of it' }`,
  ),
  'util.inspect with options': `const { inspect } = require('util'); const v = { a: { b: { c: { d: 1 } } }, list: [1, 2, 3, 4] }; return [inspect(v, { depth: 0 }), inspect(v, { depth: null }), inspect(v, { compact: false }), inspect(v, { breakLength: Infinity }), inspect(v, { maxArrayLength: 2 }), inspect({ b: 1, a: 2 }, { sorted: true }), inspect('abcdef', { maxStringLength: 3 }), inspect(v, false, 1), inspect({ get a() { return 5 } }, { getters: true })]`,
  'util.inspect of what says itself how': `const { inspect } = require('util'); class A { [inspect.custom](depth, options) { return 'A<' + depth + '>' } } class B { [inspect.custom]() { return { b: 1 } } } return [inspect(new A()), inspect({ a: new A(), b: new B() }), inspect(new A(), { customInspect: false })]`,
  'util.inspect of errors': `const { inspect } = require('util'); const e = new TypeError('no'); e.stack = 'TypeError: no\\n    at f (a.js:1:1)'; const c = new Error('outer', { cause: 'why' }); c.stack = 'Error: outer\\n    at g (a.js:1:1)'; const p = new Error('p'); p.stack = undefined; const k = Object.assign(new Error('k'), { code: 'X' }); k.stack = 'Error: k\\n    at h (a.js:1:1)'; return [inspect(e), inspect({ e }), inspect(c), inspect(k)]`,
  'util.promisify and callbackify': `const { promisify, callbackify } = require('util'); const f = (a, b, cb) => cb(a ? null : new Error('no'), a + b); const p = promisify(f); const c = callbackify(async (x) => { if (!x) throw null; return x * 2 }); const called = (x) => new Promise((r) => c(x, (e, v) => r([e && e.code, v]))); return [await p(1, 2), await p(0, 1).catch((e) => e.message), await called(4), await called(0), promisify(p) !== p, typeof promisify.custom]`,
  'util.isDeepStrictEqual': `const { isDeepStrictEqual: same } = require('util'); const c = {}; c.c = c; const d = {}; d.c = d; return [same({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), same([1], ['1']), same(new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]])), same(new Set([[1]]), new Set([[1]])), same(NaN, NaN), same(0, -0), same(new Date(1), new Date(1)), same(/a/g, /a/), same(new Error('a'), new Error('b')), same(c, d), same(Object.create(null), {}), same([1, , 3], [1, undefined, 3]), same(new Uint8Array([1]), new Uint8Array([1])), same({ a: undefined }, {}), same(Object(1), Object(1)), same(new Set([1]), new Set([2]))]`,
  'util.types': `const { types } = require('util'); const values = [new Date(), /a/, new Map(), new Set(), new WeakMap(), Promise.resolve(), new Error(), new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Uint8Array(), Object(1), Object('a'), Object(1n), (function* () {})(), new Map().keys(), new Set().values(), {}, (function () { return arguments })(), Object.create(Map.prototype), { [Symbol.toStringTag]: 'Date' }, Object.assign(Object.create(Error.prototype))]; return ['isDate', 'isRegExp', 'isMap', 'isSet', 'isWeakMap', 'isPromise', 'isNativeError', 'isArrayBuffer', 'isAnyArrayBuffer', 'isDataView', 'isUint8Array', 'isTypedArray', 'isNumberObject', 'isStringObject', 'isBigIntObject', 'isBoxedPrimitive', 'isGeneratorObject', 'isMapIterator', 'isSetIterator', 'isArgumentsObject', 'isArrayBufferView'].map((name) => values.map((v) => (types[name](v) ? 1 : 0)).join(''))`,
  'util.deprecate, stripVTControlCharacters, toUSVString': `const u = require('util'); return [u.deprecate((a) => a + 1, 'old')(1), u.stripVTControlCharacters('\\u001b[31mred\\u001b[0m'), u.toUSVString('a\\ud800'), u.debuglog('x')('y') === undefined, new u.TextDecoder().decode(new u.TextEncoder().encode('é'))]`,
});
