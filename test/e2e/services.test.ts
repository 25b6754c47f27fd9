/** The commands of seed 003, as it prints them (the quotes inside of function_code escaped), sent by curl. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ADMIN_TOKEN, startTestServer, type TestServer } from '../support/server.ts';

const HELLO =
  'module.exports.handler = async (event) => ({ statusCode: 200, body: "hello, " + (event.queryStringParameters?.name || "world") });';

interface Service {
  readonly id: string;
  readonly name: string;
  readonly function_name: string;
  readonly function_runtime: string;
  readonly public_domain: string | null;
  readonly env_vars: readonly { readonly key: string; readonly value: string; readonly is_secret: boolean }[];
  readonly deployment: Deployment;
}

interface Deployment {
  readonly id: string;
  readonly status: string;
  readonly phase: string;
  readonly error: string | null;
  readonly log: string;
}

let server: TestServer;
before(async () => void (server = await startTestServer()));
after(() => server[Symbol.asyncDispose]());

test('the text’s create, call, update and invoke work as it prints them', async () => {
  const created = await api<Service>('POST', '/api/v1/services/', {
    name: 'hello',
    deploy_type: 'FUNCTION',
    function_runtime: 'node18',
    function_code: HELLO,
    public_domain: 'hello.example.com',
  });
  assert.equal(created.status, 201);
  assert.match(created.body.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(created.body.function_name, 'hello');
  await succeeded(created.body.id);

  assert.equal(await onDomain('/fn/hello?name=ann'), 'hello, ann');
  assert.equal(await onDomain('/fn/hello'), 'hello, world');

  const invoked = await api<{ success: boolean; result: unknown }>(
    'POST',
    `/api/v1/services/${created.body.id}/invoke/`,
    { event: { queryStringParameters: { name: 'alice' } } },
  );
  assert.equal(invoked.status, 200);
  assert.match(JSON.stringify(invoked.body), /hello, alice/);

  const patched = await api('PATCH', `/api/v1/services/${created.body.id}/`, {
    function_code: 'module.exports.handler = async () => ({ statusCode: 200, body: "v2" });',
  });
  assert.equal(patched.status, 200);
  await succeeded(created.body.id);
  assert.equal(await onDomain('/fn/hello'), 'v2');
});

test('a public domain reaches its own function and no other', async () => {
  await server.deploy('neighbour', 'export default () => "neighbour"');
  assert.match(await onDomain('/fn/neighbour'), /NOT_FOUND/);
  assert.match(await onDomain('/api/v1/services/'), /NOT_FOUND/);
});

test('invoke shows the actual error of a function that answers 502', async () => {
  const created = await api<Service>('POST', '/api/v1/services/', {
    name: 'broken',
    deploy_type: 'FUNCTION',
    function_runtime: 'node18',
    function_code: 'module.exports.handler = async () => { console.log("so far"); throw new Error("no such table"); };',
  });
  await succeeded(created.body.id);
  assert.equal((await fetch(`${server.url}/fn/broken`)).status, 502);
  const { status, body } = await api('POST', `/api/v1/services/${created.body.id}/invoke/`, { event: {} });
  assert.equal(status, 200);
  assert.match(JSON.stringify(body), /no such table/);
  assert.match(JSON.stringify(body), /so far/);
});

test('a deploy_type other than FUNCTION, code over 256 KB, and a runtime that is not known are refused', async () => {
  const base = { name: 'refused', deploy_type: 'FUNCTION', function_runtime: 'node18', function_code: HELLO };
  const container = await api('POST', '/api/v1/services/', { ...base, deploy_type: 'CONTAINER' });
  assert.equal(container.status, 400);
  const large = await api('POST', '/api/v1/services/', { ...base, function_code: `//${'x'.repeat(256 * 1024)}` });
  assert.equal(large.status, 400);
  assert.match(JSON.stringify(large.body), /Function code exceeds 256 KB/);
  const unknown = await api('POST', '/api/v1/services/', { ...base, function_runtime: 'cobol' });
  assert.equal(unknown.status, 400);
});

test('code that needs what an isolate does not have runs in a whole Node, and the record says so', async () => {
  const created = await api<Service>('POST', '/api/v1/services/', {
    name: 'whole',
    deploy_type: 'FUNCTION',
    function_runtime: 'node18',
    function_code:
      'const { readFileSync } = require("fs"); const { isIPv4 } = require("net"); module.exports.handler = async () => ({ statusCode: 200, body: `${isIPv4("1.2.3.4")} ${typeof readFileSync}` });',
  });
  const { log } = await succeeded(created.body.id);
  assert.match(log, /^node18: this machine runs it on Node \d+\./m);
  assert.match(log, /^tier (?:container|worker), because isolate has no node:fs, node:net$/m);
  assert.equal(await (await fetch(`${server.url}/fn/whole`)).text(), 'true function');
});

test('secrets are masked on read and reach the function', async () => {
  const created = await api<Service>('POST', '/api/v1/services/', {
    name: 'secretive',
    deploy_type: 'FUNCTION',
    function_runtime: 'node18',
    function_code:
      'module.exports.handler = async () => ({ statusCode: 200, body: process.env.API_KEY.length + process.env.MODE });',
    env_vars: [
      { key: 'API_KEY', value: 'a-very-secret-value', is_secret: true },
      { key: 'MODE', value: ' verbatim ', is_secret: false },
    ],
  });
  assert.equal(created.status, 201);
  await succeeded(created.body.id);
  assert.equal(await (await fetch(`${server.url}/fn/secretive`)).text(), '19 verbatim ');
  const shown = await api<Service>('GET', `/api/v1/services/${created.body.id}/`);
  assert.doesNotMatch(JSON.stringify(shown.body), /a-very-secret-value/);
  assert.match(JSON.stringify(shown.body), / verbatim /);
});

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- JSON has no types
async function api<Body>(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> {
  const args = ['-sS', '-X', method, `${server.url}${path}`, '-H', `Authorization: Token ${ADMIN_TOKEN}`];
  if (body !== undefined) args.push('-H', 'Content-Type: application/json', '-d', '@-');
  const { text, status } = await curl(args, body === undefined ? '' : JSON.stringify(body));
  return { status, body: JSON.parse(text) as Body };
}

/** As a proxy in front of the public domain would send it. */
async function onDomain(path: string): Promise<string> {
  return (await curl(['-sS', `${server.url}${path}`, '-H', 'Host: hello.example.com'], '')).text;
}

async function curl(args: readonly string[], input: string): Promise<{ text: string; status: number }> {
  const running = promisify(execFile)('curl', [...args, '-w', '\n%{http_code}'], { maxBuffer: 64 * 1024 * 1024 });
  // A curl that sends nothing may have ended before.
  running.child.stdin?.on('error', () => undefined).end(input);
  const { stdout } = await running;
  const end = stdout.lastIndexOf('\n');
  return { text: stdout.slice(0, end), status: Number(stdout.slice(end + 1)) };
}

/** Deployments run on after the answer; the newest is the one that was started. */
async function succeeded(id: string): Promise<Deployment> {
  for (;;) {
    const { body } = await api<{ results?: Deployment[] } | Deployment[]>('GET', `/api/v1/services/${id}/deployments/`);
    const [newest] = Array.isArray(body) ? body : (body.results ?? []);
    if (newest?.status === 'succeeded') return newest;
    assert.notEqual(newest?.status, 'failed', JSON.stringify(newest));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
