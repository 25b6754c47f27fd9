import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTokenText, tokenHash, tokenShape } from '../../../src/auth/token-text.ts';

test('a token has a shape that scanners find, and no two are the same', () => {
  const tokens = new Set(Array.from({ length: 1_000 }, newTokenText));
  assert.equal(tokens.size, 1_000);
  for (const token of tokens) {
    assert.match(token, /^cdn_[\w-]{49}$/);
    assert.equal(tokenShape(token), 'whole');
  }
});

test('a typo anywhere is told from a token of somebody else', () => {
  const token = newTokenText();
  for (let i = 4; i < token.length; i++) {
    const typo = `${token.slice(0, i)}${token[i] === 'A' ? 'B' : 'A'}${token.slice(i + 1)}`;
    assert.equal(tokenShape(typo), 'damaged', `at ${i}`);
  }
  for (const cut of ['cdn_', token.slice(0, -1), `${token}x`]) assert.equal(tokenShape(cut), 'damaged', cut);
  for (const other of ['', 'x', `x${token}`, 'eyJhbGciOiJIUzI1NiJ9.e30.x', token.toUpperCase()])
    assert.equal(tokenShape(other), 'other', other);
});

test('what is kept of a token is its SHA-256', () => {
  assert.equal(tokenHash('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
