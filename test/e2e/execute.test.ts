import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => void (server = await startTestServer()));
after(() => server[Symbol.asyncDispose]());

interface Answer {
  success: boolean;
  result: { statusCode: number; headers: Record<string, string>; body: unknown };
  error: string;
  stack: string;
  code: string;
  duration: number;
  logs: string[];
  issues: string[];
}

async function execute(body: unknown, headers: Record<string, string> = {}): Promise<[number, Answer, Headers]> {
  const response = await server.execute(body, headers);
  return [response.status, (await response.json()) as Answer, response.headers];
}

test('the request of the reference text gets the answer of the reference text', async () => {
  const [status, answer] = await execute({
    code: 'export default async (req) => ({ statusCode: 200, body: JSON.stringify({ message: "Hello World" }) })',
    handler: 'handler',
    request: { method: 'GET', url: '/', headers: {}, query: {} },
    envVars: {},
    timeout: 10000,
    memory: 128,
  });
  assert.equal(status, 200);
  assert.deepEqual(
    { ...answer, duration: 0 },
    { success: true, result: { statusCode: 200, headers: {}, body: '{"message":"Hello World"}' }, duration: 0 },
  );
  assert.equal(typeof answer.duration, 'number');
});

test('only code is required', async () => {
  const [, answer] = await execute({
    code: 'export default (req) => ({ statusCode: 201, body: [req.method, req.url, req.body, req.query, { ...req.headers }] })',
  });
  assert.deepEqual(answer.result, { statusCode: 201, headers: {}, body: ['GET', '/', '', {}, {}] });
});

test('the handler gets method, url, headers, body and query as they were sent, and can use it as a Request', async () => {
  const [, answer] = await execute({
    code: `export default async (req) => ({ statusCode: 200, body: {
      sent: [req.method, req.url, req.headers['x-a'], req.body, req.query.b],
      request: [req instanceof Request, req.headers.get('X-A'), await req.text()],
    } })`,
    request: { method: 'POST', url: '/p?q=1', headers: { 'x-a': 'A' }, body: 'text', query: { b: ['c', 1] } },
  });
  assert.deepEqual(answer.result.body, {
    sent: ['POST', '/p?q=1', 'A', 'text', ['c', 1]],
    request: [true, 'A', 'text'],
  });
});

for (const [convention, code, expected] of [
  ['a named export', 'export const handler = (req) => ({ statusCode: 200, body: req.method })', 'GET'],
  ['module.exports', 'module.exports.handler = async (event) => ({ statusCode: 200, body: event.httpMethod })', 'GET'],
  [
    'a fetch handler',
    'export default { fetch(request, env, ctx) { return new Response(env.A + typeof ctx.waitUntil) } }',
    'afunction',
  ],
  ['Deno.serve', 'Deno.serve((req) => new Response("served " + req.method))', 'served GET'],
  ['a script body with return', 'const two = 1 + 1; return { statusCode: 200, body: "two is " + two }', 'two is 2'],
  ['a plain returned value', 'export default () => ({ answer: 42 })', { answer: 42 }],
  [
    'TypeScript',
    'interface A { readonly b: number }\nconst a: A = { b: 1 };\nexport default (req: Request): object => ({ statusCode: 200, body: `typed ${a.b}` })',
    'typed 1',
  ],
  ['a TypeScript script body', 'const a: number = 2;\nreturn { statusCode: 200, body: `typed ${a}` }', 'typed 2'],
] as const) {
  test(`${convention} is a handler`, async () => {
    const [status, answer] = await execute({ code, envVars: { A: 'a' } });
    assert.equal(status, 200, JSON.stringify(answer));
    assert.equal(answer.success, true, JSON.stringify(answer));
    assert.deepEqual(answer.result.body, expected);
  });
}

