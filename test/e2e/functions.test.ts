import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => void (server = await startTestServer()));
after(() => server[Symbol.asyncDispose]());

test('health needs no token and runs no code', async () => {
  const response = await fetch(`${server.url}/health`);
  const body = (await response.json()) as { status: string; timestamp: string };
  assert.equal(response.status, 200);
  assert.equal(body.status, 'healthy');
  assert.equal(new Date(body.timestamp).toISOString(), body.timestamp);
  assert.equal((await fetch(`${server.url}/health/`)).status, 200);
  assert.equal((await fetch(`${server.url}/health`, { method: 'POST' })).status, 405);
});

for (const [convention, code] of [
  [
    'export default returning statusCode',
    'export default async (req) => ({ statusCode: 200, body: `hello ${req.query.name}` })',
  ],
  [
    'export default with fetch',
    'export default { async fetch(request, env, ctx) { return new Response(`hello ${new URL(request.url).searchParams.get("name")}`) } }',
  ],
  ['Deno.serve', 'Deno.serve(async (req) => new Response(`hello ${new URL(req.url).searchParams.get("name")}`))'],
  [
    'handler(event, context) as ESM',
    'export const handler = async (event, context) => ({ statusCode: 200, body: `hello ${event.queryStringParameters.name}` })',
  ],
  [
    'handler(event, context) as module.exports',
    'module.exports.handler = async (event) => ({ statusCode: 200, body: "hello, " + (event.queryStringParameters?.name || "world") });',
  ],
] as const) {
  test(`${convention} serves requests`, async () => {
    const url = await deployed(server, 'convention', code);
    const response = await fetch(`${url}?name=ann`);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /^hello,? ann$/);
  });
}

test('a script body serves requests', async () => {
  const url = await deployed(server, 'script', 'return { got: ctx.data.a + 1 }', { handlerKind: 'script' });
  const response = await fetch(url, { method: 'POST', body: '{"a":1}' });
  assert.deepEqual(await response.json(), { got: 2 });
});

test('an event carries method, path, query, headers and the decoded body', async () => {
  const url = await deployed(server, 'event', 'export const handler = (event) => event');
  const post = async (body: string | undefined): Promise<Record<string, unknown>> =>
    (
      await fetch(`${url}/sub?x=1`, {
        method: 'POST',
        headers: { 'x-test': 'T' },
        ...(body === undefined ? {} : { body }),
      })
    ).json() as Promise<Record<string, unknown>>;
  const event = await post('{"a":[1]}');
  assert.equal(event['httpMethod'], 'POST');
  assert.equal(event['path'], '/fn/event/sub');
  assert.deepEqual(event['queryStringParameters'], { x: '1' });
  assert.deepEqual(event['body'], { a: [1] });
  const headers = event['headers'] as Record<string, string>;
  assert.equal(headers['x-test'], 'T');
  assert.equal(headers['host'], undefined);
  assert.equal(headers['content-length'], undefined);
  assert.equal((await post(undefined))['body'], null);
  assert.equal((await post('not json'))['body'], 'not json');
});

test('a plain returned value is JSON with 200', async () => {
  const url = await deployed(server, 'plain', 'export default () => ({ a: 1 })');
  const response = await fetch(url);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  assert.deepEqual(await response.json(), { a: 1 });
});

test('status, headers and cookies of a response pass, but for what belongs to the connection', async () => {
  const url = await deployed(
    server,
    'headers',
    `export default { fetch() { return new Response('x', { status: 418, headers: [['x-a', '1'], ['connection', 'close'], ['transfer-encoding', 'chunked'], ['content-length', '999'], ['cordon-invocation', 'forged'], ['set-cookie', 'a=b']] }) } }`,
  );
  const response = await fetch(url);
  assert.equal(response.status, 418);
  assert.equal(response.headers.get('x-a'), '1');
  assert.equal(await response.text(), 'x');
  assert.doesNotMatch(response.headers.get('cordon-invocation') ?? '', /forged/);
  assert.equal(response.headers.get('content-security-policy'), 'sandbox', 'the test runs on an operator host name');
  assert.equal(response.headers.get('set-cookie'), null, 'no cookies on an operator host name');
});

