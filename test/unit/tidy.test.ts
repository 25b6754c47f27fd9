/** What a reader may rely on in every file of src. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceFiles, withoutComments, type SourceFile } from '../support/source-tree.ts';

const MAX_LINES = 400;
const FILES: readonly SourceFile[] = sourceFiles('src');
/** The code of attacks stands there as text. */
const HOSTILE = 'src/attest/';

function complaints(wrong: (file: SourceFile) => string | null | false): string[] {
  return FILES.flatMap((file) => {
    const text = wrong(file);
    return text === null || text === false ? [] : [`${file.path}: ${text}`];
  });
}

test(`no file has more than ${MAX_LINES} lines`, () => {
  const found = complaints(({ text }) => {
    const lines = text.split('\n').length - 1;
    return lines > MAX_LINES && `${lines} lines`;
  });
  assert.deepEqual(found, []);
});

test('a file opens with a paragraph that says why it exists', () => {
  assert.deepEqual(
    complaints(({ text }) => !/^(?:#!.*\n)?\/\*\*[^]+?\*\//.test(text) && 'it does not open with /** … */'),
    [],
  );
});

test('nothing is left for later', () => {
  assert.deepEqual(
    complaints(({ text }) => /\b(?:TODO|FIXME|XXX|HACK)\b/.exec(text)?.[0] ?? null),
    [],
  );
});

test('no path of the machine it was written on is in it', () => {
  // An executor's files do have such paths, behind its wall.
  assert.deepEqual(
    complaints(({ text }) => /(?<![\w.])\/(?:work|root|Users|home\/\w+)\/[\w.-]+/.exec(text)?.[0] ?? null),
    [],
  );
});

test('only the command line prints', () => {
  const prints = /(?<![.\w])console\.(?:log|info|warn|error|debug)\(/;
  assert.deepEqual(
    complaints(
      ({ path, text }) =>
        !path.startsWith('src/cli/') && !path.startsWith(HOSTILE) && (prints.exec(withoutComments(text))?.[0] ?? null),
    ),
    [],
  );
});
