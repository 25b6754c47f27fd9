import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config.ts';

const KEY = 'k'.repeat(32);
const remote = (env: Record<string, string>) => loadConfig({}, env).remote;

test('without an executor nothing changes, and with one functions that name no wall run there', () => {
  assert.deepEqual([remote({}).urls, remote({}).defaultTier, remote({}).executorAsks], [[], 'isolate', 'stream']);
  const { urls, defaultTier, sharedKey } = remote({
    FUNCTIONS_EXEC_URL: 'https://a.example/base/, http://127.0.0.1:8790',
    SANDBOX_RPC_TOKEN: KEY,
  });
  assert.deepEqual([urls, defaultTier, sharedKey], [['https://a.example/base', 'http://127.0.0.1:8790'], 'auto', KEY]);
  assert.equal(remote({ CORDON_TIER: 'quickjs' }).defaultTier, 'quickjs');
});

test('an executor’s URL is a base URL that nobody can read along with', () => {
  const wrong = [
    'https://a.example/run',
    'https://a.example/run/',
    'https://a.example/RUN',
    'http://a.example',
    'http://10.0.0.1:8790',
    'ftp://a.example',
    'https://user:secret@a.example',
    'https://a.example?x=1',
    'a.example',
    'http://localhost.evil.example',
  ];
  for (const url of wrong)
    assert.throws(
      () => remote({ FUNCTIONS_EXEC_URL: url, SANDBOX_RPC_TOKEN: KEY }),
      /FUNCTIONS_EXEC_URL is .* without \/run at the end/,
      url,
    );
  for (const url of ['http://localhost:1', 'http://[::1]:1', 'http://127.0.0.2:1', 'https://a.example/runner'])
    assert.equal(remote({ FUNCTIONS_EXEC_URL: url, SANDBOX_RPC_TOKEN: KEY }).urls[0], url);
});

test('the key is long enough, is not shown when it is refused, and is not forgotten', () => {
  assert.throws(
    () => remote({ SANDBOX_RPC_TOKEN: 'too-short-a-secret' }),
    (error: Error) =>
      /SANDBOX_RPC_TOKEN is 18 characters long/.test(error.message) && !error.message.includes('too-short'),
  );
  assert.throws(() => remote({ FUNCTIONS_EXEC_URL: 'http://127.0.0.1:1' }), /SANDBOX_RPC_TOKEN is not/);
});

test('who is called back is an origin over TLS, or this machine', () => {
  assert.equal(remote({ SELF_URL: 'https://api.example/' }).selfUrl, 'https://api.example');
  assert.equal(remote({ SELF_URL: 'http://127.0.0.1:3003' }).selfUrl, 'http://127.0.0.1:3003');
  for (const url of ['http://api.example', 'https://api.example/path', 'https://u:p@api.example', 'api.example'])
    assert.throws(() => remote({ SELF_URL: url }), /SELF_URL is/, url);
});
