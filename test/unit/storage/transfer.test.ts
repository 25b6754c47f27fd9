import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { NewJob } from '../../../src/core/queue.ts';
import { StartError } from '../../../src/core/start-error.ts';
import type { Database } from '../../../src/storage/database.ts';
import { openPostgresDatabase } from '../../../src/storage/postgres-storage.ts';
import { createSqlStorage } from '../../../src/storage/sql-storage.ts';
import { openSqliteDatabase, openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import { backupDatabase, exportDatabase, importDatabase, transfer } from '../../../src/storage/transfer.ts';
import { readContents } from '../../../src/storage/transfer/contents.ts';
import { TABLES, TABLE_NAMES } from '../../../src/storage/transfer/tables.ts';
import type { AnyTables, Row } from '../../../src/storage/transfer/tables.ts';
import {
  dataKey,
  fill,
  logLine,
  newVersion,
  notLive,
  plain,
  temporaryFolder,
} from '../../conformance/storage/fixtures.ts';
import { newJob } from '../../conformance/storage/queue-fixtures.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';

const postgres = await startPostgres();
after(() => postgres?.stop());
const options = postgres === null ? { skip: NO_POSTGRES } : {};

/** Something in every table, in more than one lot. */
async function filled(dataDir: string): Promise<void> {
  const storage = await openSqliteStorage(dataDir);
  await fill(storage, 'acme');
  await fill(storage, 'rival');
  await fill(storage, 'gone');
  await storage.tenants.erase('gone');
  await storage.variables.putKey(dataKey());
  const code = Buffer.alloc(200_000, 'ä\0\n');
  for (let i = 0; i < 20; i += 1) {
    await storage.functions.addVersion(
      notLive({ artifact: { ...newVersion().artifact, code } }),
      new Map([['a', code]]),
    );
  }
  await storage.functions.remove('rival', 'hello');
  await storage.logs.append(Array.from({ length: 1_200 }, (_, i) => logLine(10_000 + i)));
  await storage.close();
  publish(dataDir);
}

/** As if it had come from PostgreSQL. */
function publish(dataDir: string): void {
  const database = new DatabaseSync(join(dataDir, 'cordon.db'));
  database.exec(`insert into event_outbox (id, tenant, channel, data, added_ms) values ('e1', 'acme', 'a:b', '1', 1)`);
  database.close();
}

type Everything = Readonly<Record<string, readonly Row[]>>;

async function everything(open: Promise<Database>): Promise<Everything> {
  const database = await open;
  try {
    return await readContents(database, async ({ lots }) => {
      const rows: Record<string, Row[]> = {};
      for await (const lot of lots) rows[lot.table] = [...(rows[lot.table] ?? []), ...plain(lot.rows)];
      return rows;
    });
  } finally {
    await database.close();
  }
}

test('every table is moved', async (t) => {
  const database = await openSqliteDatabase(temporaryFolder(t));
  t.after(() => database.close());
  const found = await Promise.all(
    [database.main, database.logs].map((db) => (db as unknown as AnyTables).introspection.getTables()),
  );
  const names = found.flat().map(({ name }) => name);
  assert.deepEqual(names.filter((name) => !/^(cordon_migration|sqlite_)/.test(name)).sort(), [...TABLE_NAMES].sort());
  for (const { name, columns } of found.flat().filter((each) => Object.hasOwn(TABLES, each.name))) {
    const blobs = columns.filter(({ dataType }) => /blob/i.test(dataType)).map((column) => column.name);
    assert.deepEqual(TABLES[name as keyof typeof TABLES].bytes, blobs, name);
  }
});

test('a database goes from SQLite by a file to PostgreSQL and back, and nothing is lost', options, async (t) => {
  const folder = temporaryFolder(t);
  const there = (await startPostgres())!;
  t.after(() => there.stop());
  const dataDir = join(folder, 'data');
  await filled(dataDir);
  const before = await everything(openSqliteDatabase(dataDir));
  assert.deepEqual(Object.keys(before).sort(), [...TABLE_NAMES].sort(), 'there is something in every table');

  const file = join(folder, 'cordon.ndjson.gz');
  const steps: (readonly [number, number, string])[] = [];
  await exportDatabase({ dataDir }, file, (...step) => steps.push(step));
  const total = Object.values(before).reduce((sum, rows) => sum + rows.length, 0);
  assert.deepEqual(steps.at(-1), [total, total, 'logs']);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder).sort(), ['cordon.ndjson.gz', 'data']);

  steps.length = 0;
  await importDatabase({ url: there.url }, file, (...step) => steps.push(step));
  assert.deepEqual(steps.at(-1), [total, total, 'logs']);
  assert.deepEqual(await everything(openPostgresDatabase(there.url)), before);

  const from = await openPostgresDatabase(there.url);
  const to = await openSqliteDatabase(join(folder, 'again'));
  await transfer(from, to, () => {});
  await Promise.all([from.close(), to.close()]);
  assert.deepEqual(await everything(openSqliteDatabase(join(folder, 'again'))), before);

  const storage = createSqlStorage(await openPostgresDatabase(there.url));
  t.after(() => storage.close());
  assert.equal((await storage.functions.addVersion(newVersion(), new Map())).added.number, 23);
  const entry = { timeMs: 1, actor: 'a', action: 'b', tenant: null, target: 'c', outcome: 'ok', details: {} } as const;
  await storage.audit.append([entry]);
  assert.deepEqual((await storage.queue.counts(null)).waiting, 2);
  const job = (id: string): NewJob => newJob({ id, key: 'k' });
  assert.equal(await storage.outbox.take(9, (events) => events.map(({ id }) => job(id))), 1);
  assert.equal(await storage.queue.add([job('q-acme'), job('new')]), 1);
});

