/** `ctx` in Python: the host's services, awaited or not, as whoever the invocation's caller is. */

import assert from 'node:assert/strict';
import { test, after, before } from 'node:test';
import { createCapabilities } from '../../../../src/capabilities/registry.ts';
import { rpcCapability } from '../../../../src/capabilities/rpc-capability.ts';
import type { Capabilities } from '../../../../src/core/capability.ts';
import { CAPABILITY_NAMES } from '../../../../src/core/grants.ts';
import { MemoryCapabilities, servePlaces } from '../../../support/memory-capabilities.ts';
import { startServices, type TestServices } from '../../../support/memory-services.ts';
import { pythonAgents } from '../../../support/python-agent.ts';

const agents = pythonAgents();
let services: TestServices;
let host: Capabilities;
before(async () => {
  services = await startServices({ senders: ['robot@example.com'] });
  host = createCapabilities({ rpc: rpcCapability(services.rpc) });
  const permissions = { read: 'public', create: 'public', update: 'public', delete: 'public' };
  await services.storage.items.putCollection({ tenant: 'acme', slug: 'posts', permissions }, 100, Date.now());
});
after(() => services.close());

/** What the body of a handler returns, plain and asynchronous: there `W` is `await`. */
async function both(body: string, capabilities: Capabilities = host): Promise<unknown> {
  const results: unknown[] = [];
  for (const [keyword, wait] of [
    ['', ''],
    ['async ', 'await '],
  ] as const) {
    const code = `import time, json\nfrom cordon import ctx, CapabilityError, FetchError\n${keyword}def handler(event, context):\n${body}`;
    const sandbox = await agents.open(
      code.replaceAll('W(', `(${wait}`),
      { capabilities: CAPABILITY_NAMES },
      capabilities,
    );
    results.push(JSON.parse((await sandbox.call({ id: 'inv' })).body));
    assert.deepEqual(sandbox.agent.broken, []);
  }
  assert.deepEqual(results[0], results[1]);
  return results[0];
}

test('kv keeps what it is given, with revisions and pages', async () => {
  assert.deepEqual(
    await both(`
    kv = ctx.kv
    W(kv.delete('a:é'))
    first = W(kv.set('a:é', {'n': [1, None, 'x']}))
    found = [W(kv.get('a:é')), W(kv.get('nothing')), W(kv.get_with_revision('nothing'))]
    try: W(kv.set('a:é', 2, if_revision=first + 1))
    except CapabilityError as error: found.append(error.code)
    second = W(kv.set('a:é', 2, if_revision=first, ttl_seconds=60))
    more = W(kv.get_with_revision('a:é'))
    found += [second > first, more['value'], more['revision'] == second, more['expiresAt'] is not None]
    for key in ('l:1', 'l:2', 'l:3'): W(kv.set(key, key))
    page = W(kv.list(prefix='l:', limit=2))
    rest = W(kv.list(prefix='l:', limit=2, cursor=page['cursor']))
    found += [[each['key'] for each in page['keys']], [each['key'] for each in rest['keys']], rest['cursor']]
    return found + [W(kv.delete('a:é')), W(kv.delete('a:é'))]`),
    [
      { n: [1, null, 'x'] },
      null,
      null,
      'CONFLICT',
      ...[true, 2, true, true],
      ['l:1', 'l:2'],
      ['l:3'],
      null,
      ...[true, false],
    ],
  );
});

test('db, email and publish are there under their names', async () => {
  assert.deepEqual(
    await both(`
    db = context.db
    item = W(db.create('posts', {'title': 'one', 'tag': 'x'}))
    listed = W(db.list('posts', {'filter': {'id': item['id']}}))
    updated = W(db.update('posts', item['id'], {'title': 'two'}))
    found = [item['title'], [each['title'] for each in listed], updated['title'], W(db.one('posts', item['id']))['title'],
             W(db.delete('posts', item['id'])), W(db.one('posts', item['id']))]
    sent = W(context.email.send({'to': 'ann@example.com', 'subject': 'Hello', 'text': 'x'}))
    event = W(context.publish('mine', {'a': 1}, key='k'))
    return found + [type(sent['id']).__name__, event['deliveries']]`),
    ['one', ['one'], 'two', 'two', true, null, 'str', 1],
  );
  assert.equal(services.sink.list('acme').length, 2);
  assert.deepEqual(
    services.published.filter(({ channel }) => channel === 'mine').map(({ data, key }) => ({ data, key })),
    [
      { data: { a: 1 }, key: 'k' },
      { data: { a: 1 }, key: 'k' },
    ],
  );
});

