import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { redact } from '../../../src/observe/redaction.ts';

const SECRET = 'p&ss "wörd"/+\\~42';

function redacted(text: string, ...secrets: string[]): string {
  return redact({ secrets }, text);
}

test('a secret is taken out wherever it is, and the rest stays', () => {
  assert.equal(redacted('hunter22', 'hunter22'), '[redacted]');
  assert.equal(redacted('a hunter22 b hunter22', 'hunter22'), 'a [redacted] b [redacted]');
  assert.equal(redacted('hunter2 hunter2', 'hunter22'), 'hunter2 hunter2');
  assert.equal(redacted('hunter22hunter22', 'hunter22'), '[redacted][redacted]');
});

test('without secrets the text is the same string', () => {
  assert.equal(redacted('hunter22'), 'hunter22');
  assert.equal(redacted('', 'hunter22'), '');
});

test('secrets of fewer than six characters are left: they would be found in everything', () => {
  assert.equal(redacted('on 12345 abc 123456', '', 'on', '12345', '123456'), 'on 12345 abc [redacted]');
});

test('of two that begin alike the longer one goes', () => {
  assert.equal(redacted('token-of-acme-2', 'token-of-acme', 'token-of-acme-2'), '[redacted]');
  assert.equal(redacted('token-of-acme-3', 'token-of-acme-2', 'token-of-acme'), '[redacted]-3');
});

test('it is found in JSON, also in JSON in JSON, and where that keeps to ASCII', () => {
  assert.equal(redacted(JSON.stringify({ a: SECRET }), SECRET), '{"a":"[redacted]"}');
  assert.equal(redacted(JSON.stringify(JSON.stringify({ a: SECRET })), SECRET), String.raw`"{\"a\":\"[redacted]\"}"`);
  assert.equal(redacted(String.raw`"p&ss \"w\u00f6rd\"/+\\~42"`, SECRET), '"[redacted]"');
  assert.equal(redacted(inspect({ a: 'line one\nline two' }), 'line one\nline two'), "{ a: '[redacted]' }");
});

test('it is found in a URL, however it was encoded', () => {
  const forms = [
    `https://a.example/?k=${encodeURIComponent(SECRET)}`,
    `https://a.example/?${String(new URLSearchParams({ k: SECRET }))}`,
    encodeURI(`https://a.example/${SECRET}`),
    `https://a.example/?k=${encodeURIComponent(SECRET).toLowerCase()}`,
  ];
  for (const form of forms) assert.match(redacted(form, SECRET), /^https:\/\/a\.example\/(\?k=)?\[redacted\]$/, form);
  assert.equal(redacted('?k=it%27s%20me%21', "it's me!"), '?k=[redacted]');
});

test('it is found in base64 and base64url, alone and inside of something longer', () => {
  const secret = 'sk_live_51H~?~?>';
  for (const encoding of ['base64', 'base64url'] as const) {
    assert.equal(redacted(`key ${Buffer.from(secret).toString(encoding)}`, secret), 'key [redacted]');
    for (const user of ['', 'a', 'ab', 'abc', 'abcd']) {
      const text = Buffer.from(`${user}:${secret}:and more`).toString(encoding);
      const left = redacted(`Basic ${text}`, secret);
      assert.match(left, /^Basic .*\[redacted\].+$/);
      // What is left around it tells of no whole character of the secret.
      const around = left.slice('Basic '.length).split('[redacted]');
      assert.ok(!Buffer.from(around[0]!, encoding).toString('latin1').includes('s'), left);
      assert.ok(around.join('').length <= Math.ceil(((user.length + 10) * 4) / 3) + 4, left);
    }
  }
});

test('it is found in hex', () => {
  const hex = Buffer.from(SECRET).toString('hex');
  assert.equal(redacted(`${hex} ${hex.toUpperCase()}`, SECRET), '[redacted] [redacted]');
});

test('a long secret is taken out whole, and as far as it goes where it is cut', () => {
  const secret = Array.from({ length: 500 }, (_, i) => `${i}:`).join('');
  assert.equal(redacted(`a ${secret} b`, secret), 'a [redacted] b');
  assert.equal(redacted(`a ${secret.slice(0, 300)}`, secret), 'a [redacted]');
  assert.equal(redacted(`a ${secret.slice(0, 31)}`, secret), `a ${secret.slice(0, 31)}`);
  assert.equal(redacted(`a ${Buffer.from(secret).toString('base64')} b`, secret), 'a [redacted]');
});

test('the lines of a key are taken out one by one', () => {
  const lines = Array.from({ length: 20 }, (_, i) => `MIIEvQIBADANBgkqhkiG9w0BAQEFAASCB${i}`);
  const pem = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
  assert.equal(redacted(`it is ${pem}`, pem), 'it is [redacted]');
  for (const line of pem.trim().split('\n')) assert.equal(redacted(line, pem), '[redacted]');
  assert.doesNotMatch(redacted(JSON.stringify({ pem }), pem), /MIIEv/);
});

test('a secret that is not well-formed Unicode is found all the same', () => {
  assert.equal(redacted('a hunter\ud800 b', 'hunter\ud800'), 'a [redacted] b');
});

test('random secrets in random text are all found', () => {
  const random = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join('');
  const secrets = Array.from({ length: 300 }, () => random(6 + Math.floor(Math.random() * 60)));
  const version = { secrets };
  for (const secret of secrets) {
    const text = redact(version, `${random(50)} ${secret} ${random(50)}`);
    assert.ok(!text.includes(secret) && text.includes('[redacted]'), secret);
  }
});

test('where many long secrets begin alike, the rest of the text goes', () => {
  const secrets = Array.from({ length: 20 }, (_, i) => `${'A'.repeat(40)}${i}`);
  assert.equal(redacted(`a ${secrets[7]} b`, ...secrets), 'a [redacted]');
});

test('however many secrets there are and however alike, a line costs little', () => {
  const version = {
    secrets: Array.from({ length: 400 }, (_, i) => `${'A'.repeat(6 + (i % 25))}B${i}`),
  };
  redact(version, 'AAAAAAAAAA');
  const start = performance.now();
  const text = redact(version, 'A'.repeat(8_192));
  assert.equal(text.length, 8_192);
  // Some 5 ms here; a search for one secret after the other takes seconds.
  assert.ok(performance.now() - start < 500);
});
