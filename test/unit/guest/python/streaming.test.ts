/** Bodies of Python functions, both ways, under credit. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { WINDOW_BYTES } from '../../../../src/wire/frames.ts';
import { RecordingSink } from '../../../support/calls.ts';
import type { OpenSandbox } from '../../../support/sandbox.ts';
import { pythonAgents } from '../../../support/python-agent.ts';

const agents = pythonAgents();
const MB = 1024 * 1024;

/** Sends so many bytes as fast as they are taken. */
async function send(sandbox: OpenSandbox, bytes: number): Promise<RecordingSink> {
  const sink = sandbox.start({ method: 'POST', body: 'stream' });
  const chunk = Buffer.alloc(100_000, 'x');
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!sink.exchange.write(chunk.subarray(0, Math.min(chunk.length, bytes - sent)), resolve)) await promise;
  }
  sink.exchange.endBody();
  await sink.outcome;
  return sink;
}

const large = (kind: string): string =>
  ({
    event: `def handler(event, context): return {'statusCode': 200, 'body': DATA}`,
    async: `async def handler(event, context): return {'statusCode': 200, 'body': DATA}`,
    iterator: `def handler(event, context): return {'statusCode': 200, 'body': (DATA[i:i + 70000] for i in range(0, len(DATA), 70000))}`,
    asyncIterator: `async def chunks():
    for i in range(0, len(DATA), 70000): yield DATA[i:i + 70000]
async def handler(event, context): return {'statusCode': 200, 'body': chunks()}`,
    wsgi: `def app(environ, start_response):
    start_response('200 OK', [])
    for i in range(0, len(DATA), 70000): yield DATA[i:i + 70000]`,
    asgi: `async def app(scope, receive, send):
    if scope['type'] != 'http': raise Exception('no')
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': DATA, 'more_body': True})
    await send({'type': 'http.response.body'})`,
  })[kind] as string;

