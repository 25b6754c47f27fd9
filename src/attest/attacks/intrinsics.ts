/** Intrinsics: what every part of a realm relies on, patched by the function, under whatever of ours runs beside it. */

import { LANGUAGE_WALLS, type Attack } from '../attack.ts';
import { patch } from '../guest.ts';

const throwing = (names: readonly string[]): string =>
  `for (const key of ${JSON.stringify(names)}) define(Object.prototype, key, { __proto__: null, get() { record('Object.prototype.' + key); return undefined; }, set(value) { record('Object.prototype.' + key + '='); define(this, key, { __proto__: null, value, writable: true, configurable: true, enumerable: true }); }, configurable: true });`;

const PATCHES: readonly (readonly [what: string, body: string])[] = [
  ['Promise.prototype.then', `wrap(Promise.prototype, 'then', 'Promise')`],
  [
    'Promise.prototype.catch and finally',
    `wrap(Promise.prototype, 'catch', 'Promise'); wrap(Promise.prototype, 'finally', 'Promise')`,
  ],
  ['the functions of Promise', `wrapAll(Promise, 'Promise', ['prototype', 'length', 'name'])`],
  [
    'the species and the constructor of Promise',
    `define(Promise, Symbol.species, { __proto__: null, get() { record('species'); return class {}; }, configurable: true }); define(Promise.prototype, 'constructor', { __proto__: null, get() { record('constructor'); return class {}; }, configurable: true })`,
  ],
  ['Array.prototype[Symbol.iterator]', `wrap(Array.prototype, Symbol.iterator, 'Array')`],
  ['every method of arrays', `wrapAll(Array.prototype, 'Array')`],
  ['the functions of Array', `wrapAll(Array, 'Array', ['prototype', 'length', 'name'])`],
  [
    'setters for the indices of arrays',
    `for (let i = 0; i < 64; i++) define(Array.prototype, String(i), { __proto__: null, get() { record('get ' + i); }, set(value) { record('set ' + i); define(this, String(i), { __proto__: null, value, writable: true, enumerable: true, configurable: true }); }, configurable: true })`,
  ],
  ['Object.prototype.then', throwing(['then'])],
  [
    'the names of descriptors on Object.prototype',
    throwing(['get', 'set', 'value', 'writable', 'enumerable', 'configurable']),
  ],
  [
    'the names of options on Object.prototype',
    throwing(['status', 'headers', 'body', 'method', 'signal', 'cause', 'reference', 'copy', 'transfer', 'timeout']),
  ],
  [
    'the names of iteration on Object.prototype',
    throwing(['next', 'done', 'return', 'throw', 'length', 'id', 'meta', 'kind']),
  ],
  [
    'toJSON on every prototype',
    `for (const C of [Object, Array, String, Number, Boolean, Date]) define(C.prototype, 'toJSON', { __proto__: null, value() { record('toJSON'); return 'x'; }, configurable: true, writable: true })`,
  ],
  [
    'Object.prototype.__proto__ and hasOwnProperty',
    `wrap(Object.prototype, 'hasOwnProperty', 'Object'); wrap(Object.prototype, 'toString', 'Object'); wrap(Object.prototype, 'valueOf', 'Object'); define(Object.prototype, '__proto__', { __proto__: null, get() { record('__proto__'); }, set() { record('__proto__='); }, configurable: true })`,
  ],
  [
    'Function.prototype.call, apply and bind',
    `for (const key of ['call', 'apply', 'bind', 'toString', Symbol.hasInstance]) wrap(Function.prototype, key, 'Function')`,
  ],
  ['JSON', `wrapAll(JSON, 'JSON')`],
  ['Map and Set', `wrapAll(Map.prototype, 'Map'); wrapAll(Set.prototype, 'Set')`],
  [
    'WeakMap, WeakSet and WeakRef',
    `wrapAll(WeakMap.prototype, 'WeakMap'); wrapAll(WeakSet.prototype, 'WeakSet'); wrapAll(WeakRef.prototype, 'WeakRef')`,
  ],
  [
    'every method of strings',
    `wrapAll(String.prototype, 'String'); wrap(String, 'fromCharCode', 'String'); wrap(String, 'fromCodePoint', 'String')`,
  ],
  ['every method of regular expressions', `wrapAll(RegExp.prototype, 'RegExp')`],
  [
    'numbers, symbols and BigInt',
    `wrapAll(Number.prototype, 'Number'); wrapAll(Number, 'Number', ['prototype', 'length', 'name']); wrapAll(Symbol.prototype, 'Symbol'); wrapAll(BigInt.prototype, 'BigInt')`,
  ],
  ['Reflect', `wrapAll(Reflect, 'Reflect')`],
  ['the functions of Object', `wrapAll(Object, 'Object', ['prototype', 'length', 'name'])`],
  [
    'typed arrays',
    `const T = Object.getPrototypeOf(Uint8Array); wrapAll(T.prototype, 'TypedArray'); wrapAll(T, 'TypedArray', ['prototype', 'length', 'name']); wrapAll(Uint8Array.prototype, 'Uint8Array')`,
  ],
  [
    'ArrayBuffer and DataView',
    `wrapAll(ArrayBuffer.prototype, 'ArrayBuffer'); wrapAll(DataView.prototype, 'DataView'); wrap(ArrayBuffer, 'isView', 'ArrayBuffer')`,
  ],
  [
    'the species of typed arrays and buffers',
    `for (const C of [Object.getPrototypeOf(Uint8Array), ArrayBuffer]) define(C, Symbol.species, { __proto__: null, get() { record('species'); return Array; }, configurable: true })`,
  ],
  ['the text encoders', `wrapAll(TextEncoder.prototype, 'TextEncoder'); wrapAll(TextDecoder.prototype, 'TextDecoder')`],
  [
    'streams and their readers',
    `wrapAll(ReadableStream.prototype, 'ReadableStream'); const reader = new ReadableStream({}).getReader(); wrapAll(Object.getPrototypeOf(reader), 'Reader')`,
  ],
  ['Headers', `wrapAll(Headers.prototype, 'Headers')`],
  [
    'Request, Response and their accessors',
    `for (const C of [Request, Response]) for (const key of Reflect.ownKeys(C.prototype)) { const slot = Object.getOwnPropertyDescriptor(C.prototype, key); if (key !== 'constructor' && slot.configurable && slot.get) define(C.prototype, key, { __proto__: null, ...slot, get() { record(C.name + '.' + String(key)); return apply(slot.get, this, []); } }); } wrapAll(Request.prototype, 'Request'); wrapAll(Response.prototype, 'Response')`,
  ],
  ['URL and its parameters', `wrapAll(URL.prototype, 'URL'); wrapAll(URLSearchParams.prototype, 'URLSearchParams')`],
  [
    'abort signals and event targets',
    `wrapAll(EventTarget.prototype, 'EventTarget'); wrapAll(AbortSignal.prototype, 'AbortSignal'); wrapAll(AbortController.prototype, 'AbortController')`,
  ],
  [
    'errors',
    `wrapAll(Error.prototype, 'Error'); wrapAll(Error, 'Error', ['prototype', 'length', 'name']); define(Error, 'stackTraceLimit', { __proto__: null, get() { record('stackTraceLimit'); return 10; }, set() {}, configurable: true }); define(Error, 'prepareStackTrace', { __proto__: null, get() { record('prepareStackTrace'); }, set() {}, configurable: true })`,
  ],
  [
    'the prototypes of iterators',
    `const I = Object.getPrototypeOf(Object.getPrototypeOf([].values())); wrapAll(I, 'Iterator'); for (const made of [[].values(), new Map().values(), new Set().values(), ''[Symbol.iterator]()]) wrap(Object.getPrototypeOf(made), 'next', 'next')`,
  ],
  [
    'Date, Math and the clock',
    `wrapAll(Math, 'Math'); wrapAll(Date.prototype, 'Date'); wrap(Date, 'now', 'Date'); wrapAll(performance, 'performance')`,
  ],
  [
    'timers and microtasks',
    `for (const key of ['setTimeout', 'clearTimeout', 'setInterval', 'queueMicrotask', 'structuredClone', 'fetch']) wrap(globalThis, key, 'global')`,
  ],
  ['the console', `wrapAll(console, 'console')`],
  [
    'every global, taken away',
    `for (const key of Reflect.ownKeys(globalThis)) { try { delete globalThis[key]; } catch {} }`,
  ],
  [
    'every global constructor, replaced',
    `for (const key of ['Promise', 'Array', 'Object', 'Map', 'Set', 'Uint8Array', 'ArrayBuffer', 'Response', 'Request', 'Headers', 'Error', 'TypeError', 'Proxy', 'Symbol', 'String', 'JSON', 'Reflect']) define(globalThis, key, { __proto__: null, get() { record(key); return class {}; }, configurable: true })`,
  ],
  [
    'the prototype of the global object',
    `try { Object.setPrototypeOf(globalThis, new Proxy({}, { get(target, key) { record('global ' + String(key)); }, has() { record('has'); return true; } })); } catch {}`,
  ],
  [
    'the prototype of Object.prototype and of functions',
    `for (const owner of [Array.prototype, Function.prototype, Promise.prototype, Error.prototype]) { try { Object.setPrototypeOf(owner, new Proxy({}, { get(target, key) { record('proto ' + String(key)); }, getPrototypeOf() { return null; } })); } catch {} }`,
  ],
  [
    'everything, frozen',
    `for (const C of [Object, Array, Function, Promise, String, Error, Response, Request, Headers]) { Object.freeze(C.prototype); Object.freeze(C); } Object.freeze(globalThis)`,
  ],
];

export const INTRINSICS: readonly Attack[] = PATCHES.map(([what, body]) =>
  patch({ name: `Patching ${what}`, class: 'intrinsics', tiers: LANGUAGE_WALLS, body }),
);
