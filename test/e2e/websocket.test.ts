/** WebSockets that functions open, through the whole server: to a place that the operator opened, and to others. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';
import { startWebSocketServer, type WebSocketServer } from '../support/websocket-server.ts';

const TALK = `export default { async fetch(request) {
  const heard = [];
  const ws = new WebSocket(new URL(request.url).searchParams.get('url'), ['chat']);
  ws.binaryType = 'arraybuffer';
  await new Promise((resolve) => {
    ws.onopen = () => { heard.push(['open', ws.protocol]); ws.send('hällo'); };
    ws.onmessage = ({ data }) => {
      if (typeof data === 'string') { heard.push(['text', data]); ws.send(new Uint8Array(300_000).fill(7)); return; }
      heard.push(['bytes', data.byteLength, new Uint8Array(data)[299_999]]);
      ws.close(3000, 'done');
    };
    ws.onerror = ({ error }) => heard.push(['error', error.code, error.cause]);
    ws.onclose = ({ code, reason, wasClean }) => { heard.push(['close', code, reason, wasClean]); resolve(); };
  });
  return Response.json(heard);
} }`;

let peer: WebSocketServer;
let server: TestServer;
let talk: string;

before(async () => {
  peer = await startWebSocketServer();
  server = await startTestServer({ env: { CORDON_EGRESS_ALLOW_PRIVATE: `127.0.0.1:${peer.port}` } });
  talk = await deployed(server, 'talk', TALK);
});

after(async () => {
  await server[Symbol.asyncDispose]();
  await peer[Symbol.asyncDispose]();
});

const heardFrom = async (url: string): Promise<unknown> => {
  const response = await fetch(`${talk}?url=${encodeURIComponent(url)}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
};

test('a function talks with what the operator has opened, and closes', async () => {
  assert.deepEqual(await heardFrom(peer.url), [
    ['open', 'chat'],
    ['text', 'hällo'],
    ['bytes', 300_000, 7],
    ['close', 3000, 'done', true],
  ]);
});

test('a forbidden address gives an error and a close with 1006, and is written down', async () => {
  const heard = await heardFrom('ws://169.254.169.254/latest');
  assert.deepEqual(heard, [
    ['error', 'EGRESS_BLOCKED', { code: 'EGRESS_BLOCKED', rule: 'link-local', host: '169.254.169.254' }],
    ['close', 1006, '', false],
  ]);
  const audit = await fetch(`${server.url}/api/v1/audit`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  assert.match(await audit.text(), /egress\.refused.*169\.254\.169\.254/s);
});

test('a script body has no WebSocket', async () => {
  const code = 'return { statusCode: 200, body: [typeof fetch, typeof WebSocket].join() }';
  const response = await fetch(await deployed(server, 'script', code, { handlerKind: 'script' }));
  assert.equal(await response.text(), 'undefined,undefined');
});
