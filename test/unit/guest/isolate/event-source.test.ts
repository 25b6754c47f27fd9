/** EventSource in a real sandbox; what is behind its URL is in the test. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FetchHead } from '../../../../src/core/egress.ts';
import { isolateSandboxes } from '../../../support/isolate-sandboxes.ts';
import type { MemoryExchange } from '../../../support/memory-capabilities.ts';

const EVENTS = ['content-type', 'text/event-stream'];
/** What each connection to a path is answered with, one after another. */
const answers = new Map<string, ((exchange: MemoryExchange) => void)[]>();
const asked = new Map<string, MemoryExchange[]>();

const { open } = isolateSandboxes((exchange) => {
  const path = exchange.url.pathname;
  asked.set(path, [...(asked.get(path) ?? []), exchange]);
  answers.get(path)?.shift()?.(exchange);
});

const headersOf = (exchange: MemoryExchange): string => (exchange.call.meta as FetchHead).headers.join(' ');

function start(exchange: MemoryExchange, text: string): void {
  exchange.head({ status: 200, statusText: 'OK', headers: EVENTS, url: exchange.url.href, redirected: false });
  exchange.data(Buffer.from(text));
}

/** Runs `body` with an EventSource `source` of `/path`, whose events are in `seen`; `until(n)` waits for so many. */
async function run(path: string, body: string, ...replies: ((exchange: MemoryExchange) => void)[]): Promise<unknown> {
  answers.set(path, replies);
  const opened = await open(`
    export default { async fetch() {
      const seen = []; let look = () => {};
      const until = (n) => new Promise((resolve) => { look = () => { if (seen.length >= n) resolve(); }; look(); });
      const see = (...entry) => { seen.push(entry); look(); };
      const source = new EventSource('http://events${path}');
      source.onopen = () => see('open', source.readyState);
      source.onmessage = (e) => see('message', e.data, e.lastEventId, e.origin);
      source.onerror = (e) => see('error', source.readyState, e.message);
      ${body}
      return Response.json(seen);
    } };`);
  return JSON.parse((await opened.call()).body);
}

test('messages arrive with data, id and origin, and named events go to their own listeners', async () => {
  const seen = await run(
    '/plain',
    `source.addEventListener('tick', (e) => see(e.type, e.data, e.constructor.name)); await until(5); source.close();`,
    (exchange) =>
      start(
        exchange,
        ': hello\n\ndata: one\nid: 7\n\ndata: two\ndata: lines\n\nevent: tick\ndata: {"n":1}\n\ndata:é\r\n\r\n',
      ),
  );
  assert.deepEqual(seen, [
    ['open', 1],
    ['message', 'one', '7', 'http://events'],
    ['message', 'two\nlines', '7', 'http://events'],
    ['tick', '{"n":1}', 'MessageEvent'],
    ['message', 'é', '7', 'http://events'],
  ]);
});

test('characters and lines may be cut anywhere', async () => {
  const seen = await run('/cut', `await until(2); source.close();`, (exchange) => {
    start(exchange, '');
    for (const byte of Buffer.from('data: 日本\r\ndata: x\r\n\r\n')) exchange.data(Buffer.from([byte]));
  });
  assert.deepEqual(seen, [
    ['open', 1],
    ['message', '日本\nx', '', 'http://events'],
  ]);
});

test('a connection that ends is taken up again after the time the server names, from the last event on', async () => {
  const seen = await run(
    '/again',
    `await until(5); source.close(); see('closed', source.readyState);`,
    (exchange) => {
      start(exchange, 'retry: 60\nid: ä1\ndata: first\n\ndata: never finished');
      exchange.end();
    },
    (exchange) => start(exchange, 'data: second\n\n'),
  );
  assert.deepEqual(seen, [
    ['open', 1],
    ['message', 'first', 'ä1', 'http://events'],
    ['error', 0, null],
    ['open', 1],
    ['message', 'second', 'ä1', 'http://events'],
    ['closed', 2],
  ]);
  const [first, second] = asked.get('/again')!;
  assert.equal(headersOf(first!), 'accept text/event-stream cache-control no-cache');
  assert.equal(
    headersOf(second!),
    `accept text/event-stream cache-control no-cache last-event-id ${Buffer.from('ä1').toString('latin1')}`,
  );
});

