/** The Python agent's files, as they are laid out for an interpreter. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AGENT_ENTRY, layOutPythonAgent, PYTHON_FLAGS } from '../../../../src/tiers/container/python-agent.ts';
import { PYTHON } from '../../../support/python-agent.ts';

async function cacheFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-layout-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('the agent is laid out once, with byte code that is never checked against its source, for everybody to read', async (t) => {
  const cache = await cacheFolder(t);
  const folders = await Promise.all([1, 2, 3].map(() => layOutPythonAgent(cache, PYTHON)));
  assert.equal(new Set(folders).size, 1);
  const [folder = ''] = folders;
  assert.deepEqual(await readdir(cache), [folder.slice(cache.length + 1)], 'nothing unfinished is left');
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of files) {
    const { mode } = await stat(join(file.parentPath, file.name));
    assert.equal(mode & 0o777, file.isDirectory() ? 0o755 : 0o644, file.name);
  }
  const sources = files.filter(({ name }) => name.endsWith('.py'));
  const compiled = files.filter(({ name }) => name.endsWith('.pyc'));
  assert.ok(sources.length > 20);
  assert.equal(compiled.length, sources.length);
  for (const { parentPath, name } of compiled) {
    const head = await readFile(join(parentPath, name));
    assert.equal(head.readUInt32LE(4), 1, `${name} goes by the hash of its source, which is not looked at`);
  }
});

test('byte code is what is run, whatever the time of the source', async (t) => {
  const folder = await layOutPythonAgent(await cacheFolder(t), PYTHON);
  const source = join(folder, 'cordon_agent', 'frames.py');
  await writeFile(source, 'raise SystemExit("the source was read")');
  await utimes(source, 0, 0);
  const script = 'import sys; sys.path.append(sys.argv[1]); import cordon_agent.frames as f; print(f.WINDOW_BYTES)';
  assert.equal(execFileSync(PYTHON, [...PYTHON_FLAGS, '-c', script, folder], { encoding: 'utf8' }).trim(), '262144');
});

test('another interpreter has a folder of its own, and one that fails leaves nothing', async (t) => {
  const cache = await cacheFolder(t);
  const asked: string[] = [];
  const run = (args: readonly string[], folder: string | null): Promise<string> => {
    asked.push(folder === null ? 'version' : `compile ${args.at(-1) === folder}`);
    return Promise.resolve('another 9.9');
  };
  const other = await layOutPythonAgent(cache, { run });
  assert.notEqual(other, await layOutPythonAgent(cache, PYTHON));
  assert.deepEqual(asked, ['version', 'compile true']);
  const failing = (_args: readonly string[], folder: string | null): Promise<string> =>
    folder === null ? Promise.resolve('a third') : Promise.reject(new Error('no compiler'));
  await assert.rejects(layOutPythonAgent(cache, { run: failing }), /no compiler/);
  assert.equal((await readdir(cache)).length, 2);
  await assert.rejects(layOutPythonAgent(cache, '/no/python'), /ENOENT/);
});

test('an agent that is started wrong says how', () => {
  const fails = (...args: string[]): string => {
    try {
      const entry = join(import.meta.dirname, '../../../../src/guest/python', AGENT_ENTRY);
      execFileSync(PYTHON, [...PYTHON_FLAGS, entry, ...args], { stdio: 'pipe' });
      return 'it did not fail';
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr);
    }
  };
  assert.equal(fails(), 'The agent takes a channel, a scratch folder and perhaps a filter, not 0 arguments\n');
  assert.match(fails('fd:99', '/tmp'), /^The agent can't reach its host at fd:99: .*Bad file descriptor\n$/);
  assert.match(fails('/no/socket', '/tmp'), /^The agent can't reach its host at \/no\/socket: .*No such file/);
});
