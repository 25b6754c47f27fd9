/** Floods: more lines, bytes, calls and headers than anybody can take, from within and from many clients at once. */

import { broken, held, LANGUAGE_WALLS, must, shown, type Answer, type Attack } from '../attack.ts';
import { exhaust } from '../guest.ts';

const FROM_WITHIN: readonly (readonly [name: string, body: string])[] = [
  ['Two hundred thousand log lines', `for (let i = 0; i < 2e5; i++) console.log('x'.repeat(1000))`],
  ['One log line of a hundred megabytes', `console.log('x'.repeat(1e8))`],
  [
    'Log lines of deep objects',
    `let o = {}; for (let i = 0; i < 1000; i++) o = { o, p: [o, o] }; for (let i = 0; i < 1e4; i++) console.log(o, [o], new Map([[o, o]]))`,
  ],
  ['Log lines for as long as it runs', `for (;;) console.error('x')`],
  [
    'Tables and groups without an end',
    `for (let i = 0; i < 1e5; i++) { console.group?.('x'); console.table?.([{ a: i }]); console.count?.('k' + i); console.time?.('t' + i); }`,
  ],
  ['A million timers', `for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e9)`],
  [
    'Intervals that pile up',
    `for (let i = 0; i < 1e5; i++) setInterval(() => { for (let j = 0; j < 1e4; j++); }, 0); await new Promise(() => {})`,
  ],
  [
    'A hundred thousand rejections that nobody handles',
    `for (let i = 0; i < 1e5; i++) Promise.reject(new Error('x'.repeat(1000)))`,
  ],
  [
    'A hundred thousand waits for the time after the answer',
    `for (let i = 0; i < 1e5; i++) ctx.waitUntil?.(new Promise(() => {}))`,
  ],
  [
    'Ten thousand fetches at once',
    `await Promise.allSettled(Array.from({ length: 1e4 }, (_, i) => fetch('http://127.0.0.1:1/' + i)))`,
  ],
  ['Fetches for as long as it runs', `for (;;) await fetch('http://10.0.0.1/').catch(() => 0)`],
  [
    'Fetches with bodies that never end',
    `await Promise.allSettled(Array.from({ length: 200 }, () => fetch('http://127.0.0.1:1/', { method: 'POST', duplex: 'half', body: new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } }) })))`,
  ],
  [
    'A fetch with a hundred thousand headers',
    `const headers = new Headers(); for (let i = 0; i < 1e5; i++) headers.append('x' + i, 'y'.repeat(100)); await fetch('http://127.0.0.1:1/', { headers }).catch(() => 0)`,
  ],
  ['A fetch with an address of ten megabytes', `await fetch('http://127.0.0.1:1/' + 'x'.repeat(1e7)).catch(() => 0)`],
  [
    'A response of a hundred thousand headers',
    `const headers = new Headers(); for (let i = 0; i < 1e5; i++) headers.append('x' + i, 'y'); return new Response('x', { headers })`,
  ],
  ['A response with a header of ten megabytes', `return new Response('x', { headers: { x: 'y'.repeat(1e7) } })`],
  [
    'A hundred thousand cookies',
    `const headers = new Headers(); for (let i = 0; i < 1e5; i++) headers.append('set-cookie', 'a=' + i); return new Response('x', { headers })`,
  ],
  ['A response of two hundred megabytes', `return new Response(new Uint8Array(2e8))`],
  [
    'Messages to itself without an end',
    `const { port1, port2 } = new MessageChannel(); port1.onmessage = ({ data }) => port1.postMessage(data); port2.onmessage = ({ data }) => port2.postMessage(data); for (let i = 0; i < 1000; i++) port1.postMessage(new Uint8Array(1000)); await new Promise(() => {})`,
  ],
];

const MANY = 200;

