import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneLine, printable } from '../../../src/lib/printable.ts';

test('no text can forge a second line, drive the terminal or reorder what is seen', () => {
  assert.equal(oneLine('a\nGET /fake 200'), 'a\\nGET /fake 200');
  assert.equal(oneLine('a\r\x1b[2J\x07\x9b2J\x7f\0'), 'a\\r\\u001b[2J\\u0007\\u009b2J\\u007f\\u0000');
  assert.equal(oneLine('\u2028\u2029\u202e\u2066\u200f'), '\\u2028\\u2029\\u202e\\u2066\\u200f');
  assert.equal(oneLine('tab\tzürich 漢字 🎉'), 'tab\tzürich 漢字 🎉');
});

test('a long line is cut', () => {
  assert.ok(oneLine('x'.repeat(1e6)).length < 20_000);
});

test('text of several lines keeps its line ends alone', () => {
  assert.equal(printable('a\r\n\tb\x1b[1mc\rd\n'), 'a\n\tb\\u001b[1mc\\rd\n');
});
