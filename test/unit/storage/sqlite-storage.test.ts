import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { DEFAULT_CHOSEN } from '../../../src/core/limits.ts';
import { StartError } from '../../../src/core/start-error.ts';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import { fill, logLine, newVersion, plain, temporaryFolder } from '../../conformance/storage/fixtures.ts';

test('the files are readable by their owner only', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const storage = await openSqliteStorage(dataDir);
  t.after(() => storage.close());
  await storage.functions.addVersion(newVersion(), new Map());
  await storage.logs.append([logLine(1)]);
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

test('a second opening of one folder is refused', async (t) => {
  const dataDir = temporaryFolder(t);
  const first = await openSqliteStorage(dataDir);
  await assert.rejects(openSqliteStorage(dataDir), /another Cordon/);
  await first.close();
  await (await openSqliteStorage(dataDir)).close();
});

test('nothing has to be told to other nodes, because there are none', async (t) => {
  const storage = await openSqliteStorage(temporaryFolder(t));
  t.after(() => storage.close());
  storage.changes.subscribe(() => assert.fail('a change of its own'));
  await fill(storage, 'acme');
  assert.equal(storage.changes.staleMs(), 0);
});

test('a backup is a data directory of its own, made while everything goes on', async (t) => {
  const folder = temporaryFolder(t);
  const storage = await openSqliteStorage(join(folder, 'data'));
  t.after(() => storage.close());
  await fill(storage, 'acme');
  const code = Buffer.alloc(5_000_000, 7);
  await storage.functions.addVersion(
    newVersion({ name: 'large', artifact: { ...newVersion().artifact, code } }),
    new Map(),
  );
  const before = await storage.functions.routed();
  const directory = join(folder, 'backup');
  const made = storage.backup(directory);
  const later = storage.functions.addVersion(newVersion({ name: 'later' }), new Map());
  await Promise.all([made, later]);
  assert.deepEqual(readdirSync(directory).sort(), ['cordon.db', 'logs.db']);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const file of readdirSync(directory)) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600);
  const restored = await openSqliteStorage(directory);
  t.after(() => restored.close());
  const { records, versions } = await restored.functions.routed();
  const isOld = ({ name }: { readonly name: string }): boolean => name !== 'later';
  assert.deepEqual(plain(records.filter(isOld)), plain(before.records));
  assert.deepEqual(plain(versions.filter(isOld)), plain(before.versions));
  assert.equal((await restored.logs.read({ tenant: 'acme', name: 'hello', afterId: null, limit: 9 })).length, 1);
});

test('a backup never touches what is there already', async (t) => {
  const folder = temporaryFolder(t);
  const storage = await openSqliteStorage(join(folder, 'data'));
  t.after(() => storage.close());
  mkdirSync(join(folder, 'there'));
  await assert.rejects(
    storage.backup(join(folder, 'there')),
    (error) => error instanceof StartError && /is there already/.test(error.message),
  );
  await assert.rejects(storage.backup(join(folder, 'no', 'parent')), StartError);
  assert.deepEqual(readdirSync(folder).sort(), ['data', 'there']);
  assert.ok(!existsSync(join(folder, 'no')));
});

