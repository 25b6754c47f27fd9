import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { keyWrapper, loadMasterKey, loadPreviousMasterKey } from '../../../../src/capabilities/secrets/master-key.ts';
import { StartError } from '../../../../src/core/start-error.ts';

const KEY = Buffer.alloc(32, 7);

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cordon-key-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const refuses = (file: string, message: RegExp, dataDir = '/nowhere'): void =>
  assert.throws(
    () => loadMasterKey({ key: null, file, dataDir }),
    (error) => error instanceof StartError && message.test(error.message),
    String(message),
  );

test('a key of the configuration wins, and then no file is made', (t) => {
  const dataDir = join(folder(t), 'data');
  const { id, path, created } = loadMasterKey({ key: KEY, file: null, dataDir });
  assert.deepEqual([path, created], [null, false]);
  assert.match(id, /^[0-9a-f]{16}$/);
  assert.deepEqual(readdirSync(join(dataDir, '..')), []);
});

test('the first start makes a key beside the data directory that only its owner can read, and later ones find it', (t) => {
  const dataDir = join(folder(t), 'data');
  const first = loadMasterKey({ key: null, file: null, dataDir });
  assert.deepEqual([first.path, first.created], [`${dataDir}.master-key`, true]);
  assert.equal(statSync(`${dataDir}.master-key`).mode & 0o777, 0o600);
  assert.equal(existsSync(dataDir), false);
  const second = loadMasterKey({ key: null, file: null, dataDir });
  assert.deepEqual([second.id, second.created], [first.id, false]);
  assert.deepEqual(readdirSync(join(dataDir, '..')), ['data.master-key']);
});

test('of processes that start at once, all have the key of the first', async (t) => {
  const dataDir = join(folder(t), 'data');
  const module = new URL('../../../../src/capabilities/secrets/master-key.ts', import.meta.url).href;
  const code = `import { loadMasterKey } from ${JSON.stringify(module)};
    process.stdout.write(loadMasterKey({ key: null, file: null, dataDir: ${JSON.stringify(dataDir)} }).id);`;
  const ids = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [id] = await Promise.all([text(child.stdout), once(child, 'close')]);
      return id;
    }),
  );
  assert.match(ids[0]!, /^[0-9a-f]{16}$/);
  assert.equal(new Set(ids).size, 1);
});

test('a file holds the key as it is, in base64 or in hex', (t) => {
  const dir = folder(t);
  const { id } = keyWrapper(KEY);
  for (const content of [KEY, `${KEY.toString('base64')}\n`, KEY.toString('base64url'), `${KEY.toString('hex')}\n`]) {
    const file = join(dir, 'key');
    writeFileSync(file, content, { mode: 0o600 });
    assert.equal(loadMasterKey({ key: null, file, dataDir: '/nowhere' }).id, id);
    assert.equal(loadPreviousMasterKey(file).id, id);
  }
});

test('a file that others can read is refused', (t) => {
  const file = join(folder(t), 'key');
  writeFileSync(file, KEY);
  for (const mode of [0o644, 0o640, 0o660, 0o604, 0o602]) {
    chmodSync(file, mode);
    refuses(file, new RegExp(`can be read or written by others \\(mode ${mode.toString(8)}\\): set its mode to 600`));
  }
});

test('a file that is no key is refused with what it must be, and its content is not shown', (t) => {
  const dir = folder(t);
  const file = join(dir, 'key');
  for (const content of [
    '',
    'hunter2',
    KEY.subarray(1),
    Buffer.alloc(33),
    `${KEY.toString('base64')}x`,
    'z'.repeat(64),
  ]) {
    writeFileSync(file, content, { mode: 0o600 });
    refuses(file, /key does not hold a master key: it must be 32 bytes, as they are, in base64 or in hex$/);
  }
  writeFileSync(file, 'x'.repeat(1000), { mode: 0o600 });
  refuses(file, /too large/);
  refuses(dir, /must be a file/);
});

test('a file that was named and is not there stops the start: a new key would open nothing', (t) => {
  const file = join(folder(t), 'absent');
  refuses(file, /CORDON_MASTER_KEY_FILE is .*absent, but there is no such file/);
  assert.equal(existsSync(file), false);
  assert.throws(() => loadPreviousMasterKey(file), /CORDON_PREVIOUS_MASTER_KEY_FILE is .*absent/);
});

test('a file in the data directory is refused, also behind a link', (t) => {
  const dir = folder(t);
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'key'), KEY, { mode: 0o600 });
  symlinkSync(dataDir, join(dir, 'link'));
  refuses(join(dataDir, 'key'), /must lie outside of the data directory/, dataDir);
  refuses(join(dir, 'link', 'key'), /must lie outside of the data directory/, dataDir);
});

test('a folder that can’t be written to is named, with what to do', () => {
  assert.throws(
    () => loadMasterKey({ key: null, file: null, dataDir: '/proc/cordon' }),
    (error) =>
      error instanceof StartError &&
      /can't be kept in \/proc\/cordon\.master-key.*Set CORDON_MASTER_KEY_FILE/.test(error.message),
  );
});

test('what one key wraps another does not open', async () => {
  const sealed = await keyWrapper(KEY).wrap(Buffer.alloc(32, 1));
  assert.deepEqual(await keyWrapper(KEY).unwrap(sealed), Buffer.alloc(32, 1));
  await assert.rejects(keyWrapper(Buffer.alloc(32, 8)).unwrap(sealed), { name: 'SealError' });
});