test('a network error is tried again', async () => {
  const seen = await run(
    '/down',
    `await until(4); source.close();`,
    (exchange) => {
      start(exchange, 'retry: 60\n\n');
      exchange.end();
    },
    (exchange) => exchange.fail({ code: 'CONNECT_FAILED', message: 'reset', details: {} }),
    (exchange) => start(exchange, ''),
  );
  assert.deepEqual(seen, [
    ['open', 1],
    ['error', 0, null],
    ['error', 0, null],
    ['open', 1],
  ]);
});

for (const [name, path, reply, reason] of [
  [
    'a status that is not 200',
    '/204',
    (e: MemoryExchange) => e.reply('', { status: 204, headers: EVENTS }),
    /status 204/,
  ],
  [
    'another type',
    '/html',
    (e: MemoryExchange) => e.reply('data: x\n\n', { headers: ['content-type', 'text/html'] }),
    /text\/html/,
  ],
  [
    'a refusal by policy',
    '/no',
    (e: MemoryExchange) => e.fail({ code: 'EGRESS_BLOCKED', message: 'not there', details: {} }),
    /not there/,
  ],
] as const)
  test(`${name} ends it for good, with an error that says why`, async () => {
    const seen = (await run(path, `await until(1);`, reply)) as [string, number, string][];
    assert.equal(seen.length, 1);
    assert.deepEqual(seen[0]!.slice(0, 2), ['error', 2]);
    assert.match(seen[0]![2], reason);
    assert.equal(asked.get(path)!.length, 1);
  });

test('close() drops the connection, and nothing is heard after it', async () => {
  const seen = await run(
    '/close',
    `await until(2); source.close(); source.close(); await new Promise((resolve) => setTimeout(resolve, 20));`,
    (exchange) => start(exchange, 'data: a\n\n'),
  );
  assert.deepEqual(seen, [
    ['open', 1],
    ['message', 'a', '', 'http://events'],
  ]);
  assert.equal(asked.get('/close')![0]!.cancels, 1);
});

test('a listener that closes it in the middle of a chunk hears no more of it', async () => {
  const seen = await run(
    '/middle',
    `source.addEventListener('message', () => source.close()); await until(2); await new Promise((resolve) => setTimeout(resolve, 20));`,
    (exchange) => start(exchange, 'data: a\n\ndata: b\n\n'),
  );
  assert.deepEqual(seen, [
    ['open', 1],
    ['message', 'a', '', 'http://events'],
  ]);
});

test('an event without an end is given up on', async () => {
  const seen = (await run('/endless', `await until(2);`, (exchange) => {
    start(exchange, 'data: ');
    for (let i = 0; i < 40; i++) exchange.data(Buffer.alloc(60_000, 'x'));
  })) as unknown[][];
  assert.deepEqual(
    seen.map(([type, state]) => [type, state]),
    [
      ['open', 1],
      ['error', 2],
    ],
  );
  assert.match(String(seen[1]![2]), /max buffer size/);
});

test('the constructor refuses what is no URL, and shows its constants', async () => {
  const opened = await open(`export default { fetch() {
    let refused; try { new EventSource('/relative'); } catch (error) { refused = error.name; }
    return Response.json([refused, EventSource.CONNECTING, EventSource.OPEN, EventSource.prototype.CLOSED, String(Object.prototype.toString.call(EventSource.prototype))]);
  } }`);
  assert.deepEqual(JSON.parse((await opened.call()).body), ['SyntaxError', 0, 1, 2, '[object EventSource]']);
});
