import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import { StartError } from '../../../src/core/start-error.ts';
import { logLine, newVersion, storageConformance, temporaryFolder } from '../../conformance/storage.ts';

storageConformance({ name: 'SQLite', module: new URL('../../conformance/sqlite-engine.ts', import.meta.url) });

test('the files are readable by their owner only', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const storage = await openSqliteStorage(dataDir);
  t.after(() => storage.close());
  await storage.deployVersion(newVersion(), new Map());
  await storage.appendLogs([logLine(1)]);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  for (const file of ['cordon.db', 'cordon.db-wal', 'logs.db', 'logs.db-wal']) {
    assert.equal(statSync(join(dataDir, file)).mode & 0o077, 0, file);
  }
});

test('a schema from the future is refused, and left as it was', async (t) => {
  const dataDir = temporaryFolder(t);
  await (await openSqliteStorage(dataDir)).close();
  const database = new DatabaseSync(join(dataDir, 'cordon.db'));
  database.exec(`INSERT INTO cordon_migration (name, timestamp) VALUES ('9999_tomorrow', '')`);
  database.close();
  await assert.rejects(
    openSqliteStorage(dataDir),
    (error) => error instanceof StartError && /cordon\.db.+later Cordon \(9999_tomorrow\)/.test(error.message),
  );
  await assert.rejects(openSqliteStorage(dataDir), /9999_tomorrow/, 'the first refusal let go of the file');
});

test('a file that is no database is refused with its path', async (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, 'logs.db'), 'hello '.repeat(1000));
  await assert.rejects(
    openSqliteStorage(dataDir),
    (error) => error instanceof StartError && error.message.includes(join(dataDir, 'logs.db')),
  );
});

test('a second opening in the same process is refused too', async (t) => {
  const dataDir = temporaryFolder(t);
  const first = await openSqliteStorage(dataDir);
  await assert.rejects(openSqliteStorage(dataDir), /another Cordon/);
  await first.close();
  await (await openSqliteStorage(dataDir)).close();
});
