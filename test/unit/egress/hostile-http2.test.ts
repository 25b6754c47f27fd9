/** What a hostile HTTP/2 server may do to a connection: every fetch comes to an end, the next one works, the host lives. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants, createSecureServer } from 'node:http2';
import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createEgress } from '../../../src/egress/egress.ts';
import type { Egress } from '../../../src/egress/egress.ts';
import { fetchAll } from './fetching.ts';
import { makeIdentity } from './identity.ts';

const IDENTITY = makeIdentity('IP:127.0.0.1');

interface Hostile extends AsyncDisposable {
  readonly url: string;
  readonly egress: Egress;
}

async function start(server: Server | Http2Server): Promise<Hostile> {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const egress = createEgress({
    defaultAllow: () => null,
    allowPrivate: [`127.0.0.1:${port}`],
    refused: () => undefined,
    ca: IDENTITY.cert,
    limits: { totalMs: 1_000 },
  });
  return {
    url: `https://127.0.0.1:${port}/`,
    egress,
    [Symbol.asyncDispose]: async () => {
      egress.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const ATTACKS: Readonly<Record<string, (stream: ServerHttp2Stream, session: Http2Session) => void>> = {
  'resets the stream': (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  'refuses the stream': (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  'cancels the stream': (stream) => stream.close(constants.NGHTTP2_CANCEL),
  'resets the stream after the head': (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('x', () => stream.close(constants.NGHTTP2_PROTOCOL_ERROR));
  },
  'destroys the session': (_stream, session) => session.destroy(),
  'destroys the session after the head': (stream, session) => {
    stream.respond({ ':status': 200 });
    stream.write('x', () => session.destroy());
  },
  'says goodbye at once': (_stream, session) => session.goaway(constants.NGHTTP2_NO_ERROR),
  'says goodbye in anger': (_stream, session) => session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  'says goodbye after the head': (stream, session) => {
    stream.respond({ ':status': 200 });
    session.goaway(constants.NGHTTP2_NO_ERROR);
    stream.end('x');
  },
  'ends without a body': (stream) => stream.respond({ ':status': 200 }, { endStream: true }),
  'sends trailers': (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ x: 'y' }));
    stream.end('x');
  },
  'sends hints without an end': (stream) => {
    for (let count = 0; count < 100; count++) stream.additionalHeaders({ ':status': 103, link: 'x' });
  },
  'sends headers that are objects’ own': (stream) => {
    stream.respond({ ':status': 200, __proto__: 'x', constructor: 'x', 'set-cookie': ['a=1', 'b=2'] });
    stream.end('x');
  },
  'allows no streams': (stream, session) => {
    session.settings({ maxConcurrentStreams: 0 });
    stream.respond({ ':status': 200 });
    stream.end('x');
  },
  'tears the socket': (_stream, session) => session.socket?.destroy(),
};

describe('an HTTP/2 server that', () => {
  for (const [what, attack] of Object.entries(ATTACKS))
    test(`${what} is no harm`, async () => {
      let attacks = 0;
      const server = createSecureServer(IDENTITY);
      server.on('stream', (stream: ServerHttp2Stream) => {
        stream.on('error', () => undefined);
        const { session } = stream;
        if (attacks++ < 4 && session !== undefined) return attack(stream, session);
        stream.respond({ ':status': 200 });
        stream.end('well');
      });
      await using hostile = await start(server.on('sessionError', () => undefined));
      const attacked = [1, 2, 3, 4].map((turn) =>
        fetchAll(hostile, turn % 2 === 0 ? { url: hostile.url } : { url: hostile.url, method: 'POST', body: 'x' }),
      );
      for (const { heard } of await Promise.all(attacked)) assert.match(heard.at(-1) ?? '', /end|fail/);
      while (attacks < 4) await fetchAll(hostile, { url: hostile.url });
      const after = await fetchAll(hostile, { url: hostile.url });
      assert.match(after.failure?.code ?? after.text, /well|CONNECT_FAILED|TIMED_OUT/);
    });

  for (const [what, bytes] of [
    ['speaks HTTP/1.1', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['sends noise', '\0\xff'.repeat(5_000)],
    ['sends an endless frame', '\xff\xff\xff\x00\x00\x00\x00\x00\x01'],
    ['sends data for no stream', '\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\x05x'],
    ['hangs up', ''],
  ] as const)
    test(`${what} after agreeing on HTTP/2 is no harm`, async () => {
      const server = createTlsServer({ ...IDENTITY, ALPNProtocols: ['h2'] }, (socket) => {
        socket.on('error', () => undefined);
        socket.end(Buffer.from(bytes, 'latin1'));
      });
      await using hostile = await start(server.on('tlsClientError', () => undefined));
      for (let round = 0; round < 3; round++)
        assert.notEqual((await fetchAll(hostile, { url: hostile.url })).failure, null);
    });
});
