/** PostgreSQL storage: one database for several nodes. */

import { randomInt } from 'node:crypto';
import { Client, Pool, types } from 'pg';
import type { ClientConfig } from 'pg';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { StartError } from '../core/start-error.ts';
import { bindable } from './bindable.ts';
import { MAX_NODE } from './database.ts';
import type { Database } from './database.ts';
import { ALL_STEPS, migrate } from './migrations/migrate.ts';
import { PostgresChanges, announce, announceWork, listeningNodes } from './postgres-changes.ts';
import type { LogSchema, MainSchema } from './schema.ts';
import { createSqlStorage } from './sql-storage.ts';
import type { Storage } from './storage.ts';

type Schema = MainSchema & LogSchema;

/** Connections for queries, besides the one that listens. */
const MAX_CONNECTIONS = 10;
const CONNECT_MS = 5_000;
/** A transaction of a node that hangs lets go of its rows after that. */
const IDLE_TRANSACTION_MS = 60_000;

/** So that nodes which start at once migrate one after the other: `cordonmg` in ASCII. */
const MIGRATION_LOCK = '7165064657925303655';

/** Throws a {@link StartError}. */
export async function openPostgresStorage(url: string): Promise<Storage> {
  return createSqlStorage(await openPostgresDatabase(url));
}

/** Brought up to date. Throws a {@link StartError}. */
export async function openPostgresDatabase(url: string): Promise<Database> {
  const place = placeOf(url);
  const node = randomInt(1, MAX_NODE);
  const config: ClientConfig = {
    connectionString: url,
    application_name: 'cordon',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types: { getTypeParser: typeParser },
  };
  let db: Kysely<Schema> | undefined;
  const changes = new PostgresChanges(config, node);
  try {
    db = connect(config);
    await prepare(db);
    await changes.start();
    return databaseOf(place, node, db, changes);
  } catch (error) {
    await Promise.all([changes.close(), db?.destroy()]);
    throw new StartError(`${place} can't be opened: ${reason(error)}`, { cause: error });
  }
}

function connect(config: ClientConfig): Kysely<Schema> {
  const pool = new Pool({
    ...config,
    Client: BindingClient,
    max: MAX_CONNECTIONS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
  });
  // A connection that is lost while nobody uses it is replaced when somebody needs one.
  pool.on('error', () => {});
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

async function prepare(db: Kysely<Schema>): Promise<void> {
  await db.connection().execute(async (guard) => {
    const { rows } = await sql<{ schema: string | null; encoding: string }>`
      select current_schema() as schema, current_setting('server_encoding') as encoding
    `.execute(guard);
    const { schema, encoding } = rows[0]!;
    if (schema === null) throw new StartError('its user has no schema to keep tables in');
    if (encoding !== 'UTF8') throw new StartError(`its encoding is ${encoding}, and has to be UTF8`);
    await sql`select pg_advisory_lock(${sql.lit(BigInt(MIGRATION_LOCK))})`.execute(guard);
    try {
      await migrate(db, { engine: 'postgres', steps: ALL_STEPS, schema });
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(BigInt(MIGRATION_LOCK))})`.execute(guard);
    }
  });
}

function databaseOf(place: string, node: number, db: Kysely<Schema>, changes: PostgresChanges): Database {
  return {
    engine: 'postgres',
    place,
    node,
    main: db,
    logs: db,
    relaxed: (work) => work(db),
    changes,
    announce: (trx, told) => announce(trx, node, told),
    announceWork: (on) => announceWork(on, node),
    onWork: (listener) => changes.onWork(listener),
    liveNodes: async (on) => [...(await listeningNodes(on)), node],
    backup: () =>
      Promise.reject(new StartError('A PostgreSQL database is backed up by its own tools: pg_dump, or a base backup')),
    async close() {
      await Promise.all([changes.close(), db.destroy()]);
    },
  };
}

/** Ids, ms and counts are below 2^53. */
const INT8 = 20;
const typeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser;

class BindingClient extends Client {}

const query = Client.prototype.query as (...given: unknown[]) => unknown;
BindingClient.prototype.query = function bound(this: Client, text: unknown, values: unknown, ...rest: unknown[]) {
  return query.call(this, text, Array.isArray(values) ? values.map(bindable) : values, ...rest);
} as Client['query'];

function placeOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new StartError('CORDON_DATABASE_URL has to be a URL that begins with postgres:// or postgresql://');
  }
  parsed.password = '';
  // A password may stand here too.
  parsed.search = '';
  return parsed.href;
}

function reason(error: unknown): string {
  const { message, code, errors } = error as NodeJS.ErrnoException & { readonly errors?: readonly Error[] };
  // Node tries every address of a name, and says what came of each.
  const said = errors === undefined ? message : errors.map((each) => each.message).join(', ');
  return error instanceof StartError ? said : `PostgreSQL says "${said || code}"`;
}
