/** `handler(event, context)` in Python: what it is given, and what becomes of what it returns. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonAgents } from '../../../support/python-agent.ts';
import { pythonArtifact } from '../../../support/python-files.ts';

const agents = pythonAgents();

test('a handler is given the event that JavaScript is given, and its return value is JSON', async () => {
  const sandbox = await agents.open('def handler(event, context):\n    return event');
  const { status, headers, body } = await sandbox.call({
    method: 'POST',
    url: 'http://localhost/fn/x/a%20b?n=1&n=2&name=J%C3%BCrgen+K&empty',
    headers: ['Host', 'localhost', 'X-A', '1', 'x-a', '2', 'Content-Length', '9', 'content-type', 'text/plain'],
    body: Buffer.from('{"a":[1]}'),
  });
  assert.equal(status, 200);
  assert.deepEqual(headers, ['content-type', 'application/json']);
  assert.deepEqual(JSON.parse(body), {
    httpMethod: 'POST',
    path: '/fn/x/a%20b',
    rawPath: '/fn/x/a%20b',
    headers: { 'x-a': '1, 2', 'content-type': 'text/plain' },
    queryStringParameters: { n: '2', name: 'Jürgen K', empty: '' },
    body: { a: [1] },
    isBase64Encoded: false,
  });
});

const returned: readonly (readonly [
  what: string,
  returns: string,
  status: number,
  headers: readonly string[],
  body: string,
])[] = [
  [
    'a dict without a statusCode',
    `{'a': [1, None, 'é']}`,
    200,
    ['content-type', 'application/json'],
    '{"a":[1,null,"é"]}',
  ],
  ['None', 'None', 200, ['content-type', 'application/json'], 'null'],
  ['a string', `'text'`, 200, ['content-type', 'application/json'], '"text"'],
  ['a number', '1.5', 200, ['content-type', 'application/json'], '1.5'],
  [
    'a text body',
    `{'statusCode': 201, 'headers': {'x-a': 'b', 'x-n': 5, 'x-no': None}, 'body': 'hi'}`,
    201,
    ['x-a', 'b', 'x-n', '5', 'content-type', 'text/plain;charset=UTF-8'],
    'hi',
  ],
  [
    'a dict as body',
    `{'statusCode': 200, 'headers': {'Content-Type': 'application/vnd.a+json'}, 'body': {'b': True}}`,
    200,
    ['Content-Type', 'application/vnd.a+json'],
    '{"b":true}',
  ],
  ['bytes', `{'statusCode': 200, 'body': b'raw'}`, 200, ['content-type', 'application/octet-stream'], 'raw'],
  [
    'base64',
    `{'statusCode': 200, 'body': 'aGVsbG8=', 'isBase64Encoded': True}`,
    200,
    ['content-type', 'application/octet-stream'],
    'hello',
  ],
  ['a body where there is none', `{'statusCode': 204, 'body': None}`, 204, [], ''],
  [
    'several values and cookies',
    `{'statusCode': 200, 'multiValueHeaders': {'x-m': ['1', '2']}, 'cookies': ['a=1', 'b=2']}`,
    200,
    ['x-m', '1', 'x-m', '2', 'set-cookie', 'a=1', 'set-cookie', 'b=2'],
    '',
  ],
  [
    'a generator',
    `{'statusCode': 200, 'body': (part for part in ('a', b'b'))}`,
    200,
    ['content-type', 'application/octet-stream'],
    'ab',
  ],
];

for (const [what, returns, status, headers, body] of returned)
  test(`what a handler returns becomes a response: ${what}`, async () => {
    for (const keyword of ['', 'async ']) {
      const sandbox = await agents.open(`${keyword}def handler(event, context):\n    return ${returns}`);
      assert.deepEqual(await sandbox.call(), { status, headers, body });
    }
  });

const refused: readonly (readonly [returns: string, says: RegExp])[] = [
  [`{'statusCode': 99}`, /returned the statusCode 99, which is not an integer from 200 to 599/],
  [`{'statusCode': True}`, /returned the statusCode True/],
  [`{'statusCode': 'x' * 100}`, /returned the statusCode "x{40}…"/],
  [`{'statusCode': 200, 'headers': [1]}`, /an object of the type list as headers, which must be a dict/],
  [`{'statusCode': 200, 'headers': {'x': {}}}`, /an object of the type dict as the value of the header "x"/],
  [`{'statusCode': 200, 'headers': {'a b': '1'}}`, /"a b" is not a name/],
  [`{'statusCode': 200, 'headers': {'a': '1\\r\\nb: 2'}}`, /a line break or a zero byte/],
  [`{'statusCode': 200, 'headers': {'a': '→'}}`, /a character beyond Latin-1/],
  [`{'statusCode': 200, 'headers': {'a': 'x' * 100000}}`, /longer than 98304 characters/],
  [`{'statusCode': 200, 'body': 'é', 'isBase64Encoded': True}`, /isBase64Encoded, but it is not base64/],
  [`{'statusCode': 200, 'body': iter([1])}`, /gave an object of the type int, which is neither bytes nor a str/],
  ['object()', /an object of the type object is not JSON serializable/],
  [`b'bytes'`, /an object of the type bytes is not JSON serializable/],
  [`float('nan')`, /JSON cannot hold/],
  ['LOOP', /JSON cannot hold/],
  ['DEEP', /JSON cannot hold/],
];

test('what can be no response is refused, with the reason', async () => {
  const values = refused.map(([returns]) => `lambda: ${returns}`).join(',\n    ');
  const sandbox = await agents.open(
    `LOOP = []\nLOOP.append(LOOP)\nDEEP = []\nfor _ in range(100000):\n    DEEP = [DEEP]\nVALUES = [\n    ${values}]\n` +
      `def handler(event, context):\n    return VALUES[event['body']]()`,
  );
  for (const [i, [returns, says]] of refused.entries()) {
    const fault = await sandbox.fault({ body: Buffer.from(String(i)) });
    assert.equal(fault.code, 'BAD_RESPONSE', returns);
    assert.match(fault.message, says);
  }
  assert.deepEqual(sandbox.agent.broken, []);
});

test('a body is JSON, text or base64, as it is', async () => {
  const sandbox = await agents.open(
    `def handler(event, context):\n    return [event['body'], event['isBase64Encoded'], event['queryStringParameters']]`,
  );
  const of = async (body: Buffer | null, url = 'http://localhost/'): Promise<unknown> =>
    JSON.parse((await sandbox.call({ method: 'POST', url, body })).body);
  assert.deepEqual(await of(null), [null, false, {}]);
  assert.deepEqual(await of(Buffer.from(' {"a": 1.0e2} ')), [{ a: 100 }, false, {}]);
  assert.deepEqual(await of(Buffer.from('{"a": 1} x')), ['{"a": 1} x', false, {}]);
  assert.deepEqual(await of(Buffer.from('NaN')), ['NaN', false, {}]);
  assert.deepEqual(await of(Buffer.from('['.repeat(200_000))), ['['.repeat(200_000), false, {}]);
  assert.deepEqual(await of(Buffer.from([0xff, 0x00])), ['/wA=', true, {}]);
  assert.deepEqual(await of(null, '/a?x=%zz&y=%C3&&=v#z=1'), [null, false, { x: '%zz', y: '\ufffd', '': 'v' }]);
});

test('a handler may take less than both arguments, and be anything that can be called', async () => {
  const code = `
import functools
def none(): return 'none'
def one(event): return event['path']
class Named:
    def __call__(self, event, context): return 'object'
    def method(self, event, context): return 'method'
obj = Named()
method = obj.method
partial = functools.partial(lambda word, event, context: word, 'partial')
class Awaits:
    async def __call__(self, event, context): return 'awaited'
awaits = Awaits()
late = lambda event, context: awaits(event, context)`;
  for (const [handlerName, body] of Object.entries({
    none: 'none',
    one: '/p',
    obj: 'object',
    method: 'method',
    partial: 'partial',
    awaits: 'awaited',
    late: 'awaited',
  })) {
    const sandbox = await agents.open(code, { handlerName });
    assert.equal((await sandbox.call({ url: '/p' })).body, JSON.stringify(body));
  }
});

test('a handler is found in another module, and in an entry of any name', async () => {
  const files = { 'main.py': 'x = 1', 'api/users.py': 'import main\ndef get(event, context): return main.x' };
  const named = await agents.open(files, { handlerName: 'api.users.get' });
  assert.equal((await named.call()).body, '1');
  for (const entry of ['sub/my-entry.py', 'sys.py', 'json.py', 'a.b.py']) {
    const code = 'from helper import name\ndef handler(event, context): return name';
    const artifact = pythonArtifact({ [entry]: code, 'helper.py': `name = 'helper'` }, entry);
    assert.equal((await (await agents.open('', { artifact })).call()).body, '"helper"', entry);
  }
});

test('vendored packages are found, with their .pth files', async () => {
  const sandbox = await agents.open({
    'main.py': 'import lib, more\ndef handler(event, context): return [lib.name, more.name]',
    '.cordon/packages/lib/__init__.py': `name = 'vendored'`,
    '.cordon/packages/also.pth': 'deeper',
    '.cordon/packages/deeper/more.py': `name = 'by .pth'`,
  });
  assert.deepEqual(JSON.parse((await sandbox.call()).body), ['vendored', 'by .pth']);
});

test('state lives from one invocation to the next', async () => {
  const sandbox = await agents.open('n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n');
  assert.deepEqual([(await sandbox.call()).body, (await sandbox.call()).body], ['1', '2']);
});

test('a value reply is an envelope of what was returned', async () => {
  const sandbox = await agents.open(
    `def handler(event, context):
    return eval(event['body'])`,
  );
  const of = async (returns: string): Promise<unknown> =>
    JSON.parse((await sandbox.call({ reply: 'value', body: Buffer.from(returns) })).body);
  assert.deepEqual(await of('None'), { statusCode: 200, headers: {}, body: null });
  assert.deepEqual(await of(`dict(a=1)`), { statusCode: 200, headers: {}, body: { a: 1 } });
  assert.deepEqual(await of(`dict(statusCode=404, headers=dict(a='b'), body=b'\\xff', cookies=['c', 'd'])`), {
    statusCode: 404,
    headers: { a: 'b', 'set-cookie': ['c', 'd'] },
    body: '/w==',
    isBase64Encoded: true,
  });
  assert.deepEqual(await of(`dict(statusCode=200, body=iter(['a', 'b']))`), {
    statusCode: 200,
    headers: {},
    body: 'ab',
  });
});

test('a version is loaded without its handler being called', async () => {
  const sandbox = await agents.open(`def handler(event, context): raise Exception('called')`);
  assert.equal((await sandbox.call({ reply: 'load' })).status, 204);
  const wrong = await agents.open('1 / 0');
  assert.equal((await wrong.fault({ reply: 'load' })).code, 'LOAD_FAILED');
});

test('the context says whose invocation it is and how much time it has', async () => {
  const code = `
import os
def handler(event, context):
    return [context.request_id, context.invocation_id, context.aws_request_id, context.function_name, context.memory_limit_in_mb,
            0 < context.remaining_ms() <= 5000, type(context.get_remaining_time_in_millis()).__name__, context.user, context.user.id,
            context.env, os.environ.get('GIVEN')]`;
  const sandbox = await agents.open(code, { env: { GIVEN: 'value' }, limits: { timeoutMs: 5000 } });
  const principal = { role: 'user', tenant: 'acme', id: 'ann', email: 'a@example.com', roles: ['editor'] } as const;
  const { body } = await sandbox.call({ id: 'inv-1', principal: principal as never });
  const user = { id: 'ann', email: 'a@example.com', roles: ['editor'] };
  const { name } = sandbox.sandbox.version;
  assert.deepEqual(JSON.parse(body), [
    ...['inv-1', 'inv-1', 'inv-1', name, '64', true, 'int', user, 'ann'],
    ...[{ GIVEN: 'value' }, 'value'],
  ]);
  assert.match((await sandbox.call()).body, /\{"id":null,"email":null,"roles":\[\]\},null/);
});