/** As the first release wrote it, in its own words. */
const FIRST_RELEASE = `
CREATE TABLE "cordon_migration" ("name" varchar(255) not null primary key, "timestamp" varchar(255) not null);
CREATE TABLE "cordon_migration_lock" ("id" varchar(255) not null primary key, "is_locked" integer default 0 not null);
CREATE TABLE "functions" ("tenant" text not null, "name" text not null, "last_number" integer not null, "live_number" integer, "created_ms" bigint not null, constraint "functions_pk" primary key ("tenant", "name"));
CREATE TABLE "versions" ("tenant" text not null, "name" text not null, "number" integer not null, "hash" text not null, "tier" text not null, "cordon" text not null, "handler" text not null, "handler_name" text not null, "limits" text not null, "env" text not null, "request_body" text not null, "pass_authorization" integer not null, "artifact_format" text not null, "artifact_interleaves" integer not null, "deployed_ms" bigint not null, constraint "versions_pk" primary key ("tenant", "name", "number"), constraint "versions_function_fk" foreign key ("tenant", "name") references "functions" ("tenant", "name"));
CREATE TABLE "artifacts" ("tenant" text not null, "name" text not null, "number" integer not null, "code" blob not null, "cache" blob, constraint "artifacts_pk" primary key ("tenant", "name", "number"), constraint "artifacts_version_fk" foreign key ("tenant", "name", "number") references "versions" ("tenant", "name", "number") on delete cascade);
CREATE TABLE "sources" ("tenant" text not null, "name" text not null, "number" integer not null, "path" text not null, "content" blob not null, constraint "sources_pk" primary key ("tenant", "name", "number", "path"), constraint "sources_version_fk" foreign key ("tenant", "name", "number") references "versions" ("tenant", "name", "number") on delete cascade);
INSERT INTO cordon_migration VALUES ('0001_functions', '2026-05-01T00:00:00.000Z');
INSERT INTO cordon_migration_lock VALUES ('migration_lock', 0);
INSERT INTO functions VALUES ('acme', 'hello', 3, 3, 1700000000000), ('acme', 'gone', 7, NULL, 1700000000000);
INSERT INTO versions VALUES ('acme', 'hello', 3, 'sha256-x', 'isolate', 'tenant', 'module', 'handler', '{"timeoutMs":1000}', '{"A":"b"}', 'buffer', 0, 'script', 1, 1700000000001);
INSERT INTO artifacts VALUES ('acme', 'hello', 3, x'636f6465', NULL);
INSERT INTO sources VALUES ('acme', 'hello', 3, 'index.ts', x'31');
`;

test('a data directory of the first release opens with all that was in it', async (t) => {
  const dataDir = temporaryFolder(t);
  const old = new DatabaseSync(join(dataDir, 'cordon.db'));
  old.exec(FIRST_RELEASE);
  old.close();
  const { functions, tenants, close } = await openSqliteStorage(dataDir);
  t.after(close);
  const record = plain((await functions.find('acme', 'hello'))!);
  assert.match(record.id, /^[0-9a-f]{8}-/);
  const { live, id: _id, ...rest } = record;
  assert.deepEqual(rest, {
    ...{ tenant: 'acme', name: 'hello', active: true, trigger: { kind: 'http', pattern: null } },
    ...{ publicDomain: null, publicDomainApproved: false, canary: null, aliases: {}, previousNumber: null },
    ...{ revision: 1, createdMs: 1_700_000_000_000, updatedMs: 1_700_000_000_000 },
  });
  assert.deepEqual(live, {
    ...{ number: 3, hash: 'sha256-x', tier: 'isolate', cordon: 'tenant', handler: 'module', handlerName: 'handler' },
    ...{
      limits: { ...DEFAULT_CHOSEN, timeoutMs: 1000 },
      requestBody: 'buffer',
      passAuthorization: false,
      verifyJwt: true,
      cors: null,
    },
    ...{ egress: { allow: null, refusal: 'throw' }, env: { A: 'b' }, grant: null, codeBytes: 4 },
    ...{
      capabilities: ['db', 'email', 'kv', 'publish'],
      codeGeneration: false,
      minimumWall: null,
      runtime: 'javascript',
    },
    ...{ createdBy: 'operator', reviewed: true, createdMs: 1_700_000_000_001 },
  });
  assert.equal(Buffer.from((await functions.version('acme', 'hello', 3))!.artifact.code).toString(), 'code');
  assert.deepEqual([...(await functions.sources('acme', 'hello', 3)).keys()], ['index.ts']);
  assert.equal(await functions.find('acme', 'gone'), null);
  assert.equal((await functions.addVersion(newVersion({ name: 'gone' }), new Map())).added.number, 8);
  assert.equal((await functions.addVersion(newVersion(), new Map())).previousNumber, 3);
  assert.deepEqual(
    (await tenants.list()).map(({ name }) => name),
    ['acme', 'default'],
  );
});