for (const kind of ['event', 'async', 'iterator', 'asyncIterator', 'wsgi', 'asgi'])
  test(`a response of 3 MB comes whole, however slowly it is read: ${kind}`, async () => {
    const sandbox = await agents.open(`DATA = bytes(range(256)) * (3 * 4096)\n${large(kind)}`);
    const sink = new RecordingSink();
    sink.wants = false;
    const held = Promise.withResolvers<void>();
    sink.onHeard = () => {
      if (sink.chunks.reduce((sum, { length }) => sum + length, 0) >= WINDOW_BYTES - 64 * 1024) held.resolve();
    };
    sandbox.start({}, sink);
    await held.promise;
    // Had it more to send than the window holds, it would have sent it by then.
    await sandbox.agent.heartbeat();
    const heldBytes = Buffer.concat(sink.chunks).length;
    assert.ok(heldBytes <= WINDOW_BYTES, `${heldBytes} bytes came without credit`);
    sink.wants = true;
    sink.exchange.resume();
    assert.equal(await sink.outcome, 'end');
    const expected = createHash('sha256').update(
      Buffer.alloc(3 * MB, Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
    );
    assert.equal(createHash('sha256').update(Buffer.concat(sink.chunks)).digest('hex'), expected.digest('hex'));
    assert.deepEqual(sandbox.agent.broken, []);
    assert.equal((await sandbox.call({})).body.length > 0, true);
  });

const readers: Readonly<Record<string, string>> = {
  event: `def handler(event, context): return len(event['body'])`,
  async: `async def handler(event, context): return len(event['body'])`,
  wsgi: `def app(environ, start_response):
    count = 0
    while True:
        part = environ['wsgi.input'].read(50_001)
        if not part: break
        count += len(part)
    start_response('200 OK', [])
    return [str(count).encode()]`,
  asgi: `async def app(scope, receive, send):
    if scope['type'] != 'http': raise Exception('no')
    count = 0
    while True:
        message = await receive()
        count += len(message['body'])
        if not message['more_body']: break
    await send({'type': 'http.response.start', 'status': 200})
    await send({'type': 'http.response.body', 'body': str(count).encode()})`,
};

for (const [kind, code] of Object.entries(readers))
  test(`a request of 3 MB is read as it comes: ${kind}`, async () => {
    const sandbox = await agents.open(code);
    assert.equal((await send(sandbox, 3 * MB)).text, String(3 * MB));
    assert.equal((await send(sandbox, 0)).outcomes.length, 1);
    assert.deepEqual(sandbox.agent.broken, []);
  });

test('what an application sends is there before it is done', async () => {
  const sandbox = await agents.open(`
import json
def app(environ, start_response):
    write = start_response('200 OK', [('x-a', 'b')])
    write(b'first')
    yield environ['wsgi.input'].readline()
    yield environ['wsgi.input'].readline(3)
    yield b''.join(environ['wsgi.input'])`);
  const sink = new RecordingSink();
  const first = Promise.withResolvers<void>();
  sink.onHeard = () => {
    if (sink.text.startsWith('first')) first.resolve();
  };
  sandbox.start({ method: 'POST', body: 'stream' }, sink);
  await first.promise;
  assert.deepEqual([sink.status, sink.headers], [200, ['x-a', 'b']]);
  sink.exchange.write(Buffer.from('a line\nanother'), () => undefined);
  sink.exchange.write(Buffer.from(' one\nthe rest'), () => undefined);
  sink.exchange.endBody();
  await sink.outcome;
  assert.equal(sink.text, 'firsta line\nanother one\nthe rest');
});

test('a client that goes away ends what waits for it, and the sandbox serves on', async () => {
  for (const [kind, code] of Object.entries({
    ...readers,
    endless: `def handler(event, context): return {'statusCode': 200, 'body': iter(lambda: b'x' * 100000, b'')}`,
  })) {
    const sandbox = await agents.open(code);
    const settled = sandbox.nextSettled();
    const sink = sandbox.start({ method: 'POST', body: 'stream' });
    sink.exchange.write(Buffer.from('some'), () => undefined);
    if (kind === 'endless') {
      sink.exchange.endBody();
      await new Promise<void>((resolve) => {
        sink.onHeard = resolve;
      });
    }
    sink.exchange.cancel();
    await settled;
    if (kind !== 'endless') assert.equal((await send(sandbox, 5)).text, '5');
    assert.deepEqual(sandbox.agent.broken, [], kind);
  }
});

test('an asynchronous handler is cancelled, and its own deadline ends it', async () => {
  const sandbox = await agents.open(
    `import asyncio
async def handler(event, context):
    if event['body'] == 'quick': return 'quick'
    try:
        print('waiting')
        await asyncio.sleep(600)
    finally:
        print('cancelled')`,
    { limits: { timeoutMs: 2_000 } },
  );
  const settled = sandbox.nextSettled();
  const sink = sandbox.start({});
  await sandbox.agent.log(({ message }) => message === 'waiting');
  sink.exchange.cancel();
  await settled;
  await sandbox.agent.log(({ message }) => message === 'cancelled');
  assert.equal((await sandbox.call({ body: Buffer.from('quick') })).body, '"quick"');
  const late = await sandbox.fault();
  assert.deepEqual([late.code, late.message], ['TIMED_OUT', 'Execution timed out after 2s']);
  assert.equal((await sandbox.call({ body: Buffer.from('quick') })).body, '"quick"');
  assert.deepEqual(sandbox.agent.broken, []);
});

test('a handler that keeps the thread busy still gives signs of life', async () => {
  const sandbox = await agents.open(`
import time
def handler(event, context):
    print('busy')
    while context.remaining_ms() > 0 and not context.is_cancelled: pass
    return 'done'`);
  const settled = sandbox.nextSettled();
  const sink = sandbox.start({});
  await sandbox.agent.log(({ message }) => message === 'busy');
  await sandbox.agent.heartbeat();
  sink.exchange.cancel();
  await settled;
});

test('calls that come while one runs are served in turn, or side by side by an asynchronous handler', async () => {
  const sync = await agents.open('def handler(event, context): return event["body"]', { limits: { concurrency: 8 } });
  const answers = await Promise.all([1, 2, 3, 4].map((n) => sync.call({ body: Buffer.from(String(n)) })));
  assert.deepEqual(
    answers.map(({ body }) => body),
    ['1', '2', '3', '4'],
  );
  const async = await agents.open(
    `import asyncio
waiting = []
async def handler(event, context):
    print('from', event['body'])
    future = asyncio.get_running_loop().create_future()
    waiting.append(future)
    if len(waiting) == 3:
        for each in waiting: each.set_result(None)
    await future
    print('to', event['body'])
    return event['body']`,
    { limits: { concurrency: 8 } },
  );
  const sinks = [1, 2, 3].map((n) => async.start({ body: Buffer.from(String(n)) }));
  await Promise.all(sinks.map(({ outcome }) => outcome));
  assert.deepEqual(
    sinks.map(({ text }) => text),
    ['1', '2', '3'],
  );
  assert.deepEqual(
    sinks.map(({ logs }) => logs),
    [
      ['from 1', 'to 1'],
      ['from 2', 'to 2'],
      ['from 3', 'to 3'],
    ],
  );
});
