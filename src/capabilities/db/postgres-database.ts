/**
 * PostgreSQL database: a user's own tables, read and written as the caller: in a transaction that has the caller's role and
 * JWT claims, so that the database's own grants and row-level security decide, as they do for PostgREST.
 */

import { Pool } from 'pg';
import type { PoolClient } from 'pg';
import { Fault } from '../../core/faults.ts';
import type { Item, Subject } from '../../core/items.ts';
import { seldom } from '../../lib/seldom.ts';
import { Catalogue } from './catalogue.ts';
import type { Database, Written } from './database.ts';
import { standingOf } from './permission.ts';
import type { Standing } from './permission.ts';
import { faultOfPostgres } from './postgres-faults.ts';
import { deleteStatement, insertStatement, oneStatement, selectStatement, updateStatement } from './statement.ts';
import type { Statement } from './statement.ts';

/** PostgreSQL's own names of roles. */
export type DatabaseRoles = Readonly<Record<Standing, string>>;

export interface PostgresOptions {
  readonly url: string;
  /** The one schema whose tables may be named. */
  readonly schema: string;
  readonly roles: DatabaseRoles;
  readonly statementTimeoutMs: number;
  /** Hears of what is wrong with the database, which functions are told nothing about. */
  report(error: unknown): void;
}

export interface PostgresDatabase extends Database {
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 8;
const CONNECT_MS = 5_000;
/** Of whoever waits for a lock or sends nothing. */
const IDLE_MARGIN_MS = 5_000;

export function createPostgresDatabase(given: PostgresOptions): PostgresDatabase {
  const options = { ...given, report: seldom(given.report) };
  const { url, schema, statementTimeoutMs, report } = options;
  const pool = new Pool({
    connectionString: url,
    application_name: 'cordon ctx.db',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    // Should the server not answer at all.
    query_timeout: statementTimeoutMs + IDLE_MARGIN_MS,
    keepAlive: true,
  });
  // A connection that is lost while nobody uses it is replaced when somebody needs one.
  pool.on('error', () => {});
  const catalogue = new Catalogue(pool, schema);

  /** Rejects with a Fault. */
  async function run(subject: Subject, isWrite: boolean, statement: () => Promise<Statement>): Promise<Item[]> {
    try {
      const { text, values } = await statement();
      const rows = await inTransaction(pool, options, subject, isWrite, (client) =>
        client.query<{ row: string | null }>(text, [...values]),
      );
      return rows.rows.map(({ row }) => itemOf(row));
    } catch (error) {
      throw faultOfPostgres(error, report);
    }
  }

  async function write(subject: Subject, statement: () => Promise<Statement>): Promise<Written | null> {
    const [item] = await run(subject, true, statement);
    return item === undefined ? null : { item, shown: item };
  }

  return {
    reservedFields: [],
    list: (subject, slug, query) =>
      run(subject, false, async () => selectStatement(schema, await catalogue.table(slug, query.fields ?? []), query)),
    async one(subject, slug, id) {
      const [item] = await run(subject, false, async () => oneStatement(schema, await catalogue.table(slug, []), id));
      return item ?? null;
    },
    async create(subject, slug, data) {
      const written = await write(subject, async () =>
        insertStatement(schema, await catalogue.table(slug, Object.keys(data)), data),
      );
      if (written === null) throw new Fault('FORBIDDEN', `A rule or a trigger of ${slug} kept nothing`);
      return written;
    },
    update: (subject, slug, id, changes) =>
      write(subject, async () =>
        updateStatement(schema, await catalogue.table(slug, Object.keys(changes)), id, changes),
      ),
    delete: (subject, slug, id) =>
      write(subject, async () => deleteStatement(schema, await catalogue.table(slug, []), id)),
    close: () => pool.end(),
  };
}

async function inTransaction<T>(
  pool: Pool,
  { roles, statementTimeoutMs, report }: PostgresOptions,
  subject: Subject,
  isWrite: boolean,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let isBroken = false;
  try {
    await client.query(isWrite ? 'begin read write' : 'begin read only');
    const role = roles[standingOf(subject)];
    await client
      .query(BECOME, [role, JSON.stringify(claimsOf(subject, role)), String(statementTimeoutMs)])
      .catch((error: Error) => {
        report(new Error(`CORDON_DB_URL: the role ${role} can't be taken: ${error.message}`, { cause: error }));
        throw new Fault('OVERLOADED', 'The database is not set up for this caller; the host log has the reason');
      });
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      isBroken = true;
    });
    throw error;
  } finally {
    // Nothing of one caller's may be left for the next.
    client.release(isBroken);
  }
}

/** Until the transaction ends, as `SET LOCAL` does it, but with values that are bound. */
const BECOME = `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),
  set_config('statement_timeout', $3, true), set_config('lock_timeout', $3, true)`;

/** What the policies of the database ask of: the claims of the JWT, or what stands for them. */
function claimsOf(subject: Subject, role: string): Readonly<Record<string, unknown>> {
  const { claims, id, email } = subject.principal;
  if (standingOf(subject) === 'anonymous') return { role };
  if (claims !== null) return { ...claims, role };
  return { role, ...(id === null ? {} : { sub: id }), ...(email === null ? {} : { email }) };
}

function itemOf(row: string | null): Item {
  if (row === null) throw new Fault('BAD_REQUEST', 'The rows have too many bytes: ask for less with limit or fields');
  return JSON.parse(row) as Item;
}
