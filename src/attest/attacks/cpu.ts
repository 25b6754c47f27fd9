/** CPU: never giving the processor back, by every kind of work that an engine does without looking up. */

import { LANGUAGE_WALLS, type Attack } from '../attack.ts';
import { exhaust } from '../guest.ts';

/** What is stopped from outside is a time-out; a check of the engine's may come first. */
const TIMED_OUT = /^(?:TIMED_OUT|SANDBOX_RECYCLED)$/;
const BOUNDED = /^(?:TIMED_OUT|OUT_OF_MEMORY|HANDLER_THREW|SANDBOX_RECYCLED|BAD_RESPONSE|RESPONSE_TOO_LARGE)$/;

const ENDLESS: readonly (readonly [name: string, body: string])[] = [
  ['An endless loop', `while (true) {}`],
  ['A loop that goes on in its finally', `for (;;) { try { continue; } finally { continue; } }`],
  ['A loop of allocations that ignored interrupts', `for (;;) new Array(1000).fill(1)`],
  [
    'A loop that catches whatever would end it',
    `const f = () => { for (;;) { try { for (;;) {} } catch { f(); } finally { f(); } } }; f()`,
  ],
  ['A generator that is spread for ever', `function* f() { for (;;) yield; } for (const x of f()) { if (x) break; }`],
  ['A loop of microtasks', `for (;;) await null`],
  ['Microtasks that make microtasks', `const f = () => queueMicrotask(f); f(); await new Promise(() => {})`],
  ['A thenable that goes on for ever', `const next = { then(resolve) { resolve(next); } }; await next`],
  [
    'An async iterator without an end',
    `for await (const x of { [Symbol.asyncIterator]() { return { next: () => ({ value: 1, done: false }) }; } }) { if (!x) break; }`,
  ],
  [
    'Timers of no delay that set timers',
    `const f = () => setTimeout(f, 0); for (let i = 0; i < 50; i++) f(); await new Promise(() => {})`,
  ],
  ['A promise that is never settled', `await new Promise(() => {})`],
  ['A regular expression that backtracks', `/^(a+)+$/.test('a'.repeat(40) + 'b')`],
  [
    'A regular expression with lookbehind and back-references',
    `/(?<=(x+x+)+y)\\1(.*)*z/.test('x'.repeat(60)); /^(\\w+\\s?)*$/.test('a'.repeat(50) + '!')`,
  ],
  ['indexOf over an array that is none', `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`],
  ['includes over an array that is none', `Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)`],
  [
    'reverse over an array that is none',
    `Array.prototype.reverse.call({ length: 2 ** 53 - 1, get 0() { return 1; } })`,
  ],
  ['copyWithin over an array that is none', `Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1)`],
  ['lastIndexOf over an array that is none', `Array.prototype.lastIndexOf.call({ length: 2 ** 53 - 1 }, 1)`],
  ['A message that loops when it is read', `await Promise.reject({ get message() { for (;;); } })`],
  [
    'A stack that loops when it is read',
    `throw Object.defineProperty(new Error('x'), 'stack', { get() { for (;;); } })`,
  ],
  ['A result that loops when it is read', `return { get statusCode() { for (;;); } }`],
  ['A toJSON that loops', `return { body: { toJSON() { for (;;); } } }`],
  [
    'A trap that loops under instanceof',
    `const f = function () {}; Object.defineProperty(f, Symbol.hasInstance, { value() { for (;;); } }); ({}) instanceof f`,
  ],
  [
    'A proxy in a chain of prototypes',
    `const hostile = new Proxy({}, { get() { for (;;); }, has() { for (;;); } }); Object.setPrototypeOf(Object.getPrototypeOf(request.headers), hostile); 'x' in request.headers`,
  ],
  ['A sort with a comparator that never ends', `[3, 2, 1].sort(() => { for (;;); })`],
  ['A replacement that never ends', `'x'.repeat(10).replace(/x/g, () => { for (;;); })`],
  [
    'A size function of a stream that loops',
    `new ReadableStream({ start(c) { c.enqueue(1); } }, { size() { for (;;); } })`,
  ],
  [
    'A log line that loops while it is written',
    `console.log({ get x() { for (;;); }, toString() { for (;;); }, [Symbol.toStringTag]: 'x', toJSON() { for (;;); } }, { toString() { for (;;); }, [Symbol.toPrimitive]() { for (;;); } }); \`\${{ toString() { for (;;); } }}\``,
  ],
];

