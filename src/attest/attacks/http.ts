/**
 * HTTP: the bytes of the protocol on the public port. What two readers could take for different requests must be refused,
 * and the connection closed: a proxy in front of Cordon might be the other reader.
 */

import { connect } from 'node:net';
import { broken, must, shown, type Attack, type Lab, type RawOptions } from '../attack.ts';

const own = { class: 'http', tiers: null, private: false } as const;
const CRLF = '\r\n';

interface Wire {
  readonly name: string;
  /** The lines of the head, without the empty one; HOST stands for the attacker's own. */
  readonly head: readonly string[];
  readonly body?: string;
  /** Of the responses, in order; default: one, of 400 or above. */
  readonly statuses?: RegExp;
  readonly options?: RawOptions;
}

const SMUGGLED = `GET /health?smuggled HTTP/1.1${CRLF}Host: HOST${CRLF}${CRLF}`;
const POST = 'POST /fn/x HTTP/1.1';
const HOST = 'Host: HOST';
const CHUNKED = 'Transfer-Encoding: chunked';

const AMBIGUOUS: readonly Wire[] = [
  { name: 'A length and chunks', head: [POST, HOST, 'Content-Length: 6', CHUNKED], body: `0${CRLF}${CRLF}${SMUGGLED}` },
  {
    name: 'Chunks and a length',
    head: [POST, HOST, CHUNKED, 'Content-Length: 200'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  { name: 'Two lengths that differ', head: [POST, HOST, 'Content-Length: 0', 'Content-Length: 50'], body: SMUGGLED },
  { name: 'Two lengths in one', head: [POST, HOST, 'Content-Length: 0, 50'], body: SMUGGLED },
  { name: 'A length with a sign', head: [POST, HOST, 'Content-Length: +5'], body: 'hello' },
  { name: 'A length below nothing', head: [POST, HOST, 'Content-Length: -1'], body: SMUGGLED },
  { name: 'A length in hexadecimal', head: [POST, HOST, 'Content-Length: 0x10'], body: SMUGGLED },
  { name: 'A length beyond every number', head: [POST, HOST, 'Content-Length: 18446744073709551617'], body: 'x' },
  { name: 'A length with a blank in it', head: [POST, HOST, 'Content-Length: 1 0'], body: '0123456789' },
  {
    name: 'Chunks that are not the last coding',
    head: [POST, HOST, 'Transfer-Encoding: chunked, identity'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'Two codings, one of them unknown',
    head: [POST, HOST, CHUNKED, 'Transfer-Encoding: cow'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A coding that only looks like chunks',
    head: [POST, HOST, 'Transfer-Encoding: xchunked'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A coding with a blank before its colon',
    head: [POST, HOST, 'Transfer-Encoding : chunked', 'Content-Length: 5'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A coding that is hidden by a vertical tab',
    head: [POST, HOST, 'Transfer-Encoding: \x0bchunked', 'Content-Length: 5'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A coding folded over two lines',
    head: [POST, HOST, 'Transfer-Encoding:', ' chunked', 'Content-Length: 5'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A coding in a name with a null byte',
    head: [POST, HOST, 'Transfer-Encoding\0: chunked'],
    body: `0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A chunk longer than every number',
    head: [POST, HOST, CHUNKED],
    body: `FFFFFFFFFFFFFFFFF${CRLF}x${CRLF}0${CRLF}${CRLF}`,
  },
  { name: 'A chunk of no size', head: [POST, HOST, CHUNKED], body: `${CRLF}${CRLF}0${CRLF}${CRLF}${SMUGGLED}` },
  {
    name: 'A chunk of a size that is no number',
    head: [POST, HOST, CHUNKED],
    body: `0x5${CRLF}hello${CRLF}0${CRLF}${CRLF}`,
  },
  { name: 'A chunk of a size with a sign', head: [POST, HOST, CHUNKED], body: `-5${CRLF}hello${CRLF}0${CRLF}${CRLF}` },
  {
    name: 'A chunk that ends too late',
    head: [POST, HOST, CHUNKED],
    body: `5${CRLF}helloXX${CRLF}0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A chunk whose extension ends the line early',
    head: [POST, HOST, CHUNKED],
    body: `5;\nxx${CRLF}hello${CRLF}0${CRLF}${CRLF}${SMUGGLED}`,
  },
  {
    name: 'A chunk extension of a hundred kilobytes',
    head: [POST, HOST, CHUNKED],
    body: `5;${'x'.repeat(100_000)}${CRLF}hello${CRLF}0${CRLF}${CRLF}`,
  },
  { name: 'A folded header', head: ['GET /fn/x HTTP/1.1', HOST, 'X-Folded: a', ' b: c'] },
  { name: 'A header with a null byte', head: ['GET /fn/x HTTP/1.1', HOST, 'X-Null: a\0b'] },
  { name: 'A header with a carriage return', head: ['GET /fn/x HTTP/1.1', HOST, 'X-Return: a\rX-Other: b'] },
  { name: 'A header without a colon', head: ['GET /fn/x HTTP/1.1', HOST, 'no colon here'] },
  { name: 'A header without a name', head: ['GET /fn/x HTTP/1.1', HOST, ': value'] },
  { name: 'No host', head: ['GET /fn/x HTTP/1.1'] },
  { name: 'Two hosts', head: ['GET /fn/x HTTP/1.1', HOST, 'Host: 127.0.0.1'] },
  { name: 'A host that is a path', head: ['GET /fn/x HTTP/1.1', 'Host: 127.0.0.1/../x'] },
  { name: 'A host with a user name', head: ['GET /fn/x HTTP/1.1', 'Host: admin@127.0.0.1'] },
  { name: 'A host of many letters', head: ['GET /fn/x HTTP/1.1', `Host: ${'a'.repeat(10_000)}`] },
  { name: 'A request line with blanks in it', head: ['GET /fn/x /health HTTP/1.1', HOST] },
  { name: 'A version of the future', head: ['GET /fn/x HTTP/9.9', HOST] },
  { name: 'A version of the past', head: ['GET /fn/x'] },
  { name: 'A method that is none', head: ['G\x01T /fn/x HTTP/1.1', HOST] },
  { name: 'A method of a thousand letters', head: [`${'A'.repeat(1000)} /fn/x HTTP/1.1`, HOST] },
  { name: 'A request line of a megabyte', head: [`GET /fn/${'x'.repeat(1_000_000)} HTTP/1.1`, HOST] },
  { name: 'A header of a megabyte', head: ['GET /fn/x HTTP/1.1', HOST, `X: ${'x'.repeat(1_000_000)}`] },
  {
    name: 'Ten thousand headers',
    head: ['GET /fn/x HTTP/1.1', HOST, ...Array.from({ length: 10_000 }, (_, i) => `X-${i}: y`)],
  },
  {
    name: 'A tunnel',
    head: ['CONNECT 127.0.0.1:22 HTTP/1.1', HOST],
    statuses: /^(?:4\d\d|)$/,
    options: { quietMs: 2_000 },
  },
  {
    name: 'An upgrade to HTTP/2',
    head: [
      'GET /fn/x HTTP/1.1',
      HOST,
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ],
    statuses: /^404$/,
  },
  { name: 'The preface of HTTP/2', head: ['PRI * HTTP/2.0', '', 'SM', '', ''] },
  {
    name: 'An upgrade to a socket of the web',
    head: [
      'GET /fn/x HTTP/1.1',
      HOST,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: eA==',
      'Sec-WebSocket-Version: 13',
    ],
    statuses: /^404$/,
  },
  { name: 'A handshake of TLS', head: ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'] },
  {
    name: 'Bytes of no protocol',
    head: [Array.from({ length: 4_000 }, (_, i) => String.fromCharCode((i * 7919) % 256)).join('')],
  },
  { name: 'An expectation that is unknown', head: [POST, HOST, 'Expect: 200-maybe', 'Content-Length: 1'], body: 'x' },
  { name: 'A body of a gigabyte, announced', head: [POST, HOST, 'Content-Length: 1073741824', 'Expect: 100-continue'] },
];

/** Whatever was sent beside it, one request is answered once, and nothing that was hidden in it. */
const wire = ({ name, head, body = '', statuses = /^[45]\d\d$/, options = {} }: Wire): Attack => ({
  ...own,
  name,
  async run(lab) {
    const text = `${head.join(CRLF)}${CRLF}${CRLF}${body}`.replaceAll('HOST', lab.host);
    const answer = await lab.raw(Buffer.from(text, 'latin1'), options);
    const seen = answer.statuses.join(', ');
    if (/"status":"healthy"/.test(answer.text)) return broken(`the hidden request was answered: ${seen}`);
    return must(
      statuses.test(seen),
      `answered ${seen === '' ? 'nothing' : seen}${answer.closed ? ', and closed' : ''}`,
    );
  },
});

const PATHS = [
  '//',
  '/fn//x',
  '/fn/../health',
  '/fn/%2e%2e/health',
  '/fn/..%2fhealth',
  '/fn/.%00./x',
  '/fn/%00',
  '/fn/x%0d%0aset-cookie:a=1',
  '/fn/;/x',
  '/fn/x@',
  '/fn/@1',
  '/fn/__proto__',
  '/fn/constructor',
  '/fn/toString@valueOf',
  '/fn/x@__proto__',
  '/fn/\\..\\x',
  '/FN/x',
  '/fn/x?%',
  '/functions/v1/',
  '/functions/v1/..',
  '*',
  '/api/v1/../../fn/x',
  '/fn/' + 'a'.repeat(8_000),
];

async function smallRequests(lab: Lab): Promise<{ held: boolean; text: string }> {
  const odd: string[] = [];
  for (const path of PATHS) {
    const answer = await lab.raw(`GET ${path} HTTP/1.1${CRLF}Host: ${lab.host}${CRLF}Connection: close${CRLF}${CRLF}`);
    const [status = 0] = answer.statuses;
    if (answer.statuses.length !== 1 || status < 400 || status >= 500 || /^set-cookie/im.test(answer.text))
      odd.push(`${path.slice(0, 40)}: ${answer.statuses.join()}`);
  }
  return must(odd.length === 0, odd.length === 0 ? `${PATHS.length} paths, all refused` : odd.join('; '));
}

/** Connections that are held open as long as the server lets them. */
async function slowly(lab: Lab, count: number, write: (i: number) => string): Promise<{ held: boolean; text: string }> {
  const { hostname, port } = new URL(lab.ground.url);
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname).on('error', () => undefined));
  let worstMs = 0;
  for (let i = 0; i < 30; i++) {
    for (const socket of sockets) if (socket.writable) socket.write(write(i));
    const answer = await lab.send({ path: '/health' });
    if (answer.status !== 200) return broken(`meanwhile /health answered ${shown(answer)}`);
    worstMs = Math.max(worstMs, answer.tookMs);
  }
  for (const socket of sockets) socket.destroy();
  return must(
    worstMs < 1_000 * lab.slowness,
    `with ${count} connections held, /health took ${Math.round(worstMs)} ms at most`,
  );
}

export const HTTP: readonly Attack[] = [
  ...AMBIGUOUS.map(wire),
  { ...own, name: 'Paths that lead elsewhere', run: smallRequests },
  {
    ...own,
    name: 'Five hundred heads, one byte at a time',
    run: (lab) => slowly(lab, 500, (i) => (i === 0 ? 'GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ' : 'x')),
  },
  {
    ...own,
    name: 'Five hundred bodies, one byte at a time',
    run: (lab) =>
      slowly(lab, 500, (i) =>
        i === 0 ? `POST /fn/x HTTP/1.1\r\nHost: ${lab.host}\r\nContent-Length: 1000\r\n\r\n` : 'x',
      ),
  },
  {
    ...own,
    name: 'A body larger than may be, in chunks',
    async run(lab) {
      const target = await lab.deploy(
        'export default async (request) => new Response(String((await request.text()).length))',
      );
      if (!target.ok) return broken(shown(target.answer));
      const chunk = `${(65_536).toString(16)}${CRLF}${'x'.repeat(65_536)}${CRLF}`;
      const head = `POST /fn/${target.name} HTTP/1.1${CRLF}Host: ${lab.host}${CRLF}${CHUNKED}${CRLF}${CRLF}`;
      const { statuses } = await lab.raw(head, { more: Array.from({ length: 40 }, () => chunk), gapMs: 1 });
      return must(statuses.join() === '413', `answered ${statuses.join()}`);
    },
  },
  {
    ...own,
    name: 'Fifty requests in one piece',
    async run(lab) {
      const target = await lab.deploy(
        'export default (request) => new Response("<" + new URL(request.url).searchParams.get("i") + ">")',
      );
      if (!target.ok) return broken(shown(target.answer));
      const one = (i: number): string => `GET /fn/${target.name}?i=${i} HTTP/1.1${CRLF}Host: ${lab.host}${CRLF}${CRLF}`;
      const all = Array.from({ length: 50 }, (_, i) => one(i)).join('');
      const { text } = await lab.raw(all, { quietMs: 5_000, last: '<49>' });
      const order = [...text.matchAll(/<(\d+)>/g)].map(([, i]) => Number(i));
      const isInOrder = order.length === 50 && order.every((i, at) => i === at);
      return must(isInOrder, isInOrder ? 'fifty answers, in order' : `answers: ${order.join()}`);
    },
  },
  {
    ...own,
    name: 'A response that is split by its own headers',
    async run(lab) {
      const target = await lab.deploy(
        `export default (request) => { const value = 'a\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nx-split: 1'; try { return new Response('x', { headers: { 'x-a': value } }); } catch { return { statusCode: 200, headers: { 'x-a': value, 'x-b\\r\\nx-split': '1' }, body: 'x' }; } }`,
      );
      if (!target.ok) return broken(shown(target.answer));
      const { text, statuses } = await lab.raw(`GET /fn/${target.name} HTTP/1.1${CRLF}Host: ${lab.host}${CRLF}${CRLF}`);
      return must(statuses.length === 1 && !/^x-split/im.test(text), `answered ${statuses.join()}`);
    },
  },
  {
    ...own,
    name: 'A length that a function states falsely',
    async run(lab) {
      const target = await lab.deploy(
        `export default () => new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n')); c.close(); } }), { headers: { 'content-length': '3', 'transfer-encoding': 'chunked', connection: 'keep-alive' } })`,
      );
      if (!target.ok) return broken(shown(target.answer));
      const get = `GET /fn/${target.name} HTTP/1.1${CRLF}Host: ${lab.host}${CRLF}${CRLF}`;
      const { closed, text } = await lab.raw(get, { quietMs: 5_000 });
      return must(
        closed &&
          !/transfer-encoding: chunked[^]*content-length: 3|content-length: 3[^]*transfer-encoding: chunked/i.test(
            text,
          ),
        closed ? 'the connection is cut' : 'the connection stays',
      );
    },
  },
];
