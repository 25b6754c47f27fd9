/** What functions fetch, through the whole server: a destination that the operator opened, and everything else. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

const MB = 1024 * 1024;
const PROXY = `export default { async fetch(request) {
  try {
    const upstream = await fetch(new URL(request.url).searchParams.get('url'), {
      method: request.method, body: request.body, duplex: 'half', headers: { 'x-api-key': Deno.env.get('API_KEY') ?? '' },
    });
    return new Response(upstream.body, { status: upstream.status, headers: { 'x-key': upstream.headers.get('x-key') ?? '' } });
  } catch (error) {
    return Response.json({ message: error.message, cause: error.cause }, { status: 500 });
  }
} }`;

let origin: Server;
let originUrl: string;
let server: TestServer;
let proxy: string;

before(async () => {
  origin = createServer((request, response) => {
    const bytes = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('bytes') ?? 0);
    response.setHeader('x-key', request.headers['x-api-key'] ?? '');
    if (request.url?.startsWith('/redirect') === true)
      return void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
    if (bytes === 0) return void request.pipe(response);
    let left = bytes;
    const send = (): void => {
      while (left > 0) {
        const size = Math.min(left, 256 * 1024);
        left -= size;
        if (!response.write(Buffer.alloc(size, 97))) return void response.once('drain', send);
      }
      response.end();
    };
    send();
  });
  await once(origin.listen(0, '127.0.0.1'), 'listening');
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  server = await startTestServer({ env: { CORDON_EGRESS_ALLOW_PRIVATE: originUrl.slice('http://'.length) } });
  proxy = await deployed(server, 'proxy', PROXY, { requestBody: 'stream' });
});

after(async () => {
  await server[Symbol.asyncDispose]();
  origin.close();
  origin.closeAllConnections();
});

const through = (url: string, init?: RequestInit): Promise<Response> =>
  fetch(`${proxy}?url=${encodeURIComponent(url)}`, init);

test('a function fetches what the operator has opened, and sends a body on', async () => {
  const response = await through(`${originUrl}/echo`, { method: 'POST', body: 'hello' });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), 'hello');
});

test('the metadata address, this server and a redirect to either are refused and written down', async () => {
  for (const url of ['http://169.254.169.254/', `${server.url}/health`, `${originUrl}/redirect`]) {
    const response = await through(url);
    assert.equal(response.status, 500);
    const { message, cause } = (await response.json()) as { message: string; cause: Record<string, unknown> };
    assert.match(message, /SSRF guard blocked outbound request to/);
    assert.equal(cause['code'], 'EGRESS_BLOCKED');
  }
  const audit = await fetch(`${server.url}/api/v1/audit`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  assert.match(await audit.text(), /egress\.refused.*169\.254\.169\.254/s);
});

test('a secret that is bound to a host reaches that host, and never the function', async () => {
  const secret = 'sk-live-0123456789';
  const bound = await fetch(`${server.url}/api/v1/functions/proxy/secrets`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      variables: [{ name: 'API_KEY', value: secret, secret: true, hosts: [new URL(originUrl).host] }],
    }),
  });
  assert.equal(bound.status, 200, await bound.clone().text());
  let received: string | undefined;
  origin.once('request', (request) => (received = request.headers['x-api-key'] as string));
  const response = await through(`${originUrl}/echo`, { method: 'POST', body: 'x' });
  assert.equal(received, secret);
  assert.doesNotMatch(JSON.stringify([...response.headers]), /sk-live/, 'what the host echoed is redacted');
  const env = await deployed(
    server,
    'env',
    'export default () => ({ statusCode: 200, body: Deno.env.get("API_KEY") ?? "none" })',
  );
  assert.equal(await (await fetch(env)).text(), 'none');
});

test('100 MB through a function leave the memory of the host where it was', async () => {
  // What the collector lets pile up is the same for the first 50 MB as for any amount.
  await (await through(`${originUrl}/?bytes=${50 * MB}`)).body?.pipeTo(new WritableStream());
  const beforeMb = residentMb();
  const response = await through(`${originUrl}/?bytes=${100 * MB}`);
  let received = 0;
  let mostMb = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    received += chunk.length;
    mostMb = Math.max(mostMb, residentMb());
  }
  assert.equal(received, 100 * MB);
  assert.ok(mostMb - beforeMb < 64, `the host grew by ${(mostMb - beforeMb).toFixed(0)} MB`);
});

function residentMb(): number {
  const status = readFileSync(`/proc/${server.process.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}
