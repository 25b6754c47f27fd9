import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../../bin/cordon.js', import.meta.url));

/** The first Node on PATH that is too old for Cordon; npm puts the bundled one in front of it. */
function findOldNode(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    try {
      const path = join(folder, 'node');
      if (Number(execFileSync(path, ['-p', 'process.versions.node.split(".")[0]'], { stdio: 'pipe' })) < 26)
        return path;
    } catch {
      // No Node here.
    }
  }
  return null;
}

const oldNode = findOldNode();
const skip = oldNode === null ? 'there is no older Node on PATH' : false;

/** The launcher in a folder of its own, with a main that the test writes. */
function install(t: TestContext, main: string, withNode: boolean): string {
  const root = mkdtempSync(join(tmpdir(), 'cordon-launcher-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const folder of ['bin', 'src/cli', 'node_modules/node/bin']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'src/cli/main.ts'), main);
  writeFileSync(join(root, 'node_modules/node/package.json'), '{"name":"node"}');
  if (withNode) symlinkSync(process.execPath, join(root, 'node_modules/node/bin/node'));
  copyFileSync(BIN, join(root, 'bin/cordon.js'));
  return join(root, 'bin/cordon.js');
}

test('an older Node hands over to the bundled one, with arguments, input and exit code', { skip }, async (t) => {
  const bin = install(
    t,
    `import { text } from 'node:stream/consumers';
     export const main = async (args: string[]): Promise<number> => {
       console.log(process.versions.node.split('.')[0], args.join(' '), await text(process.stdin));
       return 7;
     };`,
    true,
  );
  const child = spawn(oldNode!, [bin, 'a', '--b'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end('input');
  const [[code], out] = await Promise.all([once(child, 'exit'), text(child.stdout)]);
  assert.deepEqual([code, out], [7, '26 a --b input\n']);
});

test('a signal reaches the one that was handed over to, and its end is the end', { skip }, async (t) => {
  const bin = install(
    t,
    `export const main = async (): Promise<number> => {
       const stopped = new Promise<void>((resolve) => process.on('SIGTERM', () => resolve()));
       const alive = setInterval(() => {}, 1000);
       console.log('ready');
       await stopped;
       clearInterval(alive);
       return 3;
     };`,
    true,
  );
  const child = spawn(oldNode!, [bin], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [3, null]);
});

test('a missing bundled Node is said with the cure', { skip }, async (t) => {
  const bin = install(t, '', false);
  const child = spawn(oldNode!, [bin], { cwd: dirname(bin), stdio: ['ignore', 'ignore', 'pipe'] });
  const [[code], err] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  assert.equal(code, 1);
  assert.match(err, /Cordon needs Node 26, this is Node \d+.+missing\.\nRun "npm ci" .+allow install scripts/);
});