/** Requests that are all under way at the same time; a connection that breaks is none of its answers. */
async function answers(count: number, send: (i: number) => Promise<Answer>): Promise<Answer[]> {
  const settled = await Promise.allSettled(Array.from({ length: count }, (_, i) => send(i)));
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

const coded = (all: readonly Answer[], allowed: RegExp): Answer | undefined =>
  all.find(({ status }) => !allowed.test(String(status)));

const tally = (all: readonly Answer[]): string => {
  const counts = new Map<number, number>();
  for (const { status } of all) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} × ${status}`).join(', ');
};

const tiers = LANGUAGE_WALLS;
const own = { class: 'floods', private: false } as const;

const FROM_OUTSIDE: readonly Attack[] = [
  {
    ...own,
    name: 'Two hundred calls of a function that never answers',
    tiers,
    async run(lab) {
      const target = await lab.deploy('export default { fetch: () => new Promise(() => {}) }');
      if (!target.ok) return broken(shown(target.answer));
      const all = await answers(MANY, () => target.call());
      return must(all.length === MANY && coded(all, /^(?:504|503|429)$/) === undefined, tally(all));
    },
  },
  {
    ...own,
    name: 'Two hundred calls of a function that spins',
    tiers,
    async run(lab) {
      const target = await lab.deploy({ code: 'export default { fetch() { for (;;); } }', timeoutMs: 300 });
      if (!target.ok) return broken(shown(target.answer));
      const all = await answers(50, () => target.call());
      return must(all.length === 50 && coded(all, /^(?:504|503|429)$/) === undefined, tally(all));
    },
  },
  {
    ...own,
    name: 'Calls for two thousand functions that are not there',
    tiers: null,
    async run(lab) {
      const all = await answers(2_000, (i) => lab.send({ path: `/fn/nobody-${i}` }));
      return must(all.length === 2_000 && coded(all, /^404$/) === undefined, tally(all));
    },
  },
  {
    ...own,
    name: 'Calls under two thousand invented host names',
    tiers: null,
    async run(lab) {
      const all = await answers(2_000, (i) =>
        lab.send({ path: '/fn/x', host: `t${i}.${lab.ground.domain ?? 'example.test'}` }),
      );
      return must(all.length === 2_000 && coded(all, /^404$/) === undefined, tally(all));
    },
  },
  {
    ...own,
    name: 'A stream without an end to a client that does not read',
    tiers,
    async run(lab) {
      const target = await lab.deploy({
        code: `export default { fetch: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } })) }`,
        timeoutMs: 2_000,
      });
      if (!target.ok) return broken(shown(target.answer));
      const answer = await lab.raw(`GET /fn/${target.name} HTTP/1.1\r\nHost: ${lab.host}\r\n\r\n`, {
        deafMs: 3_000,
        quietMs: 5_000,
      });
      return must(
        answer.closed,
        `${Math.round(answer.text.length / 1e5) / 10} MB, then ${answer.closed ? 'cut off' : 'silence'}`,
      );
    },
  },
  {
    ...own,
    name: 'A hundred clients that leave before they are answered',
    tiers,
    async run(lab) {
      const target = await lab.deploy(
        'export default { async fetch() { await new Promise((r) => setTimeout(r, 200)); return new Response("x"); } }',
      );
      if (!target.ok) return broken(shown(target.answer));
      await Promise.all(
        Array.from({ length: 100 }, () =>
          lab.raw(`POST /fn/${target.name} HTTP/1.1\r\nHost: ${lab.host}\r\nContent-Length: 10\r\n\r\nhalf`, {
            quietMs: 20,
          }),
        ),
      );
      const answer = await target.call();
      return must(answer.status === 200, `then ${shown(answer)}`);
    },
  },
  {
    ...own,
    name: 'A function that ends its executor again and again',
    tiers,
    async run(lab) {
      const target = await lab.deploy({
        code: 'export default { fetch() { Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1); } }',
        timeoutMs: 200,
      });
      if (!target.ok) return broken(shown(target.answer));
      const all: Answer[] = [];
      for (let i = 0; i < 6; i++) all.push(await target.call());
      return must(coded(all, /^(?:504|503)$/) === undefined, tally(all));
    },
  },
  {
    ...own,
    name: 'More requests than one call may begin',
    tiers,
    async run(lab) {
      const target = await lab.deploy({
        code: `export default { async fetch() { const codes = []; for (let i = 0; i < 40; i++) await fetch('http://10.0.0.1/').catch(({ cause }) => codes.push(cause?.limit ?? cause?.code)); return Response.json(codes); } }`,
        limits: { subrequests: 5 },
        timeoutMs: 20_000,
      });
      if (!target.ok) return broken(shown(target.answer));
      const answer = await target.call();
      const expected = [...Array(5).fill('EGRESS_BLOCKED'), ...Array(35).fill('subrequests=5')] as string[];
      return must(answer.text === JSON.stringify(expected), shown(answer));
    },
  },
  {
    ...own,
    name: 'A computation in small pieces, past its CPU time',
    tiers,
    async run(lab) {
      const target = await lab.deploy({
        code: `export default { async fetch() { for (;;) { let x = 0; for (let i = 0; i < 1e6; i++) x += i; await new Promise((done) => setTimeout(done, 0)); } } }`,
        limits: { cpuMs: 200 },
        timeoutMs: 60_000,
      });
      if (!target.ok) return broken(shown(target.answer));
      const answer = await target.call();
      const limit = answer.headers['cordon-limit'] ?? 'no limit';
      return must(answer.code === 'TIMED_OUT' && limit === 'cpu-ms=200', `${shown(answer)} by ${limit}`);
    },
  },
  {
    ...own,
    name: 'More timers than may wait',
    tiers,
    async run(lab) {
      const target = await lab.deploy({
        code: `export default { fetch() { let n = 0; try { for (; n < 100; n++) setTimeout(() => 0, 1e8); } catch {} return new Response(String(n)); } }`,
        limits: { pendingTimers: 10 },
      });
      if (!target.ok) return broken(shown(target.answer));
      const answer = await target.call();
      return must(answer.text === '10', `it started ${answer.text}`);
    },
  },
  {
    ...own,
    name: 'Twenty deployments at once',
    tiers,
    async run(lab) {
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, i) => lab.deploy(`export default () => new Response('${i}')`)),
      );
      const failed = all.find((one) => !one.ok && ![429, 503].includes(one.answer.status));
      return failed === undefined || failed.ok
        ? held(`${all.filter(({ ok }) => ok).length} were made`)
        : broken(shown(failed.answer));
    },
  },
];

export const FLOODS: readonly Attack[] = [
  ...FROM_WITHIN.map(([name, body]) => exhaust({ name, class: 'floods', tiers, body, mayAnswer: true })),
  ...FROM_OUTSIDE,
];