test('a function sees neither Authorization nor forged forwarding and cordon headers', async () => {
  const url = await deployed(
    server,
    'sees',
    'export default { fetch: (request) => Response.json([...request.headers.keys()]) }',
  );
  const names = (await (
    await fetch(url, {
      headers: {
        authorization: 'Bearer x',
        'x-forwarded-for': '1.2.3.4',
        'x-cordon-user': 'root',
        'cordon-user': 'root',
        'x-own': '1',
      },
    })
  ).json()) as string[];
  assert.ok(names.includes('x-own'));
  for (const name of ['authorization', 'x-forwarded-for', 'x-cordon-user', 'cordon-user'])
    assert.ok(!names.includes(name), name);
  const asking = await deployed(
    server,
    'asks',
    'export default { fetch: (request) => new Response(request.headers.get("authorization")) }',
    { passAuthorization: true },
  );
  assert.equal(await (await fetch(asking, { headers: { authorization: 'Bearer x' } })).text(), 'Bearer x');
});

test('a version that does not load is kept, and the one before it stays live', async () => {
  const url = await deployed(server, 'loads', 'export default () => ({ statusCode: 200, body: "one" })');
  const response = await server.deploy('loads', 'throw new Error("at load"); export default () => "two"');
  assert.equal(response.status, 422);
  assert.match(await response.text(), /HEALTH_CHECK_FAILED.*version 1 stays live: at load/s);
  assert.equal(await (await fetch(url)).text(), 'one');
});

for (const [what, code, status, fault] of [
  ['a handler that throws', 'export default () => { throw new Error("boom") }', 502, 'HANDLER_THREW'],
  ['a returned function', 'export default () => () => 1', 502, 'BAD_RESPONSE'],
  ['circular data', 'export default () => { const a = {}; a.a = a; return a }', 502, 'BAD_RESPONSE'],
  ['a module without a handler', 'export const a = 1', 502, 'HANDLER_MISSING'],
  ['a module that throws while it loads', 'throw new Error("at load"); export default () => 1', 502, 'LOAD_FAILED'],
  [
    'a header that HTTP does not allow',
    'export default () => ({ statusCode: 200, headers: { "x-a": "b\\r\\nx-injected: 1" }, body: "x" })',
    502,
    'BAD_RESPONSE|HANDLER_THREW',
  ],
  [
    'too large a response',
    'export default () => ({ statusCode: 200, body: "x".repeat(10 * 1024 * 1024 + 1) })',
    502,
    'RESPONSE_TOO_LARGE',
  ],
] as const) {
  test(`${what} answers ${status} with a coded error and no stack of anybody`, async () => {
    // A first version that does not load is live all the same, so that its address tells why.
    const name = `faulty-${what.replaceAll(/[^a-z]+/gi, '-').toLowerCase()}`;
    const { status: outcome } = await server.deploy(name, code);
    assert.equal(outcome, /HANDLER_MISSING|LOAD_FAILED/.test(fault) ? 422 : 200);
    const response = await fetch(`${server.url}/fn/${name}`);
    const problem = (await response.json()) as { code: string; status: number; detail: string };
    assert.equal(response.status, status);
    assert.match(problem.code, new RegExp(`^(?:${fault})$`));
    assert.equal(response.headers.get('cordon-fault'), problem.code);
    assert.equal(response.headers.get('x-injected'), null);
    assert.doesNotMatch(JSON.stringify(problem), / at .*:\d+:\d+/);
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
  });
}

test('a function over its time answers 504, and the next request is served by a new sandbox', async () => {
  const url = await deployed(
    server,
    'slow',
    'let n = 0; export default async (req) => { n++; if (req.query.spin) for (;;); if (req.query.wait) await new Promise(() => {}); return { n } }',
    { timeoutMs: 1000 },
  );
  assert.deepEqual(await (await fetch(url)).json(), { n: 1 });
  for (const query of ['spin=1', 'wait=1']) {
    const startedMs = performance.now();
    const response = await fetch(`${url}?${query}`);
    assert.equal(response.status, 504);
    assert.equal(((await response.json()) as { detail: string }).detail, 'Execution timed out after 1s');
    assert.ok(performance.now() - startedMs < 2000);
    assert.deepEqual(await (await fetch(url)).json(), { n: 1 }, 'the sandbox was recycled');
  }
});

