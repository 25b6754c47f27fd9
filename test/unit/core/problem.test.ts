import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { problemOf } from '../../../src/core/problem.ts';

test('a fault becomes problem+json with its code, title and sentence', () => {
  const { status, headers, body } = problemOf(new Fault('NOT_FOUND', 'There is no function "x"'));
  assert.equal(status, 404);
  assert.equal(headers['content-type'], 'application/problem+json');
  assert.deepEqual(JSON.parse(body), {
    type: 'about:blank',
    title: 'There is nothing here',
    status: 404,
    code: 'NOT_FOUND',
    detail: 'There is no function "x"',
  });
});

test('Retry-After is whole seconds, at least one', () => {
  const { headers, body } = problemOf(new Fault('THROTTLED', 'slow down', { retryAfterSeconds: 0.2 }));
  assert.equal(headers['retry-after'], '1');
  assert.equal(JSON.parse(body).retryAfter, 1);
});

test('a stack stays on the server, the issues go out', () => {
  const { body } = problemOf(new Fault('COMPILE_FAILED', 'no', { stack: 'secret.js:1', issues: ['a.ts:1:2 no'] }));
  assert.deepEqual(JSON.parse(body).issues, ['a.ts:1:2 no']);
  assert.ok(!body.includes('secret.js'));
});

test('a missing token names the scheme', () => {
  assert.equal(
    problemOf(new Fault('UNAUTHORIZED', 'a token, please')).headers['www-authenticate'],
    'Bearer realm="cordon"',
  );
});
