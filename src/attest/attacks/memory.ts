/** Memory: taking more of it than was granted, in the heap and beside it. */

import { LANGUAGE_WALLS, type Attack } from '../attack.ts';
import { exhaust } from '../guest.ts';

/** Filling the memory takes its time, and the fault has to be the memory's. */
const TIMEOUT_MS = 6_000;

const IN_HEAP: readonly (readonly [name: string, body: string])[] = [
  ['An array of arrays that grows for ever', `for (;;) keep.push(new Array(100000).fill({}))`],
  ['Objects that grow for ever', `for (;;) keep.push({ a: { b: { c: [1, 2, 3] } } })`],
  ['A map that grows for ever', `const map = new Map(); for (let i = 0; ; i++) map.set({ i }, [i]), keep[0] = map`],
  ['Closures that grow for ever', `for (;;) { const held = new Array(100).fill(1); keep.push(() => held); }`],
  [
    'Weak maps that grow for ever',
    `const all = []; for (;;) { const key = {}; all.push(key); const map = new WeakMap([[key, new Array(1000).fill(key)]]); all.push(map); }`,
  ],
  [
    'Symbols and property names that grow for ever',
    `const o = {}; for (let i = 0; ; i++) { o[Symbol(i)] = 1; o['key' + i + Math.random()] = i; }`,
  ],
  [
    'Errors with stacks that grow for ever',
    `const f = (n) => n === 0 ? new Error('x'.repeat(1000)) : f(n - 1); for (;;) { const e = f(50); void e.stack; keep.push(e); }`,
  ],
  ['Pending promises that grow for ever', `for (;;) keep.push(new Promise(() => {}).then(() => new Array(100)))`],
  [
    'Flattened strings that grow for ever',
    `for (let i = 0; ; i++) { const s = (i + '').padEnd(100000, 'xy' + i); void s[99999]; keep.push(s); }`,
  ],
];

const BESIDE_HEAP: readonly (readonly [name: string, body: string])[] = [
  ['A string that doubles for ever', `let s = 'x'; for (;;) s += s + s`],
  ['Buffers that grow for ever', `for (;;) keep.push(new Uint8Array(1024 * 1024).fill(1))`],
  [
    'Buffers of a gigabyte',
    `for (let i = 0; i < 64; i++) keep.push(new ArrayBuffer(2 ** 30)); for (const b of keep) new Uint8Array(b).fill(1)`,
  ],
  [
    'Resizable buffers',
    `for (;;) { const b = new ArrayBuffer(0, { maxByteLength: 2 ** 28 }); b.resize?.(2 ** 28); new Uint8Array(b).fill(1); keep.push(b); }`,
  ],
  [
    'Objects of Intl',
    `for (;;) keep.push(new Intl.DateTimeFormat('de', { timeZone: 'Asia/Tokyo' }), new Intl.Collator('sv'))`,
  ],
  [
    'Compiled regular expressions',
    `for (let i = 0; ; i++) { const r = new RegExp('(a|b|' + i + '){1,900}x', 'u'); r.test('ab' + i); keep.push(r); }`,
  ],
  ['BigInts that grow for ever', `let n = 2n ** 1000000n; for (;;) { keep.push(n); n = n * n; }`],
  ['Clones of buffers', `const b = new Uint8Array(4e6).fill(1); for (;;) keep.push(structuredClone(b))`],
  [
    'Blobs and forms',
    `for (;;) { const part = 'x'.repeat(1e6); keep.push(globalThis.Blob ? new Blob([part, part]) : part + Math.random()); }`,
  ],
  [
    'A stream that nobody reads',
    `let c; const s = new ReadableStream({ start(x) { c = x; } }); keep.push(s); for (;;) c.enqueue(new Uint8Array(1e6).fill(1))`,
  ],
  [
    'Branches of a stream of which one is not read',
    `const s = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1e6).fill(1)); } }); const [a, b] = s.tee(); keep.push(b); const reader = a.getReader(); for (;;) await reader.read()`,
  ],
  ['Encoded text', `const t = 'é'.repeat(2e6); for (;;) keep.push(new TextEncoder().encode(t))`],
  [
    'Copies of a response',
    `const r = new Response(new Uint8Array(4e6).fill(1)); for (;;) { keep.push(r.clone()); keep.push(await r.clone().arrayBuffer()); }`,
  ],
];

const ANY = /^(?:OUT_OF_MEMORY|HANDLER_THREW|SANDBOX_RECYCLED|TIMED_OUT)$/;

export const MEMORY: readonly Attack[] = [
  ...IN_HEAP.map(([name, body]) =>
    exhaust({
      name,
      class: 'memory',
      tiers: LANGUAGE_WALLS,
      body,
      faults: /^(?:OUT_OF_MEMORY|TIMED_OUT)$/,
      timeoutMs: TIMEOUT_MS,
    }),
  ),
  ...BESIDE_HEAP.map(([name, body]) =>
    exhaust({ name, class: 'memory', tiers: LANGUAGE_WALLS, body, faults: ANY, timeoutMs: TIMEOUT_MS }),
  ),
  exhaust({
    name: 'A module that fills the memory while it is loaded',
    class: 'memory',
    tiers: LANGUAGE_WALLS,
    body: 'const keep = []; for (;;) keep.push(new Array(100000).fill({}));',
    atLoad: true,
    timeoutMs: TIMEOUT_MS,
  }),
];