test('`handler` names the export, and the default export serves where it is absent', async () => {
  const code = 'export const one = () => 1; export default () => 2;';
  assert.equal((await execute({ code, handler: 'one' }))[1].result.body, 1);
  assert.equal((await execute({ code, handler: 'three' }))[1].result.body, 2);
});

test('every call has an isolate of its own', async () => {
  const code = 'globalThis.count = (globalThis.count ?? 0) + 1; export default () => globalThis.count';
  for (let i = 0; i < 3; i++) assert.equal((await execute({ code }))[1].result.body, 1);
});

test('an error of the code answers 200 with success false, the stack and the logs so far', async () => {
  const [status, answer] = await execute({
    code: 'export default () => { console.log("before", { a: 1 }); throw new TypeError("boom") }',
  });
  assert.equal(status, 200);
  assert.equal(answer.success, false);
  assert.match(answer.error, /boom/);
  assert.match(answer.stack, /function\.js:1:/);
  assert.doesNotMatch(answer.stack, /cordon:/);
  assert.equal(answer.code, 'HANDLER_THREW');
  assert.equal(answer.logs.length, 1);
  assert.match(answer.logs[0] as string, /before .*a: 1/);
  await server.printed(/\[Function\].*before/);
  await server.printed(/HANDLER_THREW: .*boom/);
});

for (const [what, code, fault] of [
  ['code that does not parse', 'export default ( => 1', 'COMPILE_FAILED'],
  ['code without a handler', 'export const a = 1', 'HANDLER_MISSING'],
  ['a script that returns nothing', 'const a = 1', 'HANDLER_MISSING'],
  ['an import of anything external', 'import fs from "node:fs"; export default () => 1', 'COMPILE_FAILED|LOAD_FAILED'],
  [
    'a dynamic import',
    'export default async () => (await import("node:fs")).readFileSync("/etc/passwd")',
    'HANDLER_THREW',
  ],
  ['code that throws while it loads', 'throw new Error("at load"); export default () => 1', 'LOAD_FAILED'],
  ['a top-level await that does not end', 'await new Promise(() => {}); export default () => 1', 'LOAD_FAILED'],
  ['a returned function', 'export default () => () => 1', 'BAD_RESPONSE'],
  ['circular data', 'export default () => { const a = {}; a.a = a; return a }', 'BAD_RESPONSE'],
  [
    'a circular body',
    'export default () => { const a = {}; a.a = a; return { statusCode: 200, body: a } }',
    'BAD_RESPONSE',
  ],
  ['a status that is not one', 'export default () => ({ statusCode: 42 })', 'BAD_RESPONSE'],
  ['a BigInt', 'export default () => ({ statusCode: 200, body: 1n })', 'BAD_RESPONSE'],
  ['a rejected promise', 'export default () => Promise.reject("no")', 'HANDLER_THREW'],
  ['eval', 'export default () => eval("1")', 'HANDLER_THREW'],
  ['the Function constructor', 'export default () => (() => 1).constructor("return 1")()', 'HANDLER_THREW'],
  ['require', 'module.exports.handler = () => require("fs")', 'HANDLER_THREW'],
  ['process', 'export default () => process.exit(1)', 'HANDLER_THREW'],
  ['fetch, until there is egress', 'export default () => fetch("http://127.0.0.1:1/")', 'HANDLER_THREW|EGRESS_BLOCKED'],
] as const) {
  test(`${what} is told as an error of the code`, async () => {
    const [status, answer] = await execute({ code });
    assert.equal(status, 200, JSON.stringify(answer));
    assert.equal(answer.success, false, JSON.stringify(answer));
    assert.match(answer.code, new RegExp(`^(?:${fault})$`), JSON.stringify(answer));
    assert.ok(answer.error.length > 0);
  });
}

test('a compile error names line and column and shows the code', async () => {
  const [, answer] = await execute({ code: 'const a = 1;\nexport default () => {\n  return a +;\n}' });
  assert.equal(answer.code, 'COMPILE_FAILED');
  assert.match(answer.error, /:3:\d+/);
  assert.match(answer.stack, /return a \+;/);
  assert.match(answer.stack, /\^/);
});

