import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { SETTINGS, environmentWithDotenv, isLoopback, loadClientConfig, loadConfig } from '../../src/config.ts';
import type { CordonOptions } from '../../src/config.ts';
import { StartError } from '../../src/core/start-error.ts';

test('without options and environment every setting has its documented default', () => {
  const config = loadConfig({}, {});
  assert.equal(config.port, 3003);
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.dataDir, resolve('.cordon'));
  assert.equal(config.adminToken, null);
  assert.equal(config.adminPort, null);
  assert.deepEqual(config.operatorHosts, ['localhost', '127.0.0.1', '[::1]']);
  assert.equal(config.openExecute, false);
  assert.equal(config.maxCodeBytes, 262_144);
  assert.equal(config.functionTimeoutMs, 30_000);
  assert.deepEqual(config.uidRange, { first: 961_000, last: 961_999 });
  assert.equal(config.cordon, 'tenant');
  assert.equal(config.wall, null);
  assert.equal(config.accessLog, true);
  assert.ok(config.hostMemoryMb >= 128);
});

test('the config is frozen and holds nothing that its type does not name', () => {
  const config = loadConfig({}, {});
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.operatorHosts) && Object.isFrozen(config.uidRange));
  assert.equal('executeOpen' in config, false);
});

test('an option wins over its variable', () => {
  assert.equal(loadConfig({ port: 4000 }, { PORT: '5000' }).port, 4000);
  assert.equal(loadConfig({ functionTimeoutMs: 1500 }, { FUNCTION_TIMEOUT_SECONDS: '9' }).functionTimeoutMs, 1500);
  assert.equal(loadConfig({ accessLog: false }, {}).accessLog, false);
});

test('a blank variable counts as unset', () => {
  assert.equal(loadConfig({}, { PORT: ' ' }).port, 3003);
});

test('a bad value stops start-up with a sentence that names it, what was found and what was expected', () => {
  const sentences: [NodeJS.ProcessEnv, RegExp][] = [
    [{ PORT: 'abc' }, /^PORT is "abc", but it must be a whole number from 0 to 65535$/],
    [{ PORT: '65536' }, /PORT is "65536"/],
    [{ PORT: '0x10' }, /PORT/],
    [{ HOST: '127.0.0.1:80' }, /HOST is/],
    [{ HOST: '127.1' }, /HOST is/],
    [
      { FUNCTION_TIMEOUT_SECONDS: '301' },
      /FUNCTION_TIMEOUT_SECONDS is "301", but it must be from 1 to 300 seconds \(.+\)/,
    ],
    [{ FUNCTION_TIMEOUT_SECONDS: '0' }, /FUNCTION_TIMEOUT_SECONDS/],
    [{ CORDON_UID_RANGE: '0-10' }, /CORDON_UID_RANGE is "0-10"/],
    [{ CORDON_UID_RANGE: '5000-4000' }, /CORDON_UID_RANGE/],
    [{ CORDON_UID_RANGE: '4294967290-4294967295' }, /CORDON_UID_RANGE/],
    [{ CORDON_OPERATOR_HOSTS: 'localhost:3003' }, /CORDON_OPERATOR_HOSTS/],
    [{ CORDON_TRUSTED_PROXIES: '10.0.0.0/33' }, /CORDON_TRUSTED_PROXIES/],
    [{ CORDON_TRUSTED_PROXIES: 'proxy.internal' }, /CORDON_TRUSTED_PROXIES/],
    [{ CORDON_WALL: 'brick' }, /CORDON_WALL is "brick", but it must be one of bwrap, unshare, none/],
    [{ CORDON_WALL: 'none' }, /--unsafe-no-os-sandbox/],
    [{ CORDON_UNSAFE_NO_OS_SANDBOX: 'yes' }, /CORDON_UNSAFE_NO_OS_SANDBOX is "yes", but it must be 1 or 0/],
    [{ CORDON_ACCESS_LOG: 'constructor' }, /CORDON_ACCESS_LOG/],
    [{ CORDON_CORDON: 'none' }, /function, tenant, shared/],
    [{ CORDON_DOMAIN: '*.example.com' }, /CORDON_DOMAIN/],
    [{ PORT: '80', CORDON_ADMIN_PORT: '80' }, /must differ from PORT/],
  ];
  for (const [env, message] of sentences) {
    assert.throws(
      () => loadConfig({}, env),
      (error) => error instanceof StartError && message.test(error.message),
      JSON.stringify(env),
    );
  }
});

