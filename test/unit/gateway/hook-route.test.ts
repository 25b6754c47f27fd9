import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { WebhookMessage } from '../../../src/core/webhook.ts';
import { handleHook } from '../../../src/gateway/hook-route.ts';

interface Hooks {
  readonly url: string;
  readonly messages: WebhookMessage[];
  readonly reported: unknown[];
}

async function start(t: TestContext, failure: Error | null = null): Promise<Hooks> {
  const messages: WebhookMessage[] = [];
  const reported: unknown[] = [];
  const webhooks = {
    receive(message: WebhookMessage) {
      messages.push(message);
      if (failure !== null) return Promise.reject(failure);
      return Promise.resolve({ id: message.id ?? '', deliveries: 2, duplicate: false });
    },
  };
  const options = { webhooks, report: (error: unknown) => void reported.push(error) };
  const server = createServer((request, response) => handleHook(options, request, response, request.url!));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, messages, reported };
}

test('a webhook is handed over with the bytes of its body', async (t) => {
  const { url, messages } = await start(t);
  const headers = { 'webhook-id': 'm', 'webhook-timestamp': '5', 'webhook-signature': 'v1,x' };
  const response = await fetch(`${url}/hooks/acme/shop`, { method: 'POST', headers, body: new Uint8Array([0xff, 0]) });
  assert.deepEqual([response.status, await response.json()], [202, { id: 'm', duplicate: false }]);
  assert.deepEqual(
    messages.map(({ body, ...rest }) => ({ ...rest, body: [...body] })),
    [{ tenant: 'acme', source: 'shop', id: 'm', timestamp: '5', signature: 'v1,x', body: [0xff, 0] }],
  );
});

test('what is no webhook is refused before anybody looks at it', async (t) => {
  const { url, messages } = await start(t);
  assert.equal((await fetch(`${url}/hooks/acme/shop`)).status, 405);
  assert.equal((await fetch(`${url}/hooks/acme/shop/more`, { method: 'POST' })).status, 404);
  const large = await fetch(`${url}/hooks/acme/shop`, { method: 'POST', body: Buffer.alloc(1024 * 1024 + 1) }).catch(
    () => null,
  );
  assert.ok(large === null || large.status === 413);
  assert.deepEqual(messages, []);
});

test('a refusal is a problem; an error of ours is told to the operator alone', async (t) => {
  const refused = await start(t, new Fault('UNAUTHORIZED', 'The signature of this webhook is not valid'));
  const response = await fetch(`${refused.url}/hooks/acme/shop`, { method: 'POST', body: '{}' });
  assert.deepEqual([response.status, response.headers.get('cordon-fault')], [401, 'UNAUTHORIZED']);
  assert.deepEqual(refused.reported, []);
  const broken = await start(t, new Error('the secret of the host'));
  const answer = await fetch(`${broken.url}/hooks/acme/shop`, { method: 'POST', body: '{}' });
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /secret/);
  assert.equal(broken.reported.length, 1);
});
