import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { Deployment } from '../../../src/core/deployment.ts';
import { TOKEN, startControlServer } from './control-server.ts';
import type { ControlServer } from './control-server.ts';

let control: ControlServer;
let url: string;

before(async () => {
  control = await startControlServer();
  url = control.url;
});

after(() => control.close());

const lastDeployment = (): Deployment => control.deployments.at(-1)!;

interface Answer {
  readonly status: number;
  readonly type: string | null;
  // oxlint-disable-next-line typescript/no-explicit-any -- any JSON
  readonly body: any;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const received = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: received === '' ? null : JSON.parse(received),
  };
}

const F = '/api/v1/functions';

test('every route, also one that is not there, wants the admin token', async () => {
  for (const [method, path] of [
    ['GET', F],
    ['PUT', `${F}/x`],
    ['POST', F],
    ['DELETE', `${F}/x`],
    ['GET', `${F}/x/logs`],
    ['GET', '/openapi.json'],
    ['GET', '/nope'],
  ] as const) {
    const none = await fetch(`${url}${path}`, { method });
    assert.equal(none.status, 401, `${method} ${path}`);
    assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="cordon"');
    assert.equal(((await none.json()) as { code: string }).code, 'UNAUTHORIZED');
    assert.equal((await call(method, path, undefined, { authorization: 'Bearer wrong-wrong-wrong' })).status, 401);
  }
});

test('a function is deployed, shown, listed and deleted, with or without a trailing slash', async () => {
  const files = { 'src/index.ts': 'export default 1', 'a.bin': { base64: Buffer.from([0, 255]).toString('base64') } };
  const body = {
    files,
    entry: 'src/index.ts',
    handler: 'main',
    timeoutMs: 1000,
    env: { KEY: 'v' },
    requestBody: 'stream',
    tier: 'isolate',
  };
  const deployed = await call('PUT', `${F}/hello/`, body);
  assert.equal(deployed.status, 200);
  assert.deepEqual(
    [deployed.body.name, deployed.body.version, deployed.body.env, deployed.body.handlerKind],
    ['hello', 1, ['KEY'], 'module'],
  );
  const { files: received, ...rest } = lastDeployment();
  assert.deepEqual(
    [...received].map(([path, content]) => [path, [...content].length]),
    [
      ['src/index.ts', 16],
      ['a.bin', 2],
    ],
  );
  assert.deepEqual(rest, {
    tenant: 'default',
    name: 'hello',
    entry: 'src/index.ts',
    handlerName: 'main',
    timeoutMs: 1000,
    env: { KEY: 'v' },
    requestBody: 'stream',
    tier: 'isolate',
  });
  assert.equal(
    (await call('POST', F, { name: 'other', tenant: 'acme', code: 'return 1', handlerKind: 'script' })).status,
    201,
  );
  assert.deepEqual(
    (await call('GET', `${F}/`)).body.functions.map((f: { name: string }) => f.name),
    ['hello'],
  );
  assert.deepEqual(
    (await call('GET', `${F}?tenant=acme`)).body.functions.map((f: { name: string }) => f.name),
    ['other'],
  );
  assert.equal((await call('GET', `${F}/hello`)).body.version, 1);
  assert.equal((await call('GET', `${F}/other`)).status, 404);
  assert.equal((await call('DELETE', `${F}/hello/`)).status, 204);
  assert.equal((await call('DELETE', `${F}/hello`)).body.code, 'NOT_FOUND');
});