const HEAVY: readonly (readonly [name: string, body: string])[] = [
  ['join over an array that is none', `Array.prototype.join.call({ length: 2 ** 32 - 1 }, 'x')`],
  ['unshift over an array that is none', `Array.prototype.unshift.call({ length: 2 ** 53 - 2 }, 1)`],
  ['flat over a sparse array', `const a = []; a.length = 2 ** 32 - 1; a.flat(Infinity)`],
  ['Array.from something without an end', `Array.from({ length: 2 ** 53 - 1 })`],
  ['Filling an array of four billion', `new Array(2 ** 32 - 2).fill(1)`],
  ['A text of a billion commas', `void (new Array(1e9) + '')`],
  [
    'A storm of promises',
    `const f = () => Promise.all([g(), g()]); const g = async () => { await null; return f(); }; await f()`,
  ],
  ['A power of a BigInt', `let x = 3n; for (;;) x = x ** 3n`],
  ['A BigInt of a million digits as text', `let s = (2n ** 8000000n).toString(); BigInt(s) * BigInt(s)`],
  [
    'A sort of millions with a comparator that lies',
    `Array.from({ length: 4e6 }, Math.random).sort(() => Math.random() - 0.5)`,
  ],
  ['A deep recursion', `const f = () => f() + 1; f()`],
  ['A recursion that catches its overflow and goes on', `const f = () => { try { f(); } finally { f(); } }; f()`],
  ['A JSON text of a million levels', `JSON.parse('['.repeat(1e6) + ']'.repeat(1e6))`],
  [
    'A large JSON text, parsed again and again',
    `const s = JSON.stringify(Array.from({ length: 5e5 }, (_, i) => ({ i }))); for (;;) JSON.parse(s)`,
  ],
  [
    'A text out of a tree that shares its branches',
    `let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a)`,
  ],
  [
    'A clone of a tree that shares its branches',
    `let a = []; for (let i = 0; i < 200000; i++) a = [a]; structuredClone(a)`,
  ],
  ['A URL of a megabyte, parsed for ever', `for (;;) new URL('http://a/' + '../%2e%2e/'.repeat(1e5))`],
  ['A host name of a megabyte', `for (;;) { try { new URL('http://' + 'xn--a.'.repeat(2e5)); } catch {} }`],
  [
    'A hundred thousand listeners that call each other',
    `const t = new EventTarget(); for (let i = 0; i < 1e5; i++) t.addEventListener('x', () => t.dispatchEvent(new Event('x'))); t.dispatchEvent(new Event('x'))`,
  ],
  [
    'A pattern of normalisation',
    `'\\u0344'.repeat(1e6).normalize('NFKD').normalize('NFKC'); for (;;) 'ß'.repeat(1e6).toUpperCase()`,
  ],
  [
    'A text that is decoded for ever',
    `const bytes = new Uint8Array(1e6).fill(0xf0); for (;;) new TextDecoder().decode(bytes)`,
  ],
  ['Random bytes for ever', `const bytes = new Uint8Array(65536); for (;;) crypto.getRandomValues(bytes)`],
  [
    'A digest of hundreds of megabytes',
    `const bytes = new Uint8Array(2e7); for (let i = 0; i < 50; i++) await crypto.subtle?.digest('SHA-512', bytes); for (;;);`,
  ],
  [
    'A key stretched a billion times',
    `const key = await crypto.subtle?.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']); await crypto.subtle?.deriveBits({ name: 'PBKDF2', salt: new Uint8Array(8), iterations: 1e9, hash: 'SHA-256' }, key, 256)`,
  ],
];

const AT_LOAD: readonly (readonly [name: string, body: string])[] = [
  ['An endless loop while the code is loaded', `while (true) {}`],
  ['Code that waits for ever while it is loaded', `await new Promise(() => {})`],
  ['An error while the code is loaded', `throw new Proxy({}, { get() { throw 1; } })`],
  [
    'A loop of microtasks while the code is loaded',
    `const f = () => Promise.resolve().then(f); f(); for (;;) await null`,
  ],
];

export const CPU: readonly Attack[] = [
  ...ENDLESS.map(([name, body]) => exhaust({ name, class: 'cpu', tiers: LANGUAGE_WALLS, body, faults: TIMED_OUT })),
  ...HEAVY.map(([name, body]) =>
    exhaust({ name, class: 'cpu', tiers: LANGUAGE_WALLS, body, faults: BOUNDED, mayAnswer: true }),
  ),
  ...AT_LOAD.map(([name, body]) => exhaust({ name, class: 'cpu', tiers: LANGUAGE_WALLS, body, atLoad: true })),
];
