/** `cordon tiers`, as somebody who has to choose a wall would run it. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Comparison } from '../../src/runtime.ts';
import { CLI } from '../support/server.ts';

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-tiers-test-'));
  writeFileSync(join(folder, 'mine.ts'), `export default { fetch: (): Response => new Response('mine') };`);
  writeFileSync(join(folder, 'failing.ts'), `export default { fetch: () => { throw new Error('no') } };`);
});

after(() => rmSync(folder, { recursive: true }));

const cordon = (...args: readonly string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, [CLI, 'tiers', ...args], { cwd: folder, maxBuffer: 1e7 });

test('a function of one’s own is measured in every tier that works here, and drawn', async () => {
  const { stdout } = await cordon('mine.ts', '--json', '--svg', 'tiers.svg');
  const { rows, tiers } = JSON.parse(stdout) as Comparison;
  const working = tiers.filter(({ probe }) => probe.works).map(({ name }) => name);
  assert.ok(working.includes('isolate'));
  assert.deepEqual(
    rows.map(({ tier, workload, error }) => [tier, workload, error]),
    working.map((tier) => [tier, 'mine.ts', null]),
  );
  for (const { measured } of rows) assert.ok(measured!.coldMs > 0 && measured!.callsPerSecond > 1);
  assert.match(readFileSync(join(folder, 'tiers.svg'), 'utf8'), /<rect /);
});

test('a function that fails says how, and the exit code is 1', async () => {
  const failed = (await cordon('failing.ts', '--tier', 'isolate').catch((error: unknown) => error)) as {
    code: number;
    stdout: string;
  };
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /isolate +failed: no/);
});
