/** Results: values and errors that bite whoever looks at them, on their way out of a function. */

import { LANGUAGE_WALLS, type Attack } from '../attack.ts';
import { result } from '../guest.ts';

const BODIES: readonly (readonly [name: string, body: string])[] = [
  [
    'A proxy as a result',
    `return new Proxy({}, { get() { throw new Error('trap'); }, ownKeys() { throw 1; }, getPrototypeOf() { throw 2; } })`,
  ],
  ['A revoked proxy as a result', `const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy`],
  [
    'A revoked proxy of a function as a result',
    `const { proxy, revoke } = Proxy.revocable(() => 1, {}); revoke(); return proxy`,
  ],
  ['A proxy of a response as a result', `return new Proxy(new Response('x'), {})`],
  ['A response without its internals as a result', `return Object.create(Response.prototype)`],
  [
    'A response of a subclass whose accessors throw',
    `return new (class extends Response { get status() { throw new Error('no'); } get headers() { throw 1; } get body() { throw 2; } })('x')`,
  ],
  [
    'A thenable as a result',
    `return { then(resolve) { resolve(new Response('x')); resolve(new Response('y')); throw new Error('late'); } }`,
  ],
  ['A thenable that never answers', `return { then() {} }`],
  ['A thenable that throws', `return { get then() { throw new Error('no'); } }`],
  [
    'A promise of itself',
    `let resolve; const promise = new Promise((done) => { resolve = done; }); resolve({ then: (f) => f(promise) }); return promise`,
  ],
  ['An endless chain of thenables', `const more = () => ({ then(resolve) { resolve(more()); } }); return more()`],
  [
    'A result whose accessors throw',
    `return { get statusCode() { throw new Error('no'); }, get headers() { throw 1; }, get body() { throw 2; } }`,
  ],
  [
    'A result whose accessors change their answer',
    `let n = 0; return { get statusCode() { return n++ === 0 ? 200 : { valueOf() { return 9e9; } }; }, get headers() { return n++ % 2 ? {} : 'x'; }, get body() { return n++ % 2 ? 'a' : { toString: 1 }; } }`,
  ],
  [
    'A result with a toJSON of its own',
    `return { body: { toJSON() { return { toJSON() { return 'x'; } }; } }, toJSON() { throw new Error('no'); } }`,
  ],
  [
    'A result that converts itself',
    `return { statusCode: { [Symbol.toPrimitive]() { throw new Error('no'); } }, body: { [Symbol.toPrimitive]() { return Symbol(); } } }`,
  ],
  ['A BigInt as a result', `return { statusCode: 200n, body: 10n ** 100n }`],
  ['A symbol as a result', `return Symbol('x')`],
  ['A function as a result', `return function () { return this; }`],
  ['A cyclic result', `const value = {}; value.body = value; value.headers = value; return value`],
  [
    'A result of a hundred thousand levels',
    `let value = {}; for (let i = 0; i < 1e5; i++) value = [value]; return value`,
  ],
  ['A result with a million keys', `const value = {}; for (let i = 0; i < 1e6; i++) value['k' + i] = i; return value`],
  ['A sparse array of four billion as a result', `const value = []; value.length = 2 ** 32 - 1; return value`],
  [
    'An object that says it is an endless array',
    `return { statusCode: 200, body: { length: 2 ** 53 - 1, [Symbol.iterator]: Array.prototype.values } }`,
  ],
  ['A body of five hundred million characters', `return new Response('x'.repeat(2 ** 29 - 100))`],
  ['A body of unpaired surrogates', `return new Response('\\ud800'.repeat(1e5))`],
  [
    'A body of Float16 and other views',
    `return new Response(globalThis.Float16Array ? new Float16Array(10) : new Float64Array(10))`,
  ],
  ['A top-level Float16Array', `return globalThis.Float16Array ? new Float16Array(1000) : new Float32Array(1000)`],
  [
    'A detached buffer as a body',
    `const buffer = new ArrayBuffer(1000); const view = new Uint8Array(buffer); structuredClone(buffer, { transfer: [buffer] }); return new Response(view)`,
  ],
  [
    'A buffer that shrinks while it is read',
    `const buffer = new ArrayBuffer(1000, { maxByteLength: 4000 }); const view = new Uint8Array(buffer); const response = new Response(view); buffer.resize?.(1); return response`,
  ],
  ['Numbers that are no status', `return { statusCode: keep.push(1) % 2 ? NaN : Infinity, body: 'x' }`],
  ['A status that is a line', `return { statusCode: '200 OK\\r\\nx-injected: 1', body: 'x' }`],
  ['A status of an own class', `return { statusCode: -1, headers: new Map([['a', 'b']]), body: new Date(NaN) }`],
  [
    'Headers that are a proxy',
    `return { statusCode: 200, headers: new Proxy({}, { ownKeys() { return ['a', 'a']; }, getOwnPropertyDescriptor() { return { value: 1, enumerable: true, configurable: true }; } }), body: 'x' }`,
  ],
  [
    'Headers with the names of prototypes',
    `return { statusCode: 200, headers: JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}'), body: 'x' }`,
  ],
  [
    'A stream that fails',
    `return new Response(new ReadableStream({ pull(controller) { controller.error(new Proxy({}, { get() { throw 1; } })); } }))`,
  ],
  [
    'A stream of what are no bytes',
    `return new Response(new ReadableStream({ start(controller) { for (const x of [1, {}, null, Symbol(), () => 1, new Proxy([], {})]) controller.enqueue(x); controller.close(); } }))`,
  ],
  [
    'A stream of detached chunks',
    `return new Response(new ReadableStream({ start(controller) { const chunk = new Uint8Array(10); controller.enqueue(chunk); structuredClone(chunk.buffer, { transfer: [chunk.buffer] }); controller.close(); } }))`,
  ],
  [
    'A stream that is locked and read elsewhere',
    `const stream = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); } }); const response = new Response(stream); stream.getReader?.call(stream); return response`,
  ],
  ['A body that was used before', `const response = new Response('x'); await response.text(); return response`],
  ['undefined, thrown', `throw undefined`],
  ['A symbol, thrown', `throw Symbol('x')`],
  ['An object without a prototype, thrown', `throw Object.create(null)`],
  ['A frozen error', `throw Object.freeze(new Error('x'))`],
  [
    'A proxy of an error',
    `throw new Proxy(new Error('x'), { get() { throw new Error('trap'); }, has() { throw 1; }, getPrototypeOf() { throw 2; } })`,
  ],
  ['A revoked proxy, thrown', `const { proxy, revoke } = Proxy.revocable(new Error('x'), {}); revoke(); throw proxy`],
  [
    'An error whose accessors throw themselves',
    `const error = new Error('x'); for (const key of ['message', 'stack', 'name', 'cause', 'code']) Object.defineProperty(error, key, { get() { throw error; } }); throw error`,
  ],
  [
    'An error whose texts are objects',
    `throw Object.assign(new Error('x'), { message: { toString() { throw 1; } }, stack: [1, [2]], name: Symbol() })`,
  ],
  ['An error with a message of a hundred megabytes', `throw new Error('x'.repeat(1e8))`],
  [
    'An error with a stack full of control characters',
    `throw Object.assign(new Error('\\u001b[2J\\r\\n\\u0000'), { stack: '\\u001b]0;x\\u0007\\r\\nHTTP/1.1 200 OK\\r\\n' })`,
  ],
  [
    'An aggregate of itself',
    `const error = new AggregateError([], 'x'); error.errors.push(error); error.cause = error; throw error`,
  ],
  [
    'A rejection that nobody handles',
    `for (let i = 0; i < 1e4; i++) Promise.reject({ get message() { throw new Error('no'); } })`,
  ],
  [
    'An error after the answer',
    `setTimeout(() => { throw new Proxy({}, { get() { throw 1; } }); }, 0); queueMicrotask(() => { throw null; })`,
  ],
];

export const RESULTS: readonly Attack[] = BODIES.map(([name, body]) =>
  result({ name, class: 'results', tiers: LANGUAGE_WALLS, body }),
);