test('what can’t be sent is a TypeError, and what is refused a CapabilityError', async () => {
  assert.deepEqual(
    await both(`
    found = []
    for work in (lambda: ctx.kv.set('a', float('nan')), lambda: ctx.kv.set('a', object()), lambda: ctx.kv.set('', 1),
                 lambda: ctx.db.one('nowhere', 'x'), lambda: ctx.kv.get('x' * 200000)):
        try: found.append(W(work()))
        except (TypeError, CapabilityError) as error: found.append([type(error).__name__, getattr(error, 'code', None)])
    return found`),
    [
      ['TypeError', null],
      ['TypeError', null],
      ['CapabilityError', 'BAD_REQUEST'],
      ['CapabilityError', 'NOT_FOUND'],
      ['CapabilityError', 'BAD_REQUEST'],
    ],
  );
});

test('fetch sends what it is given and reads what comes, of any size', async () => {
  assert.deepEqual(
    await both(
      `
    echo = W(ctx.fetch('http://echo/a', method='post', headers={'X-A': 'b'}, body='text'))
    sent = echo.json()
    found = [echo.status, echo.ok, echo.headers, sent['meta'], sent['body'], sent['invocation']]
    found.append(W(ctx.fetch('http://echo/', method='PUT', json={'a': [1]})).json()['body'])
    found.append(W(ctx.fetch('http://count/', method='POST', body=b'x' * 1_000_000)).text)
    found.append(W(ctx.fetch('http://count/', method='POST', body=(b'x' * 50_000 for _ in range(20)))).text)
    found.append(len(W(ctx.fetch('http://bytes/1000000')).body))
    moved = W(ctx.fetch('http://moved/'))
    found.append([moved.url, moved.redirected])
    try: W(ctx.fetch('http://blocked/'))
    except FetchError as error: found.append([error.code, error.status, error.details, str(error)])
    return found`,
      new MemoryCapabilities(servePlaces),
    ),
    [
      200,
      true,
      { 'content-type': 'text/plain' },
      {
        method: 'POST',
        url: 'http://echo/a',
        headers: ['X-A', 'b', 'content-type', 'text/plain;charset=UTF-8', 'content-length', '4'],
        redirect: 'follow',
      },
      'text',
      'inv',
      '{"a":[1]}',
      '1000000',
      '1000000',
      1_000_000,
      ['http://there/', true],
      [
        'EGRESS_BLOCKED',
        452,
        { rule: 'private', host: 'blocked' },
        'fetch failed: SSRF guard blocked outbound request to blocked',
      ],
    ],
  );
});

test('a streamed response is read as it comes, and is let go of', async () => {
  for (const [keyword, wait, loop] of [
    ['', '', ''],
    ['async ', 'await ', 'async '],
  ] as const) {
    const capabilities = new MemoryCapabilities(servePlaces);
    const sandbox = await agents.open(
      `from cordon import ctx
${keyword}def handler(event, context):
    response = ${wait}ctx.fetch('http://bytes/100000000', stream=True)
    ${loop}for chunk in response:
        response.close()
        return len(chunk) > 0`,
      {},
      capabilities,
    );
    assert.equal((await sandbox.call()).body, 'true');
    await capabilities.until(() => capabilities.exchanges[0]?.cancels === 1);
    assert.ok((capabilities.exchanges[0]?.sentBytes ?? 0) < 1_000_000);
  }
});

