import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  randomName,
  RUN_HEADER,
  SIGNATURE_HEADER,
  signAnswer,
  signRun,
  verifyAnswer,
  verifyRun,
} from '../../../../src/wire/remote/handshake.ts';
import { carriesKey, remoteKeys } from '../../../../src/wire/remote/keys.ts';
import { NonceMemory } from '../../../../src/wire/remote/nonces.ts';

const KEYS = remoteKeys('a-shared-key-of-at-least-32-chars');
const INSTANCE = randomName();
const NOW_MS = 1_700_000_000_000;
const at = (nowMs: number) => ({ instance: INSTANCE, nonces: new NonceMemory(120_000), nowMs });

test('what is signed is read as it was said', () => {
  const { headers, nonce } = signRun(KEYS, { tier: 'wasm' }, INSTANCE, NOW_MS);
  assert.deepEqual(verifyRun(KEYS, headers, at(NOW_MS)), { head: { tier: 'wasm' }, nonce });
});

test('each purpose has a key of its own, and none of them is the shared one', () => {
  const { run, answer, callback } = KEYS;
  const keys = [run, answer, callback].map((key) => Buffer.from(key).toString('hex'));
  assert.equal(new Set(keys).size, 3);
  assert.ok(keys.every((key) => !key.includes(Buffer.from('a-shared-key').toString('hex'))));
  assert.deepEqual(remoteKeys('a-shared-key-of-at-least-32-chars'), KEYS);
});

test('a fresh request is taken once, within a minute either way', () => {
  for (const [shiftMs, expected] of [
    [59_000, undefined],
    [-59_000, undefined],
    [61_000, 'stale'],
    [-61_000, 'stale'],
  ] as const) {
    const { headers } = signRun(KEYS, { tier: null }, INSTANCE, NOW_MS);
    const verified = verifyRun(KEYS, headers, at(NOW_MS + shiftMs));
    assert.equal('refusal' in verified ? verified.refusal : undefined, expected);
  }
  const memory = at(NOW_MS);
  const { headers } = signRun(KEYS, { tier: null }, INSTANCE, NOW_MS);
  assert.ok('head' in verifyRun(KEYS, headers, memory));
  assert.deepEqual(verifyRun(KEYS, headers, memory), { refusal: 'replayed' });
});

test('a forged request is not remembered: strangers can’t fill the memory', () => {
  const nonces = new NonceMemory(120_000);
  const { headers, nonce } = signRun(
    remoteKeys('another-key-of-at-least-32-characters'),
    { tier: null },
    INSTANCE,
    NOW_MS,
  );
  assert.deepEqual(verifyRun(KEYS, headers, { instance: INSTANCE, nonces, nowMs: NOW_MS }), { refusal: 'forged' });
  assert.equal(nonces.take(nonce, NOW_MS), 'fresh');
});

test('a changed bit anywhere is a forgery or no signature at all', () => {
  const { headers } = signRun(KEYS, { tier: null }, INSTANCE, NOW_MS);
  const signature = headers[SIGNATURE_HEADER] as string;
  for (let i = 0; i < signature.length; i++) {
    const changed = `${signature.slice(0, i)}${signature[i] === 'A' ? 'B' : 'A'}${signature.slice(i + 1)}`;
    const verified = verifyRun(KEYS, { ...headers, [SIGNATURE_HEADER]: changed }, at(NOW_MS));
    assert.ok('refusal' in verified, changed);
  }
});

test('a signed head that is none of ours is refused', () => {
  for (const head of [{ tier: 'castle' }, { tier: 1 }, {}, [], 'x', null]) {
    const { headers } = signRun(KEYS, head as never, INSTANCE, NOW_MS);
    assert.deepEqual(verifyRun(KEYS, headers, at(NOW_MS)), { refusal: 'malformed' });
  }
});

test('an answer counts for its own request only', () => {
  const headers = signAnswer(KEYS, { tier: 'isolate' }, 'one');
  assert.deepEqual(verifyAnswer(KEYS, headers, 'one'), { tier: 'isolate' });
  assert.equal(verifyAnswer(KEYS, headers, 'other'), null);
  const other = Buffer.from('{"tier":"wasm"}').toString('base64url');
  assert.equal(verifyAnswer(KEYS, { ...headers, [RUN_HEADER]: other }, 'one'), null);
  assert.equal(verifyAnswer(KEYS, {}, 'one'), null);
});

test('the memory of nonces forgets what is stale, and is full before it grows without end', () => {
  const memory = new NonceMemory(100);
  assert.equal(memory.take('a', 1_000), 'fresh');
  assert.equal(memory.take('a', 1_099), 'seen');
  assert.equal(memory.take('a', 1_199), 'seen');
  assert.equal(memory.take('a', 1_500), 'fresh');
  for (let i = 0; i < 60_000; i++) memory.take(`n${i}`, 1_501);
  assert.equal(memory.take('one more', 1_501), 'full');
  assert.equal(memory.take('a', 1_501), 'seen');
  assert.equal(memory.take('one more', 1_700), 'fresh');
});

test('the shared key is noticed wherever it stands in a header', () => {
  const key = 'a-shared-key-of-at-least-32-chars';
  for (const value of [key, `Bearer ${key}`, `Token ${key}`]) assert.ok(carriesKey({ 'x-any': value }, key));
  assert.ok(carriesKey({ 'set-cookie': ['a', key] }, key));
  assert.ok(!carriesKey({ authorization: `Bearer ${key}x`, host: undefined }, key));
});