test('what is wrong with a request is named: the field, what was expected, what came', async () => {
  const cases: [unknown, RegExp][] = [
    [{ code: 1 }, /^code: expected string, but it is 1$/],
    [{ code: 'x', timeoutMs: '5' }, /^timeoutMs: expected number, but it is "5"$/],
    [{ code: 'x', tier: 'paper' }, /^tier: expected "wasm" or .+, but it is "paper"$/],
    [{ code: 'x', timeout: 5 }, /there is no field "timeout"/],
    [{ code: 'x', env: { A: 1 } }, /^env\.A: expected string, but it is 1$/],
    [{ code: 'x', env: { 'A-B': '1' } }, /^env: "A-B" is not a name/],
    [{ files: { 'a.ts': 5 } }, /^files\.a\.ts: expected the text of the file/],
    [{ files: { 'a.ts': { base64: 'AA=' } } }, /base64 of "a.ts" is not valid/],
    [{ files: {} }, /at least one file/],
    [{ files: { 'a.ts': '', 'b.ts': '' } }, /^entry: with more than one file/],
    [{ files: { 'a.ts': '' }, entry: 'c.ts' }, /^entry: "c.ts" is not among the files/],
    [{}, /either files or code/],
    [{ code: 'x', files: { a: '' } }, /either files or code/],
    [{ code: 'x', tenant: '../x' }, /is not a tenant name/],
    [[], /^the body: expected object/],
    ['null', /^the body: expected object, but it is null/],
    ['{"code":', /Malformed JSON/],
    ['', /Malformed JSON/],
  ];
  for (const [body, detail] of cases) {
    const { status, type, body: answer } = await call('PUT', `${F}/hello`, body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.equal(type, 'application/problem+json');
    assert.match(answer.detail, detail);
  }
  assert.match((await call('PUT', `${F}/Hello`, { code: 'x' })).body.detail, /"Hello" is not a function name/);
  assert.match((await call('GET', `${F}/x/logs?limit=many`)).body.detail, /^limit: expected number, but it is "many"/);
  assert.match(
    (await call('PUT', `${F}/x`, 'code=1', { 'content-type': 'text/plain' })).body.detail,
    /must be application\/json, but it is "text\/plain"/,
  );
});

test('no path of a file leaves the folder of the function', async () => {
  for (const path of [
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a//b',
    './a',
    'a\\b',
    'C:x',
    'a\0b',
    '',
    'a/',
    '..',
    'x'.repeat(500),
  ]) {
    const { status, body } = await call('PUT', `${F}/hello`, { files: { [path]: 'x' } });
    assert.deepEqual([status, body.code], [400, 'BAD_REQUEST'], JSON.stringify(path));
  }
  const poisoned = await call(
    'PUT',
    `${F}/hello`,
    '{"files":{"__proto__":"x","a.ts":"1"},"entry":"a.ts","env":{"__proto__":"x"}}',
  );
  assert.ok(poisoned.status === 400 || Object.getPrototypeOf(lastDeployment().env ?? {}) === Object.prototype);
});

test('a fault of the build goes out with its issues, an error of ours without its text', async () => {
  const compile = await call('PUT', `${F}/hello`, { code: 'bad' });
  assert.deepEqual(
    [compile.status, compile.body.code, compile.body.issues],
    [400, 'COMPILE_FAILED', ['  1 | bad\n    | ^']],
  );
  const bug = await call('PUT', `${F}/hello`, { code: 'bug' });
  assert.deepEqual([bug.status, bug.body.code], [500, 'INTERNAL']);
  assert.ok(!JSON.stringify(bug.body).includes('secret'));
  assert.match((control.reported.at(-1) as Error).message, /a secret of the host/);
});

test('a body over 16 MB is refused, announced or not', async () => {
  assert.equal((await call('PUT', `${F}/hello`, { code: 'x'.repeat(17 * 1024 * 1024) })).status, 413);
  const unannounced = (chunks: readonly string[]): Promise<Response> =>
    fetch(`${url}${F}/hello`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: Readable.from(chunks.map((chunk) => Buffer.from(chunk))),
      duplex: 'half',
    } as unknown as RequestInit);
  assert.equal((await unannounced(Array.from({ length: 17 }, () => 'x'.repeat(1024 * 1024)))).status, 413);
  assert.equal((await unannounced(['{"code":', '"x"}'])).status, 200);
});

test('a request that no URL can be made of gets a clean 400', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end(`GET ${F} HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`);
  assert.match(await text(socket), /^HTTP\/1\.1 400 [\s\S]+application\/problem\+json/);
});

test('lines are read after a cursor, and for a known function only', async () => {
  await call('PUT', `${F}/talker`, { code: 'x' });
  const version = (await control.storage.liveVersions()).find(({ name }) => name === 'talker')!;
  for (const message of ['one', 'two', 'three'])
    control.logs.write(version, 'i', { level: 'info', message, timeMs: 1 });
  const all = (await call('GET', `${F}/talker/logs`)).body.lines;
  assert.deepEqual(
    all.map((line: { message: string }) => line.message),
    ['one', 'two', 'three'],
  );
  const rest = (await call('GET', `${F}/talker/logs/?after=${all[0].id}&limit=1`)).body.lines;
  assert.deepEqual(
    rest.map((line: { message: string }) => line.message),
    ['two'],
  );
  assert.equal((await call('GET', `${F}/talker/logs?tenant=acme`)).status, 404);
});

test('following brings lines as they are written, and ends with the client', async () => {
  await call('PUT', `${F}/live`, { code: 'x' });
  const version = (await control.storage.liveVersions()).find(({ name }) => name === 'live')!;
  const request = httpRequest(`${url}${F}/live/logs?follow=1`, { headers: { authorization: `Bearer ${TOKEN}` } }).end();
  const response = await new Promise<IncomingMessage>((resolve) => request.on('response', resolve));
  assert.equal(response.headers['content-type'], 'application/x-ndjson');
  // Leaving is an error to the one who leaves.
  const lines = createInterface({ input: response.on('error', () => {}) }).on('error', () => {});
  request.on('error', () => {});
  let written = 0;
  for await (const line of lines) {
    if (line !== '') assert.equal(JSON.parse(line).message, `line ${written}`);
    if (written === 3) break;
    written += 1;
    control.logs.write(version, null, { level: 'info', message: `line ${written}`, timeMs: 1 });
  }
  request.destroy();
  await control.followerGone;
});

test('the description names every route', async () => {
  const { status, body } = await call('GET', '/openapi.json');
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body.paths), [`${F}/{name}`, F, `${F}/{name}/logs`]);
  assert.ok(body.components.schemas.Function && body.components.schemas.Problem);
});