test('a bad option is refused by the same rule', () => {
  assert.throws(() => loadConfig({ port: 1.5 }, {}), /PORT \(as an option\) is "1.5"/);
  assert.throws(() => loadConfig({ functionTimeoutMs: 0 }, {}), /FUNCTION_TIMEOUT_SECONDS/);
  assert.throws(() => loadConfig({ uidRange: 7 } as unknown as CordonOptions, {}), /CORDON_UID_RANGE/);
});

test('a refused admin token is not repeated in the message', () => {
  assert.throws(
    () => loadConfig({}, { CORDON_ADMIN_TOKEN: 'hunter2' }),
    (error: Error) => /at least 16/.test(error.message) && !error.message.includes('hunter2'),
  );
});

test('/execute is opened by the option on a loopback address only, and by CORDON_EXECUTE_OPEN anywhere', () => {
  assert.equal(loadConfig({ openExecute: true }, {}).openExecute, true);
  assert.equal(loadConfig({ openExecute: true, host: '::1' }, {}).openExecute, true);
  assert.equal(loadConfig({ openExecute: true, host: '0.0.0.0' }, {}).openExecute, false);
  assert.equal(loadConfig({ openExecute: true }, { HOST: '127.evil.example' }).openExecute, false);
  assert.equal(loadConfig({}, { HOST: '0.0.0.0', CORDON_EXECUTE_OPEN: '1' }).openExecute, true);
  assert.equal(isLoopback('127.8.8.8'), true);
});

test('operator hosts take the form of a Host header', () => {
  const hosts = (env: NodeJS.ProcessEnv): readonly string[] => loadConfig({}, env).operatorHosts;
  assert.deepEqual(hosts({ HOST: 'Box.Example' }), ['localhost', '127.0.0.1', '[::1]', 'box.example']);
  assert.deepEqual(hosts({ HOST: '0.0.0.0' }), ['localhost', '127.0.0.1', '[::1]']);
  assert.deepEqual(hosts({ HOST: '::' }), ['localhost', '127.0.0.1', '[::1]']);
  assert.deepEqual(hosts({ HOST: '2001:DB8:0::1' }), ['localhost', '127.0.0.1', '[::1]', '[2001:db8::1]']);
  assert.deepEqual(hosts({ CORDON_OPERATOR_HOSTS: 'Admin.example.com, ::1' }), ['admin.example.com', '[::1]']);
});

test('trusted proxies are addresses and blocks', () => {
  const { trustedProxies } = loadConfig({ trustedProxies: ['10.0.0.0/8', '::1'] }, {});
  assert.equal(trustedProxies.check('10.9.9.9'), true);
  assert.equal(trustedProxies.check('11.0.0.1'), false);
  assert.equal(trustedProxies.check('::1', 'ipv6'), true);
});

test('the real environment wins over .env', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'cordon-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, '.env'), 'HOME=/nowhere\nCORDON_DOMAIN="example.com" # ours\n');
  const env = environmentWithDotenv(directory);
  assert.equal(env['HOME'], process.env['HOME']);
  assert.equal(loadConfig({}, env).domain, 'example.com');
});

test('a client takes its port and token from .env, but never the address that the token goes to', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'cordon-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(
    join(directory, '.env'),
    'PORT=4000\nCORDON_ADMIN_TOKEN=0123456789abcdef\nCORDON_URL=https://thief.example\n',
  );
  assert.deepEqual(
    { ...loadClientConfig(directory, {}) },
    { url: 'http://127.0.0.1:4000', adminToken: '0123456789abcdef', dataDir: resolve('.cordon') },
  );
  assert.equal(loadClientConfig(directory, { CORDON_URL: 'https://cordon.example/' }).url, 'https://cordon.example');
  assert.throws(() => loadClientConfig(directory, { CORDON_URL: 'cordon.example' }), /CORDON_URL is "cordon.example"/);
});

test('the table for the documentation has a default and a meaning for each variable, once', () => {
  assert.equal(new Set(SETTINGS.map(({ name }) => name)).size, SETTINGS.length);
  for (const { default: fallback, meaning } of SETTINGS) assert.ok(meaning.length > 0 && !fallback.includes('null'));
});
