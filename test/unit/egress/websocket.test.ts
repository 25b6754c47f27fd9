import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { record, RecordKind } from '../../../src/egress/websocket-records.ts';
import { makeCall } from '../../support/calls.ts';
import { echo, Opcode, startWebSocketServer } from '../../support/websocket-server.ts';
import { callerOf } from './fetching.ts';
import { makeIdentity } from './identity.ts';
import { connected, Connecting, openExit } from './websocketing.ts';

const KB = 1024;

suite('a WebSocket through egress', () => {
  test('opens, carries text and bytes both ways, and closes with a code and a reason', async () => {
    await using server = await startWebSocketServer();
    const { egress, counts } = openExit([server.port]);
    const socket = await connected(egress, server.url, ['chat', 'other']);
    assert.deepEqual(socket.head, { protocol: 'chat' });
    socket.send('wörld');
    socket.send(Buffer.from([0, 255]));
    socket.send('');
    await socket.until(() => socket.messages.length === 3);
    assert.deepEqual(socket.messages, ['wörld', Buffer.from([0, 255]), '']);
    socket.close(3001, 'bye');
    await socket.over;
    assert.deepEqual(socket.closed, { code: 3001, wasClean: true, reason: 'bye' });
    assert.deepEqual(socket.heard.at(-1), 'end');
    assert.deepEqual(counts, ['acme 8 8']);
    egress.close();
  });

  test('reads records however they are cut', async () => {
    await using server = await startWebSocketServer();
    const { egress } = openExit([server.port]);
    const socket = await connected(egress, server.url);
    const bytes = Buffer.concat([
      record(RecordKind.TEXT, Buffer.from('one')),
      record(RecordKind.BINARY, Buffer.alloc(70 * KB, 7)),
      record(RecordKind.TEXT, Buffer.from('three')),
    ]);
    for (const byte of bytes.subarray(0, 20)) socket.write(Buffer.from([byte]));
    socket.write(bytes.subarray(20));
    await socket.until(() => socket.messages.length === 3);
    assert.deepEqual(socket.messages, ['one', Buffer.alloc(70 * KB, 7), 'three']);
    socket.exchange.cancel();
    egress.close();
  });

  test('hears of a close by the other side, and of a connection that breaks', async () => {
    await using server = await startWebSocketServer({
      onFrame(peer, _opcode, payload) {
        if (payload.toString() === 'break') return void peer.socket.destroy();
        peer.send(Opcode.CLOSE, Buffer.concat([Buffer.from([0x03, 0xe9]), Buffer.from('away')]));
        peer.socket.end();
      },
    });
    const { egress } = openExit([server.port]);
    const closed = await connected(egress, server.url);
    closed.send('close');
    await closed.over;
    assert.deepEqual(closed.closed, { code: 1001, wasClean: true, reason: 'away' });
    const broken = await connected(egress, server.url);
    broken.send('break');
    await broken.over;
    assert.equal(broken.closed?.code, 1006);
    assert.equal(broken.closed.wasClean, false);
    egress.close();
  });

  test('holds the other side back while the function has no room, and loses nothing', async () => {
    const many = 400;
    await using server = await startWebSocketServer({
      onOpen(peer) {
        for (let i = 0; i < many; i++) peer.send(Opcode.BINARY, Buffer.alloc(64 * KB, i));
        peer.send(Opcode.TEXT, 'last');
      },
      onFrame: echo,
    });
    const { egress } = openExit([server.port]);
    const socket = new Connecting(egress, { url: server.url, protocols: [] });
    socket.wants = false;
    await socket.until(() => socket.messages.length === 1);
    // Every turn of the loop would bring more, were it not held back.
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(socket.messages.length, 1);
    assert.ok((server.peers[0]?.socket.writableLength ?? 0) > 0, 'the other side waits');
    socket.wants = true;
    socket.exchange.resume();
    await socket.until(() => socket.messages.length === many + 1);
    assert.equal(socket.messages.at(-1), 'last');
    socket.exchange.cancel();
    egress.close();
  });

  test('says when the other side is behind, and when it no longer is', async () => {
    await using server = await startWebSocketServer({ onFrame: () => undefined });
    const { egress } = openExit([server.port]);
    const socket = await connected(egress, server.url);
    server.peers[0]?.socket.pause();
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    const chunk = record(RecordKind.BINARY, Buffer.alloc(512 * KB));
    let rounds = 0;
    while (socket.exchange.write(chunk, resolve) && rounds < 100) rounds++;
    assert.ok(rounds < 100, 'it never said so');
    server.peers[0]?.socket.resume();
    await drained;
    socket.exchange.cancel();
    egress.close();
  });

  test('ends with its invocation, and leaves no connection behind', async () => {
    await using server = await startWebSocketServer({ onFrame: () => undefined });
    const { egress, counts } = openExit([server.port]);
    const socket = await connected(egress, server.url);
    const gone = once(server.peers[0]?.socket ?? assert.fail(), 'end');
    socket.exchange.cancel();
    await gone;
    assert.deepEqual(socket.heard, ['head']);
    assert.deepEqual(counts, ['acme 0 0']);
    egress.close();
  });

  test('counts as one request under way until it is over', async () => {
    await using server = await startWebSocketServer();
    const { egress } = openExit([server.port], { limits: { requestsPerInvocation: 1 } });
    const caller = callerOf({}, makeCall());
    const first = await connected(egress, server.url, [], caller);
    const second = await connected(egress, server.url, [], caller);
    assert.equal(second.failure?.code, 'TOO_MANY_REQUESTS');
    first.close();
    await first.over;
    const third = await connected(egress, server.url, [], caller);
    assert.equal(third.failure, null);
    third.exchange.cancel();
    egress.close();
  });

  test('opens over TLS, without HTTP/2, and only where the certificate is one to trust', async () => {
    const identity = makeIdentity('IP:127.0.0.1');
    await using server = await startWebSocketServer({ identity });
    const { egress } = openExit([server.port], { ca: identity.cert });
    const socket = await connected(egress, server.url);
    socket.send('secret');
    await socket.until(() => socket.messages.length === 1);
    assert.deepEqual(socket.messages, ['secret']);
    socket.exchange.cancel();
    egress.close();
    const wary = openExit([server.port]);
    assert.equal((await connected(wary.egress, server.url)).failure?.code, 'TLS_FAILED');
    assert.equal(server.peers.length, 1);
    wary.egress.close();
  });

  test('does not open where the other side speaks no WebSocket, redirects, or is not there', async () => {
    await using plain = await startWebSocketServer({ answer: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' });
    await using moved = await startWebSocketServer({
      answer: `HTTP/1.1 302 Found\r\nlocation: ${plain.url.replace('ws:', 'http:')}\r\ncontent-length: 0\r\n\r\n`,
    });
    const gone = await startWebSocketServer();
    await gone[Symbol.asyncDispose]();
    const { egress } = openExit([plain.port, moved.port, gone.port]);
    assert.equal((await connected(egress, plain.url)).failure?.code, 'BAD_RESPONSE');
    assert.equal((await connected(egress, moved.url)).failure?.code, 'BAD_RESPONSE');
    assert.equal(plain.peers.length, 1, 'no redirect was followed');
    assert.equal((await connected(egress, gone.url)).failure?.code, 'CONNECT_FAILED');
    egress.close();
  });
});
