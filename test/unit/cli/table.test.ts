import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean } from '../../../src/cli/suggest.ts';
import { sheet, table } from '../../../src/cli/table.ts';

test('columns are as wide as their widest cell', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['wide one', 'x'],
        ['ü', 'y'],
      ],
    ),
    'A         LONG\nwide one  x\nü         y\n',
  );
});

test('where the terminal is narrow the widest cells are cut, and none below what can be read', () => {
  const rows = [['short', 'a long text that does not fit here']];
  assert.equal(table(['A', 'B'], rows, 24), 'A      B\nshort  a long text that…\n');
  assert.equal(table(['A', 'B'], rows, 4), 'A      B\nshort  a long …\n');
});

test('what would drive a terminal or end a line is escaped', () => {
  assert.equal(table(['A'], [['x\x1b[31m\ny']]), 'A\nx\\u001b[31m\\ny\n');
  assert.equal(
    sheet([
      ['name', 'a\nb'],
      ['none', undefined],
    ]),
    'name  a\\nb\n',
  );
});

test('a misspelt word is answered with the near one, and with nothing where none is near', () => {
  const words = ['deploy', 'delete', 'list'];
  assert.equal(didYouMean('depoly', words), '; did you mean deploy?');
  assert.equal(didYouMean('lst', words, '--'), '; did you mean --list?');
  assert.equal(didYouMean('serve', words), '');
  assert.equal(didYouMean('x'.repeat(1_000_000), words), '');
});