test('a time-out answers 200 with the logs so far, within the limit and a second', async () => {
  const startedMs = performance.now();
  const [status, answer] = await execute({
    code: 'export default async () => { console.log("so far"); await new Promise(() => {}) }',
    timeout: 1000,
  });
  assert.ok(performance.now() - startedMs < 2000);
  assert.equal(status, 200);
  assert.equal(answer.code, 'TIMED_OUT');
  assert.equal(answer.error, 'Execution timed out after 1s');
  assert.deepEqual(answer.logs, ['so far']);
});

for (const [what, body, message] of [
  ['malformed JSON', '{"code": ', /not JSON/],
  ['JSON that is not an object', '[]', /the body/],
  ['a missing code', {}, /code/],
  ['code that is not a string', { code: 1 }, /code/],
  ['headers that are not strings', { code: 'return 1', request: { headers: { a: {} } } }, /request\.headers\.a/],
  ['an environment that is not strings', { code: 'return 1', envVars: { A: 1 } }, /envVars\.A/],
  [
    'a timeout under the range',
    { code: 'return 1', timeout: 999 },
    /timeout must be between 1000 and 30000 ms, but it is 999/,
  ],
  ['a timeout over the range', { code: 'return 1', timeout: 30001 }, /timeout/],
  ['a memory under the range', { code: 'return 1', memory: 63 }, /memory must be between 64 and 512 MB/],
  ['a memory over the range', { code: 'return 1', memory: 513 }, /memory/],
  ['code over 256 KB', { code: ' '.repeat(256 * 1024 + 1) }, /^Function code exceeds 256 KB$/],
] as const) {
  test(`${what} is refused with 400 and a sentence`, async () => {
    const [status, answer, headers] = await execute(body);
    assert.equal(status, 400);
    assert.equal(answer.success, false);
    assert.match(answer.error, message);
    assert.match(headers.get('cordon-fault') ?? '', /BAD_REQUEST|CODE_TOO_LARGE/);
  });
}

test('a body of 1 MB and one byte is refused with 413', async () => {
  const [status, answer] = await execute(
    JSON.stringify({ code: 'return 1', request: { body: 'x'.repeat(1024 * 1024) } }).slice(0, 1024 * 1024 + 1),
  );
  assert.equal(status, 413);
  assert.equal(answer.code, 'BODY_TOO_LARGE');
});

for (const header of ['origin', 'sec-fetch-site', 'forwarded', 'x-forwarded-for']) {
  test(`without a token, a request with ${header} is refused`, async () => {
    const { request } = await import('node:http');
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const sent = request(
      `${server.url}/execute`,
      { method: 'POST', headers: { [header]: 'x', 'content-type': 'application/json' } },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end('{"code":"return 1"}');
    assert.equal(await promise, 403);
  });
}

test('naming a tenant needs the token', async () => {
  assert.equal((await execute({ code: 'return 1', tenant: 'acme' }))[0], 401);
  assert.equal(
    (await execute({ code: 'return 1', tenant: 'acme' }, { authorization: `Bearer ${ADMIN_TOKEN}` }))[1].success,
    true,
  );
  assert.equal((await execute({ code: 'return 1' }, { authorization: 'Bearer not-the-token-at-all' }))[0], 401);
});

test('without --open-execute it needs the token, and says how to get on', async () => {
  await using closed = await startTestServer({ args: [] });
  const refused = await closed.execute({ code: 'return 1' });
  assert.equal(refused.status, 401);
  assert.match(((await refused.json()) as Answer).error, /--open-execute/);
  const allowed = await closed.execute(
    { code: 'return { statusCode: 200, body: "in" }' },
    { authorization: `Token ${ADMIN_TOKEN}` },
  );
  assert.equal(((await allowed.json()) as Answer).result.body, 'in');
});
