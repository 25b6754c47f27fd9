/**
 * Realm: out of the engine's realm and into the one that hosts it. The ideas are those of published escapes of vm2,
 * isolated-vm, QuickJS sandboxes and n8n: anything that the host made, or throws, may lead to its constructor.
 */

import { LANGUAGE_WALLS, type Attack } from '../attack.ts';
import { escape } from '../guest.ts';

const BODIES: readonly (readonly [name: string, body: string])[] = [
  ['The Function constructor', `compile('Function', globalThis.Function); compile('its own', (() => {}).constructor)`],
  ['A direct eval', `if (eval('6*7') === 42) hit('eval')`],
  [
    'An indirect eval',
    `if ((0, globalThis.eval)('6*7') === 42 || Reflect.apply(eval, null, ['6*7']) === 42) hit('eval')`,
  ],
  ['The constructor of async functions', `compile('AsyncFunction', (async () => {}).constructor)`],
  ['The constructor of generators', `compile('GeneratorFunction', (function* () {}).constructor)`],
  ['The constructor of async generators', `compile('AsyncGeneratorFunction', (async function* () {}).constructor)`],
  [
    'A subclass of Function',
    `class F extends Function {} compile('subclass', F); compile('construct', (text) => Reflect.construct((() => {}).constructor, [text], class {}))`,
  ],
  [
    'Bound and proxied constructors of functions',
    `const F = (() => {}).constructor; compile('bound', F.bind(null)); compile('proxied', new Proxy(F, {})); compile('called', (text) => F.call({}, text))`,
  ],
  [
    'Escaped identifiers',
    `if (\\u0065val('6*7') === 42) hit('eval'); compile('escaped', (() => {})['con\\u0073tructor'])`,
  ],
  [
    'A timer with a text',
    `globalThis.ran = 0; setTimeout('globalThis.ran = 42', 0); await new Promise((resolve) => setTimeout(resolve, 20)); if (globalThis.ran === 42) hit('setTimeout')`,
  ],
  [
    'The constructors behind a request',
    `for (const [name, value] of Object.entries({ request, headers: request.headers, signal: request.signal, body: request.body, url: new URL(request.url) })) inspect(name, value)`,
  ],
  [
    'The constructors behind the environment and the context',
    `inspect('env', env); inspect('ctx', ctx); for (const key in ctx) inspect('ctx.' + key, ctx[key])`,
  ],
  [
    'The constructors behind every global',
    `for (const name of Reflect.ownKeys(globalThis)) { let value; try { value = globalThis[name]; } catch { continue; } if (value !== globalThis) inspect(String(name), value); }`,
  ],
  [
    'The constructors behind a response and its stream',
    `const response = new Response('x'); inspect('response', response); inspect('stream', response.body); const reader = new Response('y').body.getReader(); inspect('reader', reader); inspect('chunk', (await reader.read()).value)`,
  ],
  [
    'The constructors behind a fetch that is refused',
    `const promise = fetch('http://127.0.0.1:1/'); inspect('promise', promise); const error = await promise.catch((e) => e); inspect('error', error); inspect('cause', error.cause); inspect('stack', error.stack)`,
  ],
  [
    'The constructors behind the errors of web APIs',
    `for (const f of [() => new URL('x'), () => new Headers([1]), () => new Response('', { status: 1 }), () => structuredClone(() => {}), () => atob('*'), () => new TextDecoder('x'), () => crypto.getRandomValues(1), () => new Request('::')]) inspect(String(f), caught(f))`,
  ],
  [
    'The constructors behind a stack overflow',
    `let deepest; const f = () => { try { f(); } catch (error) { deepest ??= error; throw error; } }; caught(f); inspect('overflow', deepest)`,
  ],
  [
    'A stack overflow inside of a web API',
    `const errors = []; const dive = (f) => { const go = () => { try { go(); } catch (error) { errors.push(error); } try { f(); } catch (error) { errors.push(error); } }; go(); }; for (const f of [() => console.log('x'), () => new URL('http://a/'), () => new Headers({ a: 'b' }).get('a'), () => structuredClone({}), () => setTimeout(() => {}, 0)]) dive(f); for (const error of errors.slice(0, 500)) inspect('overflow', error)`,
  ],
  [
    'The call sites of an error',
    `Error.prepareStackTrace = (error, sites) => { for (const site of sites ?? []) { inspect('this', site.getThis?.()); inspect('function', site.getFunction?.()); const file = String(site.getFileName?.()); if (/isolated-vm|node:|executor/.test(file)) hit(file); } return ''; }; try { null.x; } catch (error) { void error.stack; } void caught(() => new URL('x'))?.stack; request.headers.get('a')`,
  ],
  [
    'A prepareStackTrace on a prototype',
    `Object.prototype.prepareStackTrace = (error, sites) => { for (const site of sites ?? []) inspect('site', site.getThis?.()); return 'x'; }; void new Error('x').stack; void (await caughtLater(() => fetch('x:')))?.stack`,
  ],
  [
    'An error whose name is a symbol, thrown in an async function',
    `const error = new Error(); error.name = Symbol(); const found = await caughtLater(async () => { void error.stack; throw error; }); inspect('found', found); const other = await caughtLater(async () => String(error)); inspect('other', other)`,
  ],
  [
    'A proxy of which the prototype trap throws, thrown',
    `const hostile = new Proxy({}, { getPrototypeOf() { throw new Error('trap'); } }); for (const f of [() => { throw hostile; }, async () => { throw hostile; }, () => Promise.reject(hostile)]) { const found = await caughtLater(f); if (found !== hostile) inspect('found', found); }`,
  ],
  [
    'A custom inspector',
    `const key = Symbol.for('nodejs.util.inspect.custom'); console.log({ [key](depth, options, inspectIt) { inspect('options', options); inspect('inspect', inspectIt); inspect('stylize', options?.stylize); return 'x'; } }); console.log('%o', { [key]: { call() { hit('called'); } } })`,
  ],
  [
    'A log of proxies and accessors',
    `console.log(new Proxy({}, { get(target, key, receiver) { inspect('receiver', receiver); return undefined; }, ownKeys() { return ['a']; }, getOwnPropertyDescriptor() { return { value: 1, configurable: true, enumerable: true }; } }), { get a() { inspect('this', this); return 1; } })`,
  ],
  [
    'Species of Promise',
    `class P extends Promise { static get [Symbol.species]() { return function (executor) { executor((value) => inspect('value', value), (reason) => inspect('reason', reason)); }; } } P.resolve(1).then(() => 1); const promise = fetch('http://127.0.0.1:1/'); try { promise.constructor = { [Symbol.species]: class { constructor(executor) { inspect('executor', executor); executor(() => {}, (reason) => inspect('reason', reason)); } } }; promise.then(() => 1); } catch {} await promise.catch(() => 1)`,
  ],
  [
    'Species of Array',
    `class A extends Array { static get [Symbol.species]() { return function (n) { const made = []; return new Proxy(made, { defineProperty(target, key, slot) { inspect('slot', slot.value); return Reflect.defineProperty(target, key, slot); } }); }; } } const headers = new Headers(A.from([['a', 'b']])); [...headers]; new Response(A.from([1])).headers; new URLSearchParams(A.from([['a', 'b']])).toString()`,
  ],
  [
    'Thenables among promises',
    `const thenable = { then(resolve, reject) { inspect('resolve', resolve); inspect('reject', reject); resolve(1); } }; await thenable; await Promise.all([thenable]); ctx.waitUntil?.(thenable)`,
  ],
  [
    'Array.fromAsync over a hostile iterable',
    `if (Array.fromAsync) await Array.fromAsync({ [Symbol.asyncIterator]() { inspect('this', this); return { next() { inspect('iterator', this); return { done: true }; } }; } }); class C { static fromAsync = Array.fromAsync } if (C.fromAsync) inspect('made', await C.fromAsync([1]))`,
  ],
  [
    'SuppressedError and AggregateError',
    `for (const C of [globalThis.SuppressedError, AggregateError]) if (C) { const error = new C([new Error('a')], new Error('b'), 'c'); inspect('error', error); compile('errors', error.errors?.constructor?.constructor); }`,
  ],
  [
    'Arguments, caller and callee',
    `function f() { try { inspect('callee', arguments.callee); } catch {} try { inspect('caller', f.caller); } catch {} try { inspect('arguments', f.arguments); } catch {} } f(); console.log({ toString: f, toJSON: f, [Symbol.toPrimitive]: f }); new Response({ toString() { f(); return 'x'; } })`,
  ],
  [
    'Getters among options, and who reads them',
    `const spy = (name) => new Proxy({}, { get(target, key, receiver) { try { throw new Error(); } catch (error) { if (/isolated-vm|node:internal/.test(error.stack)) hit(error.stack); } return undefined; } }); new Response('x', spy('init')); new Request('http://a/', spy('init')); new Headers(spy('headers')); structuredClone(1, spy('options')); new Event('x', spy('event')); await caughtLater(() => fetch('http://127.0.0.1:1/', spy('fetch')))`,
  ],
  [
    'Methods on what they were not made for',
    `for (const C of [Response, Request, Headers, URL, URLSearchParams, AbortController, ReadableStream, TextEncoder, Event, EventTarget]) for (const key of Reflect.ownKeys(C.prototype)) { const slot = Object.getOwnPropertyDescriptor(C.prototype, key); for (const f of [slot.value, slot.get, slot.set]) if (typeof f === 'function') for (const self of [new Proxy({}, {}), globalThis, null, 1, f]) { let value; try { value = Reflect.apply(f, self, []); } catch (error) { value = error; } if (value !== globalThis && value !== self) { inspect(C.name + '.' + String(key), value); value?.catch?.(() => 0); } } }`,
  ],
  [
    'New targets of another kind',
    `for (const C of [Response, Request, Headers, URL, ReadableStream, Event, AbortController]) for (const T of [Array, Object, Promise, Proxy, function () {}, class extends Map {}]) { try { inspect(C.name, Reflect.construct(C, ['http://a/'], T)); } catch (error) { inspect('error', error); } }`,
  ],
  [
    'A dynamic import of modules of Node',
    `for (const name of ['node:fs', 'fs', 'node:child_process', 'node:module', 'isolated-vm']) { try { inspect(name, await import(name)); hit(name); } catch (error) { inspect('error', error); } }`,
  ],
  [
    'A dynamic import of data and files',
    `for (const url of ['data:text/javascript,export default 42', 'file:///etc/passwd', '/etc/passwd', 'blob:x', 'https://example.com/x.js']) { try { await import(url); hit(url); } catch (error) { inspect('error', error); } }`,
  ],
  [
    'What import.meta holds',
    `let meta; try { meta = import.meta; } catch {} for (const key of Object.getOwnPropertyNames(meta ?? {})) { if (/resolve|require|dirname|filename/.test(key)) inspect(key, meta[key]); if (/^file:|\\/cordon\\//.test(String(meta[key]))) hit(key); }`,
  ],
  [
    'The hand-over of the code',
    `for (const name of Reflect.ownKeys(globalThis).map(String)) if (/cordon|bundle|handover|__/i.test(name) && !/^__(define|lookup)|^__proto__$/.test(name)) hit(name)`,
  ],
  [
    'Globals of Node',
    `for (const name of ['process', 'require', 'module', 'exports', '__dirname', '__filename', 'global', 'Buffer', 'setImmediate', 'ivm', 'isolated_vm']) if (typeof globalThis[name] !== 'undefined' && !(name === 'Buffer' || name === 'global' || name === 'process' || name === 'setImmediate') ) hit(name); inspect('process', globalThis.process?.mainModule); if (typeof globalThis.process?.binding === 'function') hit('process.binding'); if (typeof globalThis.process?.dlopen === 'function') hit('process.dlopen')`,
  ],
  [
    'Globals of QuickJS and its shells',
    `for (const name of ['std', 'os', 'bjson', 'scriptArgs', '__loadScript', 'print', 'readFile', 'loadScript', 'load', 'quit', 'drainJobs', 'd8', 'Realm', '$262', 'gc']) if (typeof globalThis[name] !== 'undefined') hit(name)`,
  ],
  [
    'The global object, asked for in every way',
    `inspect('this', (function () { return this; })()); inspect('call', (function () { return this; }).call(null)); inspect('getter', Object.defineProperty({}, 'a', { get() { return this; } }).a); inspect('proto', Object.getPrototypeOf(globalThis)); inspect('self', globalThis.self); inspect('frames', globalThis.top ?? globalThis.parent ?? globalThis.frames)`,
  ],
  [
    'Compiled WebAssembly',
    `const W = globalThis.WebAssembly; const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]); if (W?.Module) try { new W.Module(bytes); hit('Module'); } catch {} if (W?.instantiate) try { await W.instantiate(bytes); hit('instantiate'); } catch {} if (W?.JSTag || W?.Suspending || W?.promising) hit('JSPI')`,
  ],
  [
    'Shared memory and a clock made of it',
    `if (typeof SharedArrayBuffer !== 'undefined') hit('SharedArrayBuffer'); if (typeof Atomics !== 'undefined') hit('Atomics'); try { const M = new globalThis.WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }); if (M) hit('Memory'); } catch {}`,
  ],
  [
    'A shadow realm',
    `if (typeof ShadowRealm !== 'undefined') { const realm = new ShadowRealm(); if (realm.evaluate('6*7') === 42) hit('ShadowRealm'); }`,
  ],
  [
    'Callbacks of the garbage collector',
    `const registry = new FinalizationRegistry((held) => inspect('held', held)); for (let i = 0; i < 1000; i++) registry.register({}, i); const ref = new WeakRef(request); inspect('ref', ref.deref()); for (let i = 0; i < 50; i++) new Array(1e5).fill(i); await new Promise((resolve) => setTimeout(resolve, 20))`,
  ],
  [
    'A structured clone of what leads out',
    `for (const value of [new Error('x'), new Map([[1, 2]]), new Date(), /x/g, new Uint8Array(4), Object(1n), { a: [1] }, new DOMException('x', 'y')]) { try { inspect('clone', structuredClone(value)); } catch (error) { inspect('error', error); } } const channel = globalThis.MessageChannel ? new MessageChannel() : null; if (channel) { channel.port1.onmessage = (event) => { inspect('event', event); inspect('data', event.data); inspect('source', event.source); }; channel.port2.postMessage({ a: 1 }); await new Promise((resolve) => setTimeout(resolve, 20)); channel.port1.close(); }`,
  ],
  [
    'Events, and what handles them',
    `const target = new EventTarget(); target.addEventListener('x', { handleEvent(event) { inspect('event', event); inspect('this', this); inspect('path', event.composedPath?.()); } }); target.dispatchEvent(new Event('x')); const controller = new AbortController(); controller.signal.onabort = function (event) { inspect('abort', this); inspect('event', event); }; controller.abort(); inspect('reason', controller.signal.reason)`,
  ],
  [
    'The whole graph of objects, walked',
    `const seen = new Set(); const visit = (value, path, depth) => { if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 4 || seen.size > 20000) return; seen.add(value); for (const key of Reflect.ownKeys(value)) { let inner; try { inner = value[key]; } catch (error) { inner = error; } if (/^(applySync|applyIgnored|derefInto|getSync|copySync|isolate|release)$/.test(String(key)) && value !== OUTSIDE) hit(path + '.' + String(key)); visit(inner, path + '.' + String(key), depth + 1); } try { visit(Object.getPrototypeOf(value), path + '.proto', depth + 1); } catch {} }; for (const [name, value] of Object.entries({ request, env, ctx, console, fetch, crypto: globalThis.crypto, performance: globalThis.performance, navigator: globalThis.navigator })) visit(value, name, 0)`,
  ],
  [
    'Decorated disposables and iterator helpers',
    `const iterator = [1, 2].values().map?.((x) => x); if (iterator) inspect('iterator', iterator); const I = globalThis.Iterator; if (I) { inspect('from', I.from({ next() { inspect('this', this); return { done: true }; } })); inspect('toArray', I.from([1]).toArray()); } const D = globalThis.DisposableStack; if (D) { const stack = new D(); stack.defer(function () { inspect('this', this); throw new Error('x'); }); inspect('error', caught(() => stack.dispose())); }`,
  ],
  [
    'Tagged templates and regular expressions as functions',
    `const tag = (strings, ...values) => { inspect('strings', strings); inspect('raw', strings.raw); }; tag\`a\${request}b\`; 'x'.replace(/x/, (...all) => { for (const value of all) inspect('match', value); return ''; }); inspect('match', 'aXb'.match(/(?<name>X)/)?.groups); inspect('input', RegExp.input ?? RegExp.$_); inspect('legacy', RegExp['$&'])`,
  ],
  [
    'Intl, Temporal and their resolved options',
    `for (const [name, make] of Object.entries({ format: () => new Intl.DateTimeFormat(), segmenter: () => new Intl.Segmenter(), list: () => new Intl.ListFormat(), now: () => globalThis.Temporal?.Now })) { try { const value = make(); inspect(name, value); inspect(name + '.options', value?.resolvedOptions?.()); } catch (error) { inspect('error', error); } }`,
  ],
  [
    'Streams whose methods are called with what is not theirs',
    `let control; const stream = new ReadableStream({ start(controller) { control = controller; inspect('controller', controller); inspect('this', this); }, pull(controller) { inspect('pull', this); controller.close(); }, cancel(reason) { inspect('reason', reason); } }, { size(chunk) { inspect('size', this); return 1; } }); inspect('stream', stream); const [a, b] = stream.tee(); inspect('tee', a); await a.cancel(new Error('x')).catch(() => 0); void b; try { control.error(new Proxy({}, {})); } catch (error) { inspect('error', error); }`,
  ],
];