test('an unknown function is a 404, and an unknown path too', async () => {
  assert.equal((await fetch(`${server.url}/fn/nobody`)).status, 404);
  assert.equal((await fetch(`${server.url}/fn/`)).status, 404);
  assert.equal((await fetch(`${server.url}/nothing`)).status >= 400, true);
});

test('a body of 1 MB passes, and one byte more is refused without running', async () => {
  const url = await deployed(
    server,
    'size',
    'export default { async fetch(request) { return new Response(String((await request.arrayBuffer()).byteLength)) } }',
  );
  const post = (bytes: number): Promise<Response> => fetch(url, { method: 'POST', body: new Uint8Array(bytes) });
  assert.equal(await (await post(1024 * 1024)).text(), String(1024 * 1024));
  const refused = await post(1024 * 1024 + 1);
  assert.equal(refused.status, 413);
  assert.equal(((await refused.json()) as { code: string }).code, 'BODY_TOO_LARGE');
});

test('a chunked body over the limit is refused', async () => {
  const url = await deployed(server, 'chunked', 'export default () => 1');
  const request = httpRequest(url, { method: 'POST' });
  request.on('error', () => undefined);
  const answered = once(request, 'response');
  for (let i = 0; i < 17; i++) request.write(Buffer.alloc(64 * 1024));
  request.end();
  const [response] = (await answered) as [import('node:http').IncomingMessage];
  assert.equal(response.statusCode, 413);
  response.resume();
});

test('bytes and text come back as they were sent', async () => {
  const url = await deployed(
    server,
    'echo',
    'export default { async fetch(request) { return new Response(await request.arrayBuffer()) } }',
  );
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  assert.deepEqual(new Uint8Array(await (await fetch(url, { method: 'POST', body: bytes })).arrayBuffer()), bytes);
  const text = await deployed(
    server,
    'echo-text',
    'export default { async fetch(request) { return new Response(await request.text()) } }',
  );
  for (const body of ['', 'ascii', 'žluťoučký kůň 🐎', 'x'.repeat(500_000), '🐎'.repeat(100_000)])
    assert.equal(await (await fetch(text, { method: 'POST', body })).text(), body);
});

test('server-sent events arrive before the function ends', async () => {
  const url = await deployed(
    server,
    'events',
    `export default { fetch() {
      let n = 0;
      return new Response(new ReadableStream({
        async pull(controller) {
          if (n > 0) await new Promise((resolve) => { globalThis.release = resolve; });
          if (n === 2) return controller.close();
          controller.enqueue(new TextEncoder().encode('data: ' + n++ + '\\n\\n'));
        } }), { headers: { 'content-type': 'text/event-stream' } });
    } }`,
  );
  const releasing = await deployed(server, 'unrelated', 'export default () => 1');
  const response = await fetch(url);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = await reader.read();
  assert.equal(Buffer.from(first.value ?? []).toString(), 'data: 0\n\n');
  assert.equal((await fetch(releasing)).status, 200);
  await reader.cancel();
});

test('a large stream arrives whole, however slowly it is read', async () => {
  const url = await deployed(
    server,
    'large',
    `export default { fetch() {
      let sent = 0;
      return new Response(new ReadableStream({ pull(controller) { if (sent++ === 400) controller.close(); else controller.enqueue(new Uint8Array(65536).fill(sent)); } }));
    } }`,
  );
  const response = await fetch(url);
  let length = 0;
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    length += chunk.length;
    if (length % (5 * 1024 * 1024) < 65536) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(length, 400 * 65536);
});

test('a streamed request body is seen before it has ended', async () => {
  const url = await deployed(
    server,
    'upload',
    `export default { async fetch(request) {
      const reader = request.body.getReader();
      const first = await reader.read();
      console.log('first chunk ' + first.value.length);
      let length = first.value.length;
      for (;;) { const { done, value } = await reader.read(); if (done) break; length += value.length; }
      return new Response(String(length));
    } }`,
    { requestBody: 'stream' },
  );
  const request = httpRequest(url, { method: 'POST' });
  const answered = once(request, 'response') as Promise<[import('node:http').IncomingMessage]>;
  request.write(Buffer.alloc(1000));
  await server.printed(/first chunk 1000/);
  for (let i = 0; i < 10; i++) request.write(Buffer.alloc(50_000));
  request.end();
  const [response] = await answered;
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  assert.equal(text, '501000');
});

