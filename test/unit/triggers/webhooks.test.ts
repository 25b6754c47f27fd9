import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { NewEvent, Published } from '../../../src/core/event.ts';
import type { WebhookMessage } from '../../../src/core/webhook.ts';
import { createWebhooks } from '../../../src/triggers/webhooks.ts';

const SECRET = `whsec_${randomBytes(24).toString('base64')}`;
const OTHER = `whsec_${randomBytes(24).toString('base64')}`;
const NOW_MS = 1_800_000_000_000;

interface Receiver {
  readonly published: NewEvent[];
  readonly asked: string[];
  receive(message: WebhookMessage): Promise<Published>;
}

function receiver(secrets: Readonly<Record<string, string>> = { 'acme WEBHOOK_MY_SHOP_SECRET': SECRET }): Receiver {
  const published: NewEvent[] = [];
  const asked: string[] = [];
  const { receive } = createWebhooks({
    events: {
      publish(event) {
        published.push(event);
        return Promise.resolve({ id: event.id ?? '', deliveries: 1, duplicate: false });
      },
    },
    secretOf(tenant, variable) {
      asked.push(`${tenant} ${variable}`);
      return Promise.resolve(secrets[`${tenant} ${variable}`] ?? null);
    },
    nowMs: () => NOW_MS,
  });
  return { published, asked, receive };
}

function signed(
  body: unknown = { type: 'order.paid', data: { n: 1 } },
  { secret = SECRET, atMs = NOW_MS, id = 'msg_1' } = {},
): WebhookMessage {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const signature = new Webhook(secret).sign(id, new Date(atMs), text);
  const timestamp = String(Math.floor(atMs / 1000));
  return { tenant: 'acme', source: 'my-shop', id, timestamp, signature, body: Buffer.from(text) };
}

const refused = { code: 'UNAUTHORIZED', message: 'The signature of this webhook is not valid' };

test('what the reference implementation signs is an event of the source, with its id', async () => {
  const { receive, published } = receiver();
  assert.equal((await receive(signed())).id, 'msg_1');
  assert.deepEqual(published, [
    {
      tenant: 'acme',
      channel: 'webhooks:my-shop:order.paid',
      data: { type: 'order.paid', data: { n: 1 } },
      id: 'msg_1',
      source: '/webhooks/my-shop',
    },
  ]);
});

test('a type that no channel can have becomes one that it can', async () => {
  const { receive, published } = receiver();
  for (const type of ['Order paid!', 'a:b', '', 5, undefined, '../..', 'x'.repeat(1000)])
    await receive(signed({ type }));
  assert.deepEqual(
    published.map(({ channel }) => channel.slice('webhooks:my-shop:'.length)),
    ['Order_paid_', 'a_b', 'message', 'message', 'message', '.._..', 'x'.repeat(128)],
  );
});

test('keys are changed without a gap: a sender signs with two, a tenant keeps two', async () => {
  const { receive } = receiver();
  const old = signed(undefined, { secret: OTHER });
  const both = `${old.signature} ${signed().signature}`;
  await receive({ ...signed(), signature: both });
  await receive({ ...signed(), signature: `v1a,xxxx ${both}` });
  const rotating = receiver({ 'acme WEBHOOK_MY_SHOP_SECRET': `${OTHER} ${SECRET}` });
  await rotating.receive(old);
  await rotating.receive(signed());
});

test('whatever is wrong with the source, the tenant or the signature, the answer is the same', async () => {
  const { receive, published } = receiver();
  const good = signed();
  const wrong: Partial<WebhookMessage>[] = [
    { source: 'unknown' },
    { tenant: 'other' },
    { tenant: '../acme' },
    { source: 'MY-SHOP' },
    { source: '' },
    { id: 'msg_2' },
    { id: undefined },
    { timestamp: undefined },
    { timestamp: `${Number(good.timestamp) + 1}` },
    { timestamp: `${good.timestamp}abc` },
    { timestamp: `+${good.timestamp}` },
    { signature: undefined },
    { signature: '' },
    { signature: 'v1,' },
    { signature: 'v1' },
    { signature: good.signature!.replace('v1,', 'v2,') },
    { signature: signed(undefined, { secret: OTHER }).signature },
    { signature: `${'v1,AAAA '.repeat(8)}${good.signature}` },
    { body: Buffer.concat([good.body, Buffer.from(' ')]) },
    { body: Buffer.from('') },
  ];
  for (const change of wrong) await assert.rejects(receive({ ...good, ...change }), refused, JSON.stringify(change));
  await assert.rejects(receive(signed(undefined, { atMs: NOW_MS - 301_000 })), refused);
  await assert.rejects(receive(signed(undefined, { atMs: NOW_MS + 301_000 })), refused);
  assert.equal(published.length, 0);
  await receive(signed(undefined, { atMs: NOW_MS - 299_000 }));
});

test('a secret that is none lets nobody in, not even with an empty key', async () => {
  for (const secret of [
    '',
    ' ',
    'whsec_',
    'whsec_AAAA',
    'not base64!',
    Buffer.alloc(32).toString('base64url') + '_-',
  ]) {
    const { receive } = receiver({ 'acme WEBHOOK_MY_SHOP_SECRET': secret });
    await assert.rejects(receive(signed()), refused, secret);
    const zero = signed(undefined, { secret: Buffer.alloc(32).toString('base64') });
    await assert.rejects(receive(zero), refused);
  }
  const { receive } = receiver({});
  await assert.rejects(receive(signed(undefined, { secret: Buffer.alloc(32).toString('base64') })), refused);
});

test('a name that is no name is not looked up', async () => {
  const { receive, asked } = receiver();
  for (const change of [{ tenant: 'a/b' }, { tenant: '__proto__' }, { source: 'a b' }, { source: 'x'.repeat(64) }])
    await assert.rejects(receive({ ...signed(), ...change }), refused);
  assert.deepEqual(asked, []);
});

test('a signed body that is no JSON object is refused in words of its own', async () => {
  const { receive } = receiver();
  for (const body of ['', '[]', '5', 'null', '{', '"x"'])
    await assert.rejects(receive(signed(body)), { code: 'BAD_REQUEST' }, body);
});
