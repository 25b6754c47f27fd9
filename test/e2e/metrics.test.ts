/** What runs took, as the API and Prometheus read it from the real server. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(() => server[Symbol.asyncDispose]());

async function asked(path: string, token: string = ADMIN_TOKEN): Promise<Response> {
  return fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } });
}

async function make(what: string, body: object): Promise<unknown> {
  const response = await fetch(`${server.url}/api/v1/${what}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 201);
  return response.json();
}

interface Usage {
  readonly total: Totals;
  readonly functions: readonly (Totals & { name: string; faultsByCode: object; hours: readonly Totals[] })[];
}
type Totals = Record<'invocations' | 'coldStarts' | 'wallMs' | 'cpuMs' | 'mbSeconds' | 'faults', number>;

test('usage counts runs, running time, CPU time, memory, cold starts and faults', async () => {
  const code = `export default { fetch(request) {
    if (request.url.endsWith('throw')) throw new Error('x');
    let n = 0; for (let i = 0; i < 1e8; i++) n += i % 7;
    return new Response(n > 0 ? 'done' : '');
  } }`;
  const url = await deployed(server, 'counted', code, { memoryMb: 64 });
  for (let i = 0; i < 3; i++) assert.equal(await (await fetch(url)).text(), 'done');
  assert.equal((await fetch(`${url}/throw`)).status, 502);
  assert.equal((await fetch(url, { method: 'POST', body: 'x'.repeat(1_100_000) })).status, 413);
  const { functions } = (await (await asked('/api/v1/usage?function=counted')).json()) as Usage;
  const [counted] = functions;
  assert.equal(counted?.name, 'counted');
  // The health check of the deployment is a run too.
  assert.equal(counted?.invocations, 5);
  assert.ok(counted.coldStarts >= 1);
  assert.ok(counted.wallMs >= 100, `${counted.wallMs} ms`);
  // Measured in steps of 10 ms, and with what an executor does besides.
  assert.ok(
    counted.cpuMs >= 60 && counted.cpuMs < counted.wallMs * 3 + 200,
    `${counted.cpuMs} of ${counted.wallMs} ms`,
  );
  assert.ok(Math.abs(counted.mbSeconds - (counted.wallMs / 1000) * 64) < 1);
  assert.deepEqual(counted.faultsByCode, { HANDLER_THREW: 1, BODY_TOO_LARGE: 1 });
  assert.equal(counted.hours.at(-1)?.invocations, 5);
});

test('Prometheus reads the same, and only the operator may', async () => {
  await (await fetch(await deployed(server, 'seen', 'export default { fetch: () => new Response("x") }'))).text();
  const response = await asked('/metrics');
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const metrics = await response.text();
  assert.match(metrics, /^cordon_function_invocations_total\{tenant="default",function="seen"\} 2$/m);
  assert.match(metrics, /^# TYPE cordon_function_cpu_seconds_total counter$/m);
  assert.match(metrics, /^cordon_executors 1$/m);
  for (const line of metrics.trim().split('\n'))
    assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{.*\})? [\d.e+-]+)$/);
  assert.equal((await asked('/metrics', 'wrong')).status, 401);
  assert.equal((await fetch(`${server.url}/metrics`)).status, 401);
});

test('a tenant’s usage is another tenant’s 404', async () => {
  await make('tenants', { name: 'acme' });
  const { token } = (await make('tokens', { name: 'ci', tenant: 'acme', role: 'admin' })) as { token: string };
  const own = (await (await asked('/api/v1/usage', token)).json()) as { tenant: string; functions: unknown[] };
  assert.deepEqual([own.tenant, own.functions], ['acme', []]);
  assert.equal((await asked('/api/v1/usage?tenant=default', token)).status, 404);
  assert.equal((await asked('/api/v1/functions/seen/quarantine', token)).status, 404);
  assert.equal((await asked('/metrics', token)).status, 403);
});
