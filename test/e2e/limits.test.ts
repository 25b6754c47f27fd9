/** Limits that a function chose for itself, against the real server: each holds, and says which one it was. */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

const CHUNK = Buffer.alloc(64 * 1024);

let outside: Server;
let server: TestServer;

before(async () => {
  // `/silent` never answers; `/large` sends 4 MB.
  outside = createServer((request, response) => {
    if (request.url !== '/large') return;
    for (let i = 0; i < 64; i++) response.write(CHUNK);
    response.end();
  });
  await once(outside.listen(0, '127.0.0.1'), 'listening');
  server = await startTestServer({
    env: { CORDON_EGRESS_ALLOW_PRIVATE: authority(), CORDON_MAX_SUBREQUESTS: '50' },
  });
});
after(async () => {
  outside.closeAllConnections();
  outside.close();
  await server[Symbol.asyncDispose]();
});

const authority = (): string => `127.0.0.1:${(outside.address() as AddressInfo).port}`;

async function logOf(name: string): Promise<string> {
  const path = `/api/v1/functions/${name}/logs`;
  return (await fetch(server.url + path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).text();
}

test('a call that computes for too long is ended by its CPU time, long before its time is over', async () => {
  const code = `export default { async fetch(request) {
    if (request.url.endsWith('/wait')) { await new Promise((done) => setTimeout(done, 800)); return new Response('waited'); }
    for (;;);
  } }`;
  const url = await deployed(server, 'spinner', code, { timeoutMs: 60_000, limits: { cpuMs: 200 } });
  assert.equal(await (await fetch(`${url}/wait`)).text(), 'waited', 'to wait is not to compute');
  const response = await fetch(url);
  assert.equal(response.status, 504, await response.text());
  assert.equal(response.headers.get('cordon-fault'), 'TIMED_OUT');
  assert.equal(response.headers.get('cordon-limit'), 'cpu-ms=200');
});

test('a call that computes in many small pieces is ended too', async () => {
  const code = `export default { async fetch() {
    for (;;) { for (const end = Date.now() + 3; Date.now() < end; ); await new Promise((done) => setTimeout(done, 0)); }
  } }`;
  const url = await deployed(server, 'pieces', code, { timeoutMs: 60_000, limits: { cpuMs: 150 } });
  const response = await fetch(url);
  assert.equal(response.headers.get('cordon-limit'), 'cpu-ms=150', await response.text());
});

test('a call may begin so many requests, and is told of the one that is too many', async () => {
  const code = `export default { async fetch() {
    const codes = [];
    for (let i = 0; i < 5; i++) await fetch('http://10.0.0.1/').catch(({ cause }) => codes.push(cause.code + ' ' + (cause.limit ?? '')));
    return Response.json(codes);
  } }`;
  const url = await deployed(server, 'asker', code, { limits: { subrequests: 3 } });
  const refused = 'TOO_MANY_REQUESTS subrequests=3';
  const expected = ['EGRESS_BLOCKED ', 'EGRESS_BLOCKED ', 'EGRESS_BLOCKED ', refused, refused];
  assert.deepEqual(await (await fetch(url)).json(), expected);
  assert.deepEqual(await (await fetch(url)).json(), expected, 'the next call begins anew');
  assert.equal((await logOf('asker')).split('A limit was reached: subrequests=3').length, 3, 'one line for each call');
});

test('a call may hold so many requests open at a time', async () => {
  const code = `export default { async fetch() {
    const abort = new AbortController();
    const open = [1, 2].map(() => fetch('http://${authority()}/silent', { signal: abort.signal }).catch(({ name }) => name));
    const third = await fetch('http://${authority()}/silent').catch(({ cause }) => cause.code + ' ' + cause.limit);
    abort.abort();
    return Response.json([third, ...await Promise.all(open)]);
  } }`;
  const url = await deployed(server, 'holder', code, { limits: { openStreams: 2 } });
  const response = await fetch(url);
  assert.deepEqual(await response.json(), ['TOO_MANY_REQUESTS open-streams=2', 'AbortError', 'AbortError']);
});

test('a call may send and receive so many bytes, both together', async () => {
  const code = `export default { async fetch(request) {
    const up = request.url.endsWith('/up');
    const init = up ? { method: 'POST', body: 'x'.repeat(600_000) } : {};
    try {
      const response = await fetch('http://${authority()}/' + (up ? 'silent' : 'large'), init);
      let bytes = 0;
      for await (const chunk of response.body) bytes += chunk.length;
      return Response.json({ bytes });
    } catch ({ cause }) { return Response.json([cause.code, cause.limit]); }
  } }`;
  const url = await deployed(server, 'mover', code, { limits: { egressBytes: 500_000 } });
  assert.deepEqual(await (await fetch(url)).json(), ['TOO_LARGE', 'egress-bytes=500000']);
  assert.deepEqual(await (await fetch(`${url}/up`)).json(), ['TOO_LARGE', 'egress-bytes=500000']);
  assert.match(await logOf('mover'), /A limit was reached: egress-bytes=500000/);
  const free = await deployed(server, 'free', code);
  assert.deepEqual(await (await fetch(free)).json(), { bytes: 64 * CHUNK.length });
});

test('a sandbox may have so many timers waiting', async () => {
  const code = `export default { fetch() {
    try { for (let i = 0; i < 20; i++) setTimeout(() => undefined, 60_000); } catch (error) { return new Response(error.message); }
    return new Response('all of them');
  } }`;
  const url = await deployed(server, 'timers', code, { limits: { pendingTimers: 10 } });
  assert.match(await (await fetch(url)).text(), /pending-timers=10/);
});

test('a version shows the limits that it has, and a deployment beyond the operator’s is refused', async () => {
  const answer = await server.deploy('asker', 'export default () => 1', { limits: { subrequests: 51 } });
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /limits\.subrequests must be between 0 and 50 calls, but it is 51/);
  const misspelt = await server.deploy('asker', 'export default () => 1', { limits: { subRequests: 1 } });
  assert.match(await misspelt.text(), /subRequests/);
  const shown = (await (await server.deploy('asker', 'export default () => 1')).json()) as {
    live: { limits: Record<string, number> };
  };
  const { cpuMs, subrequests, openStreams, pendingTimers, processMemoryMb } = shown.live.limits;
  assert.deepEqual([cpuMs, subrequests, openStreams, pendingTimers, processMemoryMb], [30_000, 50, 64, 10_000, 512]);
});

test('a function that asks for a better wall than stands is refused, and one that asks for less runs', async (t) => {
  await using weaker = await startTestServer({ env: { CORDON_WALL: 'landlock' } });
  if (!/OS wall +landlock/.test(weaker.output())) return t.skip('landlock does not work here');
  const code = 'export default { fetch: () => new Response("behind it") }';
  const refused = await weaker.deploy('picky', code, { minimumWall: 'namespaces' });
  assert.equal(refused.status, 422);
  assert.match(await refused.text(), /TIER_UNAVAILABLE.+minimumWall: .+ does not guarantee pid, mount/);
  const url = await deployed(weaker, 'content', code, { minimumWall: 'landlock' });
  assert.equal(await (await fetch(url)).text(), 'behind it');
});
