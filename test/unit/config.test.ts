import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { SETTINGS, environmentWithDotenv, forgetSecrets, loadClientConfig, loadConfig } from '../../src/config.ts';
import type { CordonOptions } from '../../src/config.ts';
import { StartError } from '../../src/core/start-error.ts';
import { isLoopback } from '../../src/settings/server.ts';

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
  assert.ok(Object.isFrozen(config.egress) && Object.isFrozen(config.jwt) && Object.isFrozen(config.functionEnv));
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
    [{ CORDON_WALL: 'brick' }, /CORDON_WALL is "brick", but it must be one of bwrap, unshare, landlock, none/],
    [{ CORDON_WALL: 'none' }, /--unsafe-no-os-sandbox/],
    [{ CORDON_UNSAFE_NO_OS_SANDBOX: 'yes' }, /CORDON_UNSAFE_NO_OS_SANDBOX is "yes", but it must be 1 or 0/],
    [{ CORDON_ACCESS_LOG: 'constructor' }, /CORDON_ACCESS_LOG/],
    [{ CORDON_CORDON: 'none' }, /function, tenant, shared/],
    [{ CORDON_DOMAIN: '*.example.com' }, /CORDON_DOMAIN/],
    [{ PORT: '80', CORDON_ADMIN_PORT: '80' }, /must differ from PORT/],
    [{ CORDON_TLS_CERT: '/cert.pem' }, /CORDON_TLS_CERT and CORDON_TLS_KEY belong together/],
    [{ CORDON_TLS_KEY: '/key.pem' }, /CORDON_TLS_CERT and CORDON_TLS_KEY belong together/],
    [{ FUNCTIONS_FETCH_ALLOW: 'api.example.com, exa mple.com' }, /FUNCTIONS_FETCH_ALLOW is "api.example.com, exa/],
    [{ FUNCTIONS_FETCH_ALLOW: '*.*.com' }, /FUNCTIONS_FETCH_ALLOW/],
    [{ FUNCTIONS_FETCH_ALLOW: 'cdn.io:0' }, /FUNCTIONS_FETCH_ALLOW/],
    [{ FUNCTIONS_FETCH_ALLOW: 'ftp://cdn.io' }, /FUNCTIONS_FETCH_ALLOW/],
    [{ CORDON_EGRESS_ALLOW_PRIVATE: '10.0.0.1' }, /CORDON_EGRESS_ALLOW_PRIVATE is "10.0.0.1"/],
    [{ CORDON_DNS_SERVERS: 'dns.example:53' }, /CORDON_DNS_SERVERS/],
    [{ CORDON_INVOKE_RATE: '0' }, /CORDON_INVOKE_RATE is "0", but it must be a whole number, or one with its window/],
    [{ CORDON_FUNCTION_RATE: '10/0s' }, /CORDON_FUNCTION_RATE/],
    [{ CORDON_CLIENT_RATE: '10/1d' }, /CORDON_CLIENT_RATE/],
    [{ CORDON_JWKS_URL: 'file:///keys' }, /CORDON_JWKS_URL/],
    [{ CORDON_FUNCTION_ENV: 'SITE,cordon_master_key' }, /CORDON_FUNCTION_ENV/],
    [{ CORDON_FUNCTION_ENV: '__proto__' }, /CORDON_FUNCTION_ENV/],
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

test('a refused secret is not repeated in the message: only its length is shown', () => {
  const refused: [NodeJS.ProcessEnv, RegExp][] = [
    [{ CORDON_ADMIN_TOKEN: 'hunter2' }, /is 7 characters long, but it must be at least 16/],
    [{ CORDON_JWT_SECRET: 'hunter2' }, /CORDON_JWT_SECRET is 7 characters long, but it must be at least 32 bytes/],
    [{ SUPABASE_JWT_SECRET: 'hunter2' }, /SUPABASE_JWT_SECRET is 7 characters long/],
    [{ CORDON_MASTER_KEY: 'hunter2' }, /is 7 characters long, but it must be 32 bytes in base64 or hex/],
    [{ CORDON_MASTER_KEY: `hunter2 ${Buffer.alloc(32, 1).toString('base64')}` }, /CORDON_MASTER_KEY is 52/],
    [{ CORDON_DATABASE_URL: 'mysql://u:hunter2@db' }, /CORDON_DATABASE_URL is 20/],
    [{ CORDON_EGRESS_PROXY: 'http://u:hunter2@proxy' }, /CORDON_EGRESS_PROXY is 22/],
  ];
  for (const [env, message] of refused) {
    assert.throws(
      () => loadConfig({}, env),
      (error: Error) => message.test(error.message) && !error.message.includes('hunter2'),
      JSON.stringify(env),
    );
  }
  assert.throws(() => loadConfig({ jwt: { secret: 'hunter2' } }, {}), /\(as an option\) is 7 characters long/);
});

test('the master key is hex or base64', () => {
  const key = Buffer.alloc(32, 0xfb);
  for (const text of [key.toString('hex'), key.toString('base64'), key.toString('base64url')])
    assert.deepEqual(loadConfig({}, { CORDON_MASTER_KEY: text }).masterKey, key);
});

test('Supabase’s name for the JWT secret counts where ours is not set', () => {
  const [ours, theirs] = ['o'.repeat(32), 't'.repeat(32)];
  assert.equal(loadConfig({}, { SUPABASE_JWT_SECRET: theirs }).jwt.secret, theirs);
  assert.equal(loadConfig({}, { SUPABASE_JWT_SECRET: theirs, CORDON_JWT_SECRET: ours }).jwt.secret, ours);
});

test('FUNCTIONS_FETCH_ALLOW that is unset leaves the default to the entry; empty, it allows nothing', () => {
  const allow = (env: NodeJS.ProcessEnv): readonly string[] | null => loadConfig({}, env).egress.allow;
  assert.equal(allow({}), null);
  assert.deepEqual(allow({ FUNCTIONS_FETCH_ALLOW: '' }), []);
  assert.deepEqual(allow({ FUNCTIONS_FETCH_ALLOW: ' ' }), []);
  assert.deepEqual(allow({ FUNCTIONS_FETCH_ALLOW: 'API.example.com., *.cdn.io:8443, https://b\u00fccher.example' }), [
    'api.example.com',
    '*.cdn.io:8443',
    'https://xn--bcher-kva.example',
  ]);
  assert.deepEqual(loadConfig({ egress: { allow: [] } }, { FUNCTIONS_FETCH_ALLOW: '*' }).egress.allow, []);
});

test('a rate is so many a minute, or in a window of its own', () => {
  const config = loadConfig({ clientRate: '1000/2h' }, { CORDON_FUNCTION_RATE: '10/1s' });
  assert.deepEqual(config.invokeRate, { limit: 60, windowSeconds: 60 });
  assert.deepEqual(config.functionRate, { limit: 10, windowSeconds: 1 });
  assert.deepEqual(config.clientRate, { limit: 1000, windowSeconds: 7200 });
  assert.equal(loadConfig({}, {}).functionRate, null);
});

test('functions are given the variables that the operator names, and no property of an object', () => {
  const config = loadConfig({ functionEnv: ['SITE', 'toString', 'ABSENT'] }, { SITE: ' https://a.example' });
  assert.deepEqual({ ...config.functionEnv }, { SITE: ' https://a.example' });
});

test('a TLS pair is two files', () => {
  const { tls } = loadConfig({}, { CORDON_TLS_CERT: '/tls/cert.pem', CORDON_TLS_KEY: '/tls/key.pem' });
  assert.deepEqual(tls, { certFile: '/tls/cert.pem', keyFile: '/tls/key.pem' });
  assert.equal(loadConfig({}, {}).tls, null);
});

test('secrets that were read are taken out of the environment, and nothing else', () => {
  const env = { PORT: '1', CORDON_ADMIN_TOKEN: 'x', CORDON_MASTER_KEY: 'x', SUPABASE_JWT_SECRET: 'x', HOME: '/' };
  forgetSecrets(env);
  assert.deepEqual(env, { PORT: '1', HOME: '/' });
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
