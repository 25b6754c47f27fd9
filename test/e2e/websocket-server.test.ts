/** WebSockets that functions serve, through the whole server, talked to by Node's own client and by raw bytes. */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { deployed, startTestServer, type TestServer } from '../support/server.ts';

const DENO = `Deno.serve((request) => {
  if (request.headers.get('upgrade') !== 'websocket') return new Response('no WebSocket', { status: 426 });
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: 'chat' });
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => { console.log('opened', socket instanceof WebSocket, request.body === null); socket.send('welcome'); };
  socket.onmessage = ({ data }) => {
    if (data === 'close') socket.close(3001, 'as you say');
    else if (typeof data === 'string') socket.send('you said ' + data);
    else socket.send(new Uint8Array(data).reverse());
  };
  socket.onclose = ({ code, reason, wasClean }) => console.log('closed', code, reason, wasClean);
  return response;
});`;

const WORKERS = `export default { fetch(request) {
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.send('at once');
  server.addEventListener('message', ({ data }) => server.send(data.toUpperCase()));
  return new Response(null, { status: 101, webSocket: client, headers: { 'x-own': 'yes' } });
} }`;

let server: TestServer;
let deno: string;
let workers: string;

before(async () => {
  server = await startTestServer({ env: { NODE_ENV: 'test' } });
  deno = await deployed(server, 'deno-socket', DENO);
  workers = await deployed(server, 'workers-socket', WORKERS);
});

after(() => server[Symbol.asyncDispose]());

/** What happens to a client, in order. */
class Client {
  readonly socket: WebSocket;
  readonly #heard: unknown[] = [];
  #look: () => void = () => undefined;

  constructor(url: string, protocols: string[] = []) {
    this.socket = new WebSocket(url.replace('http', 'ws'), protocols);
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('open', () => this.#hear(['open', this.socket.protocol]));
    this.socket.addEventListener('message', ({ data }) =>
      this.#hear(typeof data === 'string' ? data : [...new Uint8Array(data as ArrayBuffer).subarray(0, 3)]),
    );
    this.socket.addEventListener('close', ({ code, reason, wasClean }) =>
      this.#hear(['close', code, reason, wasClean]),
    );
  }

  /** The first so many. */
  heard(count: number): Promise<unknown[]> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (this.#heard.length >= count) resolve(this.#heard.slice(0, count));
      };
      this.#look();
    });
  }

  #hear(what: unknown): void {
    this.#heard.push(what);
    this.#look();
  }
}

test('Deno.upgradeWebSocket: text and bytes go both ways, and the server closes', async () => {
  const client = new Client(deno, ['chat']);
  assert.deepEqual(await client.heard(2), [['open', 'chat'], 'welcome']);
  client.socket.send('grüezi');
  client.socket.send(Uint8Array.of(1, 2, 3));
  client.socket.send(new Uint8Array(300_000).fill(9));
  assert.deepEqual((await client.heard(5)).slice(2), ['you said grüezi', [3, 2, 1], [9, 9, 9]]);
  client.socket.send('close');
  assert.deepEqual((await client.heard(6)).at(-1), ['close', 3001, 'as you say', true]);
  await server.printed(/opened true true/);
  await server.printed(/closed 3001 {2}true|closed 3001 as you say true/);
});

test('a client that closes is answered, and the function hears of it', async () => {
  const client = new Client(deno, ['chat']);
  await client.heard(2);
  client.socket.close(3002, 'enough');
  assert.deepEqual((await client.heard(3)).at(-1), ['close', 3002, 'enough', true]);
  await server.printed(/closed 3002 enough true/);
});

test('WebSocketPair: what is sent before the client is there reaches it', async () => {
  const client = new Client(workers);
  assert.deepEqual(await client.heard(2), [['open', ''], 'at once']);
  client.socket.send('louder');
  assert.deepEqual((await client.heard(3)).at(-1), 'LOUDER');
  client.socket.close();
  assert.equal(((await client.heard(4)).at(-1) as unknown[])[0], 'close');
});

