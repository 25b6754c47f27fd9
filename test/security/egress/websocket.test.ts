/** WebSockets: what a hostile function, and whoever it talks with, can try through one. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { record, RecordKind } from '../../../src/egress/websocket-records.ts';
import { frame, Opcode, startWebSocketServer } from '../../support/websocket-server.ts';
import { callerOf } from '../../unit/egress/fetching.ts';
import { connected, Connecting, openExit } from '../../unit/egress/websocketing.ts';

const MB = 1024 * 1024;

describe('a WebSocket to a forbidden place', () => {
  for (const [url, rule] of [
    ['ws://127.0.0.1:8080/', 'loopback'],
    ['ws://localhost:8080/', 'loopback'],
    ['wss://169.254.169.254/', 'link-local'],
    ['ws://0x7f.1:8080/', 'loopback'],
    ['ws://[::ffff:10.0.0.1]/', 'ipv4-mapped'],
    ['ws://10.0.0.1:22/', 'port'],
  ] as const)
    test(`is refused and audited: ${url}`, async () => {
      const { egress, refusals } = openExit([]);
      const socket = await connected(egress, url);
      assert.equal(socket.failure?.code, 'EGRESS_BLOCKED');
      assert.deepEqual(
        refusals.map((refusal) => refusal.tenant),
        ['acme'],
      );
      assert.equal(refusals[0]?.rule, rule);
      egress.close();
    });

  test('is refused where a name stands for a forbidden address, before anything is sent', async () => {
    await using server = await startWebSocketServer();
    const { egress, refusals } = openExit([]);
    assert.equal((await connected(egress, `ws://127.0.0.1:${server.port}/`)).failure?.code, 'EGRESS_BLOCKED');
    assert.equal(refusals.length, 1);
    assert.equal(server.peers.length, 0);
    egress.close();
  });

  test('is refused where the allow-list does not name it, as a fetch is', async () => {
    await using server = await startWebSocketServer();
    const { egress, refusals } = openExit([server.port]);
    const caller = callerOf({ egress: { allow: ['api.example.com'], refusal: 'response' } });
    assert.equal((await connected(egress, server.url, [], caller)).failure?.code, 'EGRESS_BLOCKED');
    assert.equal(refusals[0]?.rule, 'allow-list');
    assert.equal(server.peers.length, 0);
    egress.close();
  });
});

describe('a request that is none', () => {
  for (const [what, meta] of [
    ['nothing', null],
    ['a list', []],
    ['a URL that is no text', { url: 1, protocols: [] }],
    ['http', { url: 'http://example.com/', protocols: [] }],
    ['a file', { url: 'file:///etc/passwd', protocols: [] }],
    ['a user name', { url: 'ws://user:pass@example.com/', protocols: [] }],
    ['a URL that is too long', { url: `ws://example.com/${'x'.repeat(20_000)}`, protocols: [] }],
    ['no protocols', { url: 'ws://example.com/' }],
    ['a line end in a protocol', { url: 'ws://example.com/', protocols: ['a\r\nhost: 10.0.0.1'] }],
    ['a protocol that is no text', { url: 'ws://example.com/', protocols: [{}] }],
    ['too many protocols', { url: 'ws://example.com/', protocols: Array.from({ length: 100 }, (_, i) => `p${i}`) }],
  ] as const)
    test(`goes nowhere: ${what}`, async () => {
      const { egress } = openExit([]);
      const socket = new Connecting(egress, meta);
      await socket.over;
      assert.equal(socket.failure?.code, 'BAD_REQUEST');
      egress.close();
    });
});

describe('records of a hostile function', () => {
  for (const [what, bytes, code] of [
    ['a kind that there is none of', Buffer.from([9, 0, 0, 0, 0]), 'BAD_REQUEST'],
    ['a length beyond the bound', Buffer.from([2, 255, 255, 255, 255]), 'TOO_LARGE'],
    ['a close code that is reserved', record(RecordKind.CLOSE, Buffer.from([0x03, 0xee])), 'BAD_REQUEST'],
    ['a reason that is too long', record(RecordKind.CLOSE, Buffer.alloc(500, 3)), 'BAD_REQUEST'],
  ] as const)
    test(`end the connection, and nothing else: ${what}`, async () => {
      await using server = await startWebSocketServer();
      const { egress } = openExit([server.port]);
      const socket = await connected(egress, server.url);
      socket.write(bytes);
      await socket.over;
      assert.equal(socket.failure?.code, code);
      assert.equal((await connected(egress, server.url)).failure, null, 'the next one works');
      egress.close();
    });

  test('are refused before the connection is open', async () => {
    await using server = await startWebSocketServer();
    const { egress } = openExit([server.port]);
    const socket = new Connecting(egress, { url: server.url, protocols: [] });
    socket.send('early');
    await socket.over;
    assert.equal(socket.failure?.code, 'BAD_REQUEST');
    assert.equal(server.frames.length, 0);
    egress.close();
  });

  test('may hold so many bytes in all, and no more', async () => {
    await using server = await startWebSocketServer({ onFrame: () => undefined });
    const { egress } = openExit([server.port], { limits: { requestBytes: 1000 } });
    const socket = await connected(egress, server.url);
    socket.send('x'.repeat(999));
    socket.send('xx');
    await socket.over;
    assert.equal(socket.failure?.code, 'TOO_LARGE');
    egress.close();
  });
});

describe('a hostile other side', () => {
  test('that sends a message beyond the bound is closed with 1009', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using server = await startWebSocketServer({
      onOpen: (peer) => peer.send(Opcode.BINARY, Buffer.alloc(MB + 1)),
      onFrame: () => resolve(),
    });
    const { egress } = openExit([server.port]);
    const socket = await connected(egress, server.url);
    await socket.over;
    assert.equal(socket.closed?.code, 1006);
    assert.deepEqual(socket.messages, []);
    await closed;
    const { opcode, payload } = server.frames[0] ?? assert.fail();
    assert.deepEqual([opcode, payload.readUInt16BE(0)], [Opcode.CLOSE, 1009]);
    egress.close();
  });

  test('that sends without end is cut off at the bound of all messages', async () => {
    await using server = await startWebSocketServer({
      onOpen: (peer) => {
        for (let i = 0; i < 20; i++) peer.send(Opcode.TEXT, 'x'.repeat(100));
      },
    });
    const { egress } = openExit([server.port], { limits: { responseBytes: 1000 } });
    const socket = await connected(egress, server.url);
    await socket.over;
    assert.equal(socket.failure?.code, 'TOO_LARGE');
    assert.ok(socket.bytes <= 1100);
    egress.close();
  });

  for (const [what, bytes] of [
    ['a masked frame', Buffer.from([0x81, 0x81, 1, 2, 3, 4, 5])],
    ['an opcode that there is none of', Buffer.from([0x83, 0])],
    ['a reserved bit', Buffer.from([0xc1, 0])],
    ['a close of one byte', Buffer.from([0x88, 1, 0])],
    ['a continuation of nothing', Buffer.from([0x80, 0])],
    ['text that is not UTF-8', frame(Opcode.TEXT, Uint8Array.of(0xff))],
    ['a length of 2^63', Buffer.from([0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0])],
  ] as const)
    test(`that breaks the protocol loses the connection: ${what}`, async () => {
      await using server = await startWebSocketServer({
        onOpen: ({ socket }) => void socket.write(bytes),
        onFrame: () => undefined,
      });
      const { egress } = openExit([server.port]);
      const socket = await connected(egress, server.url);
      await socket.over;
      assert.equal(socket.closed?.wasClean, false);
      egress.close();
    });

  for (const [what, headers] of [
    ['an extension nobody offered', 'sec-websocket-extensions: permessage-deflate\r\n'],
    ['a protocol nobody offered', 'sec-websocket-protocol: admin\r\n'],
    ['too many headers', `x: ${'y'.repeat(100_000)}\r\n`],
  ] as const)
    test(`is not connected to when it answers with ${what}`, async () => {
      await using server = await startWebSocketServer({ headers });
      const { egress } = openExit([server.port]);
      const socket = await connected(egress, server.url);
      assert.notEqual(socket.failure, null);
      assert.equal(socket.head, null);
      egress.close();
    });

  test('is not connected to when it answers without the proof that it understood', async () => {
    await using server = await startWebSocketServer({
      answer:
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n',
    });
    const { egress } = openExit([server.port]);
    assert.equal((await connected(egress, server.url)).failure?.code, 'BAD_RESPONSE');
    egress.close();
  });
});

test('no header says more of the host than a WebSocket needs', async () => {
  await using server = await startWebSocketServer();
  const { egress } = openExit([server.port]);
  const socket = await connected(egress, `${server.url}/a?b`);
  const { headers, url } = server.peers[0]?.request ?? assert.fail();
  assert.equal(url, '/a?b');
  assert.equal(headers['sec-websocket-extensions'], undefined);
  assert.equal(headers.cookie, undefined);
  assert.equal(headers.origin, undefined);
  socket.exchange.cancel();
  egress.close();
});
