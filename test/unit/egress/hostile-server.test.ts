/** What a hostile server may answer: every fetch comes to an end, and the host lives. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createEgress } from '../../../src/egress/egress.ts';
import type { Egress } from '../../../src/egress/egress.ts';
import { fetchAll } from './fetching.ts';

const OK = 'HTTP/1.1 200 OK\r\n';

/** What is sent, and how the fetch must end: `end`, a code, or either where it depends on when the bytes come. */
const ANSWERS: readonly (readonly [what: string, answer: string, outcome: RegExp])[] = [
  ['nothing', '', /CONNECT_FAILED/],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n', /BAD_RESPONSE/],
  ['HTTP/2 without being asked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /BAD_RESPONSE/],
  ['half a status line', 'HTTP/1.1 20', /CONNECT_FAILED|BAD_RESPONSE/],
  ['a status of 999', 'HTTP/1.1 999 x\r\ncontent-length: 0\r\n\r\n', /end/],
  ['a status of 000', 'HTTP/1.1 000 x\r\ncontent-length: 0\r\n\r\n', /end|BAD_RESPONSE|CONNECT_FAILED|TIMED_OUT/],
  ['a status of 99999', 'HTTP/1.1 99999 x\r\n\r\n', /BAD_RESPONSE/],
  ['100 Continue unasked', `HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 0\r\n\r\n`, /CONNECT_FAILED|end/],
  ['101 Switching Protocols unasked', 'HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n', /CONNECT_FAILED/],
  [
    'a thousand early hints',
    `${'HTTP/1.1 103 x\r\nlink: x\r\n\r\n'.repeat(1000)}${OK}content-length: 0\r\n\r\n`,
    /end/,
  ],
  ['both lengths', `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, /BAD_RESPONSE|end/],
  ['two lengths', `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`, /BAD_RESPONSE/],
  ['a negative length', `${OK}content-length: -1\r\n\r\n`, /BAD_RESPONSE/],
  ['an endless length', `${OK}content-length: 99999999999999999999\r\n\r\n`, /BAD_RESPONSE/],
  ['less than its length', `${OK}content-length: 10\r\n\r\nshort`, /BAD_RESPONSE|CONNECT_FAILED/],
  ['an endless chunk', `${OK}transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n`, /BAD_RESPONSE/],
  ['a chunk that is no number', `${OK}transfer-encoding: chunked\r\n\r\nxyz\r\n`, /BAD_RESPONSE/],
  ['chunks that break off', `${OK}transfer-encoding: chunked\r\n\r\n5\r\nab`, /CONNECT_FAILED|BAD_RESPONSE/],
  ['trailers', `${OK}transfer-encoding: chunked\r\n\r\n0\r\nx-trailer: y\r\n\r\n`, /end/],
  ['NUL in a header', `${OK}x: a\0b\r\ncontent-length: 0\r\n\r\n`, /BAD_RESPONSE/],
  ['a folded header', `${OK}x: a\r\n b\r\ncontent-length: 0\r\n\r\n`, /BAD_RESPONSE|end/],
  ['ten thousand headers', `${OK}${'x: y\r\n'.repeat(10_000)}\r\n`, /end|TOO_LARGE/],
  ['a megabyte of a header', `${OK}x: ${'y'.repeat(1_000_000)}\r\n\r\n`, /TOO_LARGE/],
  ['a body with 204', 'HTTP/1.1 204 x\r\ncontent-length: 4\r\n\r\nbody', /end|BAD_RESPONSE/],
  ['a redirect to nowhere', 'HTTP/1.1 302 x\r\nlocation: http://[\r\ncontent-length: 0\r\n\r\n', /BAD_RESPONSE/],
  [
    'a redirect with an empty location',
    'HTTP/1.1 302 x\r\nlocation:\r\ncontent-length: 0\r\n\r\n',
    /TOO_MANY_REDIRECTS/,
  ],
  ['a coding of nothing', `${OK}content-encoding: ,,\r\ncontent-length: 0\r\n\r\n`, /end/],
  ['a prototype for a coding', `${OK}content-encoding: __proto__\r\ncontent-length: 1\r\n\r\nx`, /end/],
  ['an encoded body without a byte', `${OK}content-encoding: gzip\r\ncontent-length: 0\r\n\r\n`, /end/],
];

interface Hostile extends AsyncDisposable {
  readonly url: string;
  readonly egress: Egress;
}

async function startHostile(answer: (socket: Socket, turn: number) => void): Promise<Hostile> {
  const sockets = new Set<Socket>();
  let turns = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('data', () => answer(socket, turns++));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const egress = createEgress({
    defaultAllow: () => null,
    allowPrivate: [`127.0.0.1:${port}`],
    refused: () => undefined,
    limits: { totalMs: 2_000 },
  });
  return {
    url: `http://127.0.0.1:${port}/`,
    egress,
    [Symbol.asyncDispose]: async () => {
      egress.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a server that answers', () => {
  for (const [what, answer, outcome] of ANSWERS)
    test(`${what} is no harm`, async () => {
      await using server = await startHostile((socket) => socket.end(answer, 'latin1'));
      const { heard, failure } = await fetchAll(server, { url: server.url });
      assert.match(failure?.code ?? heard.at(-1) ?? '', outcome);
    });

  test('byte by byte is understood', async () => {
    await using server = await startHostile((socket) => {
      for (const byte of `${OK}content-length: 5\r\n\r\nhello`) socket.write(byte);
    });
    assert.equal((await fetchAll(server, { url: server.url })).text, 'hello');
  });

  test('more than it was asked does not answer the next request', async () => {
    await using server = await startHostile((socket, turn) => {
      const poison = turn === 0 ? `${OK}content-length: 6\r\n\r\npoison` : '';
      socket.write(`${OK}content-length: 5\r\n\r\nhello${poison}`);
    });
    for (let round = 0; round < 3; round++) {
      const { text, failure } = await fetchAll(server, { url: server.url });
      assert.ok(text !== 'poison');
      assert.ok(text === 'hello' || failure !== null);
    }
  });

  test('at random is no harm', async () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const pieces = [
      OK,
      '\r\n',
      'content-length: 5\r\n',
      'transfer-encoding: chunked\r\n',
      '5\r\nhello\r\n',
      '0\r\n\r\n',
      'x: y\r\n',
      'HTTP/1.1 103 x\r\n',
      'location: /\r\n',
      'HTTP/1.1 302 x\r\n',
      'content-encoding: gzip\r\n',
      '\0',
      '\u00ff',
      'connection: close\r\n',
    ];
    await using server = await startHostile((socket) => {
      const answer = Array.from({ length: random(12) }, () => pieces[random(pieces.length)] ?? '').join('');
      if (random(2) === 0) socket.end(answer, 'latin1');
      else socket.write(`${OK}${answer}`, 'latin1', () => setImmediate(() => socket.destroy()));
    });
    for (let round = 0; round < 300; round++) await fetchAll(server, { url: server.url });
  });
});