test('concurrent requests are served side by side in one sandbox, each with its own context', async () => {
  const url = await deployed(
    server,
    'interleaved',
    `let gate; let waiting = 0; const shared = new Promise((resolve) => { gate = resolve; });
     export default { async fetch(request) {
       const me = new URL(request.url).searchParams.get('me');
       console.log('begins ' + me);
       if (++waiting === 8) gate();
       await shared;
       await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
       console.log('ends ' + me);
       return new Response(me);
     } }`,
  );
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const answers = await Promise.all(
    names.map(async (me) => {
      const response = await fetch(`${url}?me=${me}`);
      return [await response.text(), response.headers.get('cordon-invocation')] as const;
    }),
  );
  assert.deepEqual(
    answers.map(([text]) => text),
    names,
  );
  const logs = (await (
    await fetch(`${server.url}/api/v1/functions/interleaved/logs`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    })
  ).json()) as {
    [key: string]: { invocation: string; message: string }[];
  };
  const lines = Object.values(logs).find(Array.isArray) as { invocation: string; message: string }[];
  for (const [me, invocation] of answers) {
    const own = lines.filter((line) => line.invocation === invocation).map(({ message }) => message);
    assert.deepEqual(own, [`begins ${me}`, `ends ${me}`], 'a line of the log belongs to the invocation that wrote it');
  }
});

test('a client that leaves midway aborts the function, which goes on serving others', async () => {
  const url = await deployed(
    server,
    'leaves',
    `export default { async fetch(request) {
      if (new URL(request.url).searchParams.get('stay')) return new Response('stayed');
      request.signal.addEventListener('abort', () => console.log('was aborted'));
      console.log('has begun');
      await new Promise(() => {});
    } }`,
  );
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET /fn/leaves HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await server.printed(/has begun/);
  socket.destroy();
  await server.printed(/was aborted/);
  assert.equal(await (await fetch(`${url}?stay=1`)).text(), 'stayed');
});

test('a client that never sends its request is cut off, and one that sends it slowly is served', async () => {
  const url = await deployed(server, 'patient', 'export default async (req) => ({ statusCode: 200, body: req.body })');
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  for (const piece of [
    'POST /fn/patient HTTP/1.1\r\nho',
    'st: localhost\r\ncontent-le',
    'ngth: 4\r\nconnection: close\r\n\r\nab',
    'cd',
  ]) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  let text = '';
  for await (const chunk of socket) text += (chunk as Buffer).toString();
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.match(text, /abcd$/);
});

test('a deploy is atomic: requests under way see the old version or the new one, and none fails', async () => {
  const url = await deployed(server, 'atomic', 'export default () => "v1"');
  let stop = false;
  const seen = new Set<string>();
  const load = Array.from({ length: 8 }, async () => {
    while (!stop) {
      const response = await fetch(url);
      assert.equal(response.status, 200);
      seen.add((await response.json()) as string);
    }
  });
  for (let i = 2; i < 6; i++) await deployed(server, 'atomic', `export default async () => "v${i}"`);
  assert.equal(await (await fetch(url)).json(), 'v5');
  stop = true;
  await Promise.all(load);
  assert.ok(seen.has('v1') || seen.size > 1);
});

test('a compile error at deploy names file, line and shows the code; the live version stays', async () => {
  const url = await deployed(server, 'broken', 'export default () => "works"');
  const response = await server.deploy('broken', 'export default () => {\n  const a: number = ;\n}');
  const problem = (await response.json()) as { code: string; detail: string; issues: string[] };
  assert.equal(response.status, 400);
  assert.equal(problem.code, 'COMPILE_FAILED');
  assert.match(problem.detail, /:2:\d+/);
  assert.match(problem.issues.join('\n'), /const a: number = ;/);
  assert.equal(await (await fetch(url)).json(), 'works');
});

test('code over 256 KB is refused at deploy with the sentence of the reference text', async () => {
  const response = await server.deploy('huge', `export default () => 1 // ${'x'.repeat(256 * 1024)}`);
  assert.equal(response.status, 400);
  assert.match(((await response.json()) as { detail: string }).detail, /^Function code exceeds 256 KB$/);
});