test('only an empty database takes an import', async (t) => {
  const folder = temporaryFolder(t);
  await filled(join(folder, 'data'));
  const file = join(folder, 'export');
  await exportDatabase({ dataDir: join(folder, 'data') }, file, () => {});
  await assert.rejects(
    importDatabase({ dataDir: join(folder, 'data') }, file, () => {}),
    (error) => error instanceof StartError && /data is not empty \(.*functions: \d/.test(error.message),
  );
  await assert.rejects(
    exportDatabase({ dataDir: join(folder, 'data') }, file, () => {}),
    /is there already/,
  );
});

test('what holds no database is neither exported nor made', async (t) => {
  const dataDir = join(temporaryFolder(t), 'none');
  await assert.rejects(
    exportDatabase({ dataDir }, `${dataDir}.gz`, () => {}),
    /holds no database/,
  );
  await assert.rejects(backupDatabase({ dataDir }, `${dataDir}.copy`), /holds no database/);
  assert.ok(!existsSync(dataDir));
});

test('a backup of a stopped server opens', async (t) => {
  const folder = temporaryFolder(t);
  await filled(join(folder, 'data'));
  await backupDatabase({ dataDir: join(folder, 'data') }, join(folder, 'copy'));
  assert.deepEqual(
    await everything(openSqliteDatabase(join(folder, 'copy'))),
    await everything(openSqliteDatabase(join(folder, 'data'))),
  );
});

test('a file that is damaged, incomplete or another’s is refused, and leaves nothing behind', async (t) => {
  const folder = temporaryFolder(t);
  await filled(join(folder, 'data'));
  const good = join(folder, 'export');
  await exportDatabase({ dataDir: join(folder, 'data') }, good, () => {});
  const zipped = readFileSync(good);
  const lines = gunzipSync(zipped).toString().trimEnd().split('\n');
  const header = JSON.parse(lines[0]!) as { schema: string[] };
  const withHeader = (changes: object): string =>
    [JSON.stringify({ ...header, ...changes }), ...lines.slice(1)].join('\n');
  const withLine = (line: object): string => [lines[0], JSON.stringify(line), ...lines.slice(1)].join('\n');
  const text = (...of: readonly (string | undefined)[]): Buffer => gzipSync(`${of.join('\n')}\n`);
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from('hello'), /can't be read/],
    [zipped.subarray(0, zipped.length / 2), /can't be read/],
    [gzipSync('{"cordon":"x"}\n'), /is not an export/],
    [gzipSync(''), /is not an export/],
    [text(...lines.slice(0, -1)), /is not complete/],
    [text(...lines.slice(0, -2), lines.at(-1)), /logs: \d+ of \d+\); nothing was imported/],
    [text(withHeader({ schema: [...header.schema, '9999_tomorrow'] })), /later Cordon \(9999_tomorrow\)/],
    [text(withHeader({ schema: ['0001_logs'] })), /earlier Cordon \(without 0001_functions/],
    [text(withLine({ table: 'sqlite_master', row: {} })), /does not know/],
    [text(withLine({ table: 'tenants', row: { name: 'x' } })), /has not the columns/],
    [text(lines[0], '{"table":'), /damaged/],
  ];
  for (const [content, pattern] of cases) {
    const file = join(folder, 'bad');
    const dataDir = join(folder, 'target');
    writeFileSync(file, content);
    await assert.rejects(
      importDatabase({ dataDir }, file, () => {}),
      (error) => error instanceof StartError && pattern.test(error.message),
      String(pattern),
    );
    if (!existsSync(dataDir)) continue;
    const left = await everything(openSqliteDatabase(dataDir));
    assert.deepEqual(Object.keys(left), ['tenants'], String(pattern));
  }
});
