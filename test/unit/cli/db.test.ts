/** `cordon db`: which database is meant, and how its work is shown. */

import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { dbCommands } from '../../../src/cli/commands/db.ts';
import type { DatabaseTarget, DatabaseWork, OnProgress } from '../../../src/cli/commands/db.ts';
import { readInput } from '../../../src/cli/input.ts';
import { progress } from '../../../src/cli/progress.ts';
import { projectFolder } from './project-folder.ts';
import { printedBy } from './standard-output.ts';

const asked: [what: string, target: DatabaseTarget, path: string][] = [];

const work = (what: string) => async (target: DatabaseTarget, path: string, onProgress?: OnProgress) => {
  asked.push([what, target, path]);
  for (let done = 0; done <= 20; done += 1) onProgress?.(done, 20, 'versions');
};

const COMMANDS = dbCommands(async (): Promise<DatabaseWork> => ({
  exportDatabase: work('export'),
  importDatabase: work('import'),
  backupDatabase: work('backup'),
}));

const run = (name: string, ...args: string[]): Promise<number> => {
  const command = COMMANDS.find((known) => known.name === name)!;
  return command.run(readInput(command, args));
};

test('the database is the named one, and paths are those of the working directory', async (t) => {
  const folder = projectFolder(t, {});
  const { out, err } = await printedBy(t, async () => {
    assert.equal(await run('db export', 'all.gz', '--data-dir', folder), 0);
    assert.equal(await run('db import', join(folder, 'all.gz'), '--database-url', 'postgres://u:secret@db/c', '-y'), 0);
    assert.equal(await run('db backup', 'copy', '--data-dir', folder, '--json'), 0);
  });
  assert.deepEqual(asked, [
    ['export', { dataDir: folder }, resolve('all.gz')],
    ['import', { url: 'postgres://u:secret@db/c' }, join(folder, 'all.gz')],
    ['backup', { dataDir: folder }, resolve('copy')],
  ]);
  assert.equal(
    out,
    `20 rows exported to ${resolve('all.gz')}\n20 rows imported from ${join(folder, 'all.gz')}\n${JSON.stringify({ folder: resolve('copy') }, null, 2)}\n`,
  );
  assert.match(err, /^0 % \(0 of 20\) versions\n10 % \(2 of 20\) versions\n/);
  assert.ok(!`${out}${err}`.includes('secret'));
});

test('on a terminal progress is a bar that is drawn over itself, and ends with a line', () => {
  const written: string[] = [];
  const terminal = Object.assign(new Writable(), { isTTY: true, write: (text: string) => written.push(text) });
  const bar = progress(terminal as unknown as NodeJS.WriteStream);
  bar.show(0, 2, 'a');
  bar.show(1, 2, 'a');
  bar.show(2, 2, 'b');
  bar.end();
  assert.equal(written.length, 3, 'what is drawn within an eye blink is skipped');
  assert.match(written[0]!, /^\r\x1b\[2K.*░{30} 0 % {2}a$/); // oxlint-disable-line no-control-regex
  assert.match(written[1]!, /█{30}.* 100 % {2}b$/);
  assert.equal(written[2], '\n');
});