test('several asks are under way at a time, from tasks and from threads', async () => {
  const capabilities = new MemoryCapabilities();
  const code = (run: string): string => `
import asyncio, concurrent.futures
from cordon import ctx
${run}`;
  const tasks = code(`
async def handler(event, context):
    answers = await asyncio.gather(*(ctx.fetch(f'http://h{n}/') for n in range(5)))
    return [each.text for each in answers]`);
  const threads = code(`
def handler(event, context):
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        return list(pool.map(lambda n: ctx.fetch(f'http://h{n}/').text, range(5)))`);
  for (const each of [tasks, threads]) {
    capabilities.exchanges.length = 0;
    const sandbox = await agents.open(each, {}, capabilities);
    const sink = sandbox.start({});
    await capabilities.until(() => capabilities.exchanges.length === 5);
    for (const exchange of capabilities.exchanges.toReversed()) exchange.reply(exchange.url.hostname);
    await sink.outcome;
    assert.equal(sink.text, '["h0","h1","h2","h3","h4"]');
  }
});

test('wait_until keeps the invocation after its response, and what it asks for', async () => {
  const works = {
    function: `ctx.wait_until(lambda: later(context))`,
    thread: `t = threading.Thread(target=later, args=(context,)); t.start(); ctx.wait_until(t)`,
    future: `ctx.wait_until(POOL.submit(later, context))`,
    coroutine: `ctx.wait_until(later_async(context))`,
  };
  for (const keyword of ['', 'async '])
    for (const [kind, work] of Object.entries(works)) {
      const capabilities = new MemoryCapabilities();
      const sandbox = await agents.open(
        `
import concurrent.futures, threading
from cordon import ctx
POOL = concurrent.futures.ThreadPoolExecutor(1)
def later(context):
    if ${keyword === '' || kind !== 'function' ? 'True' : 'False'}: context.fetch('http://later/')
    print('done')
async def later_async(context):
    await context.fetch('http://later/')
    print('done')
${keyword}def handler(event, context):
    ${keyword !== '' && kind === 'function' ? 'ctx.wait_until(lambda: later_async(context))' : work}
    return 'answered'`,
        {},
        capabilities,
      );
      const settled = sandbox.nextSettled();
      const sink = sandbox.start({ id: 'lasting' });
      await sink.outcome;
      assert.equal(sink.text, '"answered"', kind);
      await capabilities.until(() => capabilities.exchanges.length === 1);
      capabilities.exchanges[0]?.reply('x');
      await settled;
      const { invocation } = sandbox.agent.logs.find(({ entry }) => entry.message === 'done') ?? {};
      assert.equal(invocation, 'lasting', kind);
      assert.equal(capabilities.exchanges[0]?.cancels, 0);
    }
});

test('a context whose invocation is over is refused', async () => {
  const capabilities = new MemoryCapabilities(servePlaces);
  const sandbox = await agents.open(
    `
from cordon import ctx, CapabilityError
kept = []
def handler(event, context):
    kept.append(context)
    try: return kept[0].fetch('http://echo/').status
    except CapabilityError as error: return [error.code, str(error)]
try: ctx.kv
except RuntimeError as error: print(error)`,
    {},
    capabilities,
  );
  assert.equal((await sandbox.call()).body, '200');
  assert.deepEqual(JSON.parse((await sandbox.call()).body), ['CANCELLED', 'its invocation is over']);
  await sandbox.agent.log(({ message }) => message.startsWith('ctx.kv is there while an invocation is handled'));
});

test('a cancelled invocation stops waiting for what it asked', async () => {
  for (const [keyword, wait] of [
    ['', ''],
    ['async ', 'await '],
  ] as const) {
    const capabilities = new MemoryCapabilities();
    const sandbox = await agents.open(
      `from cordon import ctx\n${keyword}def handler(event, context):\n    if event['body']: return 1\n    ${wait}ctx.fetch('http://silent/')`,
      {},
      capabilities,
    );
    const settled = sandbox.nextSettled();
    const sink = sandbox.start({});
    await capabilities.until(() => capabilities.exchanges.length === 1);
    sink.exchange.cancel();
    await settled;
    assert.equal((await sandbox.call({ body: Buffer.from('1') })).body, '1');
  }
});
