import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthenticator } from '../../../src/auth/authenticator.ts';
import { Fault } from '../../../src/core/faults.ts';
import { ANONYMOUS, OPERATOR } from '../../../src/core/principal.ts';

const TOKEN = 'correct-horse-battery';
const authenticate = createAuthenticator(TOKEN);

test('no header is anonymous', () => {
  assert.equal(authenticate(undefined), ANONYMOUS);
});

test('both schemes are taken, in any case', () => {
  for (const scheme of ['Token', 'Bearer', 'bearer', 'TOKEN'])
    assert.equal(authenticate(`${scheme} ${TOKEN}`), OPERATOR);
});

test('anything else is refused, and never anonymous', () => {
  for (const header of [
    '',
    TOKEN,
    'Bearer',
    'Bearer ',
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} x`,
    'Bearer x',
    `Bearer ${TOKEN}\n`,
  ]) {
    assert.throws(
      () => authenticate(header),
      (error) => error instanceof Fault && error.code === 'UNAUTHORIZED',
      JSON.stringify(header),
    );
  }
});
