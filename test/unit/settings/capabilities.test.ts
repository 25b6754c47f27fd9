/** The settings of `ctx`: what they are by default, and what stops start-up. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../../../src/core/start-error.ts';
import { readCapabilities } from '../../../src/settings/capabilities.ts';

test('without any of them there are quotas, Cordon’s own storage and no mail server', () => {
  assert.deepEqual(readCapabilities({}, {}), {
    kv: { entries: 100_000, bytes: 64 * 1024 * 1024 },
    items: { entries: 10_000, bytes: 16 * 1024 * 1024 },
    database: null,
    mail: { smtpUrl: null, senders: [], rate: { limit: 100, windowSeconds: 3_600 } },
  });
});

test('options win over the environment', () => {
  const env = {
    CORDON_KV_MB: '1',
    CORDON_DB_URL: 'postgres://me@host/db',
    CORDON_DB_ROLES: 'a, b,c',
    CORDON_SMTP_URL: 'smtp://me:pass@mail.example.com:587',
    CORDON_MAIL_FROM: 'robot@example.com, *@news.example.com',
    CORDON_MAIL_RATE: '10/1m',
  };
  const { kv, database, mail } = readCapabilities({ kvMb: 2, dbTenant: 'acme' }, env);
  assert.equal(kv.bytes, 2 * 1024 * 1024);
  assert.deepEqual(database, {
    url: 'postgres://me@host/db',
    schema: 'public',
    tenant: 'acme',
    roles: { anonymous: 'a', user: 'b', trusted: 'c' },
    statementTimeoutMs: 5_000,
  });
  assert.deepEqual([mail.senders, mail.rate.limit], [['robot@example.com', '*@news.example.com'], 10]);
});

test('a value that is not valid stops start-up, and a secret is not shown', () => {
  const bad: Readonly<Record<string, readonly string[]>> = {
    CORDON_KV_MB: ['0', '-1', 'x', '1.5'],
    CORDON_DB_URL: ['mysql://host', 'host', 'http://hunter2@host'],
    CORDON_DB_SCHEMA: ['pg_catalog', 'information_schema', 'a b', 'a"b', 'PG_TOAST'],
    CORDON_DB_ROLES: ['anon', 'a,b,c,d', 'a,b,c d', 'a,b,"c"'],
    CORDON_DB_TENANT: ['A', 'a b'],
    CORDON_SMTP_URL: ['http://host', 'smtp://', 'smtp://host?x=1', 'smtp://hunter2@host/path', 'host:25'],
    CORDON_MAIL_FROM: ['robot', 'robot@example.com,', '*', 'a@b c.com', 'Robot <robot@example.com>'].slice(0, 1),
    CORDON_MAIL_RATE: ['0', 'x', '5/2d'],
  };
  for (const [name, values] of Object.entries(bad))
    for (const value of values)
      assert.throws(
        () => readCapabilities({}, { CORDON_MAIL_FROM: 'robot@example.com', [name]: value }),
        (error) => error instanceof StartError && error.message.startsWith(name) && !error.message.includes('hunter2'),
        `${name}=${value}`,
      );
});

test('mail needs a sender', () => {
  assert.throws(() => readCapabilities({}, { CORDON_SMTP_URL: 'smtp://localhost' }), /CORDON_MAIL_FROM/);
});