const SCRIPTS: readonly (readonly [name: string, code: string])[] = [
  [
    'Closing the function around a script body',
    `}); globalThis.escaped = typeof process; (() => { return globalThis.escaped;`,
  ],
  ['Ending a script body with a comment', `return 1; /*`],
  ['Ending a script body with a template', 'return `${1'],
  ['Closing the module around a script body', `} } } ; export const escaped = 1; export default { fetch() { { {`],
];

/** A script body that reaches over its end: it does not compile, or means nothing more than it says. */
const scripts: readonly Attack[] = SCRIPTS.map(([name, code]) => ({
  name,
  class: 'realm',
  tiers: LANGUAGE_WALLS,
  private: false,
  async run(lab) {
    const target = await lab.deploy({ code, handlerKind: 'script' });
    if (!target.ok)
      return {
        held: target.answer.status === 400 || target.answer.status === 422,
        text: `refused: ${target.answer.code}`,
      };
    const { status, text } = await target.call();
    return { held: !/object|process/.test(text), text: `answered ${status} ${text.slice(0, 100)}` };
  },
}));

export const REALM: readonly Attack[] = [
  ...BODIES.map(([name, body]) => escape({ name, class: 'realm', tiers: LANGUAGE_WALLS, body })),
  ...scripts,
];
