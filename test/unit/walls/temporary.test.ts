import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, rmdirSync } from 'node:fs';
import { test } from 'node:test';
import { makeTemporary } from '../../../src/walls/temporary.ts';

test('what a host that was killed left behind is removed by the next, and nothing of a living one', () => {
  const module = new URL('../../../src/walls/temporary.ts', import.meta.url).href;
  const script = `import { makeTemporary } from ${JSON.stringify(module)};
    console.log(makeTemporary('test'));
    process.kill(process.pid, 'SIGKILL');`;
  const left = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim();
  assert.ok(existsSync(left));
  const own = makeTemporary('test');
  assert.ok(!existsSync(left));
  const second = makeTemporary('test');
  assert.ok(existsSync(own) && existsSync(second));
  for (const folder of [own, second]) rmdirSync(folder);
});