test('many sockets of one function talk side by side', async () => {
  const clients = Array.from({ length: 10 }, () => new Client(deno, ['chat']));
  await Promise.all(clients.map((client) => client.heard(2)));
  for (const [i, { socket }] of clients.entries()) socket.send(`from ${i}`);
  for (const [i, client] of clients.entries()) assert.equal((await client.heard(3))[2], `you said from ${i}`);
  for (const { socket } of clients) socket.close();
});

test('an ordinary request to the same function is answered as ever', async () => {
  const response = await fetch(deno);
  assert.equal(response.status, 426);
  assert.equal(await response.text(), 'no WebSocket');
});

test('a response with 101 to a request that asked for no WebSocket is refused', async () => {
  const response = await fetch(workers);
  assert.equal(response.status, 502);
  assert.match(await response.text(), /asks for no WebSocket/);
});

const HANDSHAKE = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

/** Sends the bytes after a handshake's answer, and gives all that comes until the connection ends. */
function talk(...parts: (string | Buffer)[]): Promise<Buffer> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), '127.0.0.1', () => {
      for (const part of parts) socket.write(part);
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

const masked = (first: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
const CLOSE = masked(0x88, Buffer.from([3, 232]));

test('the handshake is that of RFC 6455, with the function’s own headers and none that would change the frames', async () => {
  const path = new URL(workers).pathname;
  const answer = await talk(HANDSHAKE(path, 'sec-websocket-extensions: permessage-deflate\r\n'), CLOSE);
  const head = answer.toString('latin1').split('\r\n\r\n')[0]!;
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  assert.match(head, /x-own: yes/);
  assert.doesNotMatch(head, /extensions/);
});

for (const [what, bytes, code] of [
  ['a frame that is not masked', Buffer.from([0x81, 1, 65]), 1002],
  ['a reserved bit', masked(0xc1, Buffer.from('a')), 1002],
  ['an unknown kind of frame', masked(0x83, Buffer.from('a')), 1002],
  ['a continuation of nothing', masked(0x80, Buffer.from('a')), 1002],
  ['text that is not UTF-8', masked(0x81, Buffer.from([0xff])), 1007],
  ['a message that is too large', Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ['a close frame of one byte', masked(0x88, Buffer.from([3])), 1002],
] as const)
  test(`${what} closes the connection with ${code}`, async () => {
    const path = new URL(workers).pathname;
    const answer = await talk(HANDSHAKE(path), bytes, CLOSE);
    const frames = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    // The first frame is the function's own "at once".
    const close = frames.subarray(2 + frames[1]!);
    assert.equal(close[0], 0x88, frames.toString('hex'));
    assert.equal(close.readUInt16BE(2), code);
  });

test('a ping is answered, and a message in pieces is one', async () => {
  const path = new URL(deno).pathname;
  const parts = [
    masked(0x89, Buffer.from('p')),
    masked(0x01, Buffer.from('in ')),
    masked(0x80, Buffer.from('pieces')),
    CLOSE,
  ];
  const answer = await talk(HANDSHAKE(path), ...parts);
  const text = answer.subarray(answer.indexOf('\r\n\r\n') + 4).toString('latin1');
  assert.ok(text.includes('\x8a\x01p'), text);
  assert.ok(text.includes('you said in pieces'), text);
});

test('what asks badly, or elsewhere, is answered as an ordinary request', async () => {
  const path = new URL(deno).pathname;
  const bad = HANDSHAKE(path, 'connection: close\r\n').replace('version: 13', 'version: 8');
  assert.match((await talk(bad)).toString('latin1'), /^HTTP\/1\.1 426 /);
  const health = HANDSHAKE('/health', 'connection: close\r\n');
  assert.match((await talk(health)).toString('latin1'), /^HTTP\/1\.1 200 /);
  assert.match((await talk(HANDSHAKE('/fn/none'))).toString('latin1'), /^HTTP\/1\.1 404 /);
});

test('a client that goes away takes nothing with it', async () => {
  const client = new Client(deno, ['chat']);
  await client.heard(2);
  const { port } = new URL(server.url);
  const path = new URL(deno).pathname;
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(HANDSHAKE(path)));
    socket.once('data', () => socket.resetAndDestroy());
    socket.on('close', () => resolve());
    socket.on('error', () => undefined);
  });
  client.socket.send('still there');
  assert.equal((await client.heard(3))[2], 'you said still there');
  client.socket.close();
});
