/** The queue's jobs, and the outbox by which a transaction of somebody else's publishes an event. */

import { sql } from 'kysely';
import type { CreateTableBuilder, Kysely, RawBuilder } from 'kysely';
import type { ColumnTypes, Engine } from './column-types.ts';

export async function createQueue(db: Kysely<unknown>, types: ColumnTypes, engine: Engine): Promise<void> {
  await createJobs(db, types);
  await createOutbox(db, types);
  if (engine === 'postgres') await createPublish(db);
}

const notNull = (column: { notNull(): unknown }): never => column.notNull() as never;

async function createJobs(db: Kysely<unknown>, { text, bigint, integer, serial }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('queue_jobs')
    .addColumn('seq', serial)
    .addColumn('id', text, notNull)
    .addColumn('tenant', text, notNull)
    .addColumn('function_name', text, notNull)
    .addColumn('lane', text, notNull)
    .addColumn('kind', text, notNull)
    .addColumn('payload', text, notNull)
    .addColumn('key', text)
    .addColumn('state', text, notNull)
    .addColumn('run_at_ms', bigint, notNull)
    .addColumn('due_ms', bigint, notNull)
    .addColumn('lease', text)
    .addColumn('attempts', integer, notNull)
    .addColumn('max_attempts', integer, notNull)
    .addColumn('added_ms', bigint, notNull)
    .addColumn('ended_ms', bigint)
    .addColumn('last_error', text)
    .execute();
  // Each holds only the jobs of one state, so that those which are remembered cost a worker nothing.
  for (const index of JOB_INDEXES) await index.execute(db);
}

const JOB_INDEXES: readonly RawBuilder<unknown>[] = [
  sql`create unique index queue_jobs_by_id on queue_jobs (id)`,
  sql`create index queue_jobs_by_lane on queue_jobs (lane, due_ms, seq) where state = 'ready'`,
  sql`create index queue_jobs_by_due on queue_jobs (due_ms) where state = 'ready'`,
  sql`create index queue_jobs_leased on queue_jobs (due_ms) where state = 'ready' and lease is not null`,
  sql`create unique index queue_jobs_first_of_key on queue_jobs (lane, key) where state = 'ready' and key is not null`,
  sql`create index queue_jobs_behind on queue_jobs (lane, key, seq) where state = 'behind'`,
  sql`create index queue_jobs_dead on queue_jobs (tenant, ended_ms, seq) where state = 'dead'`,
  sql`create index queue_jobs_done on queue_jobs (ended_ms) where state = 'done'`,
];

async function createOutbox(db: Kysely<unknown>, { text, bigint, serial }: ColumnTypes): Promise<void> {
  const table: CreateTableBuilder<string, string> = db.schema
    .createTable('event_outbox')
    .addColumn('seq', serial)
    .addColumn('id', text, notNull)
    .addColumn('tenant', text, notNull)
    .addColumn('channel', text, notNull)
    .addColumn('data', text, notNull)
    .addColumn('added_ms', bigint, notNull);
  await table.execute();
}

/**
 * Runs as its owner, so that who may call it needs no right to the tables; and names all it uses in full, so that nothing
 * of the caller's can stand in for it. Nobody may call it until the operator says so.
 */
async function createPublish(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]!.schema;
  const body = PUBLISH.replaceAll('$schema', () => schema);
  await sql
    .raw(
      `create function ${schema}.cordon_publish(tenant text, channel text, data jsonb) returns text
       language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $publish$${body}$publish$`,
    )
    .execute(db);
  await sql.raw(`revoke all on function ${schema}.cordon_publish(text, text, jsonb) from public`).execute(db);
}

const PUBLISH = `
declare
  event_id text := gen_random_uuid()::text;
  body text := coalesce(data, 'null'::jsonb)::text;
begin
  perform 1 from $schema.tenants t where t.name = cordon_publish.tenant for key share;
  if not found then
    raise exception 'cordon_publish: there is no tenant %', coalesce(quote_literal(left(tenant, 80)), 'null')
      using errcode = 'invalid_parameter_value';
  end if;
  if channel is null or length(channel) > 256
    or channel !~ '^[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+){0,15}$' or channel ~ '\\n' then
    raise exception 'cordon_publish: % is no channel: up to 16 segments of letters, digits and _.- with : between, 256 in all',
      coalesce(quote_literal(left(channel, 300)), 'null') using errcode = 'invalid_parameter_value';
  end if;
  if octet_length(body) > 262144 then
    raise exception 'cordon_publish: the data has % bytes as JSON, and may have 262144', octet_length(body)
      using errcode = 'program_limit_exceeded';
  end if;
  insert into $schema.event_outbox (id, tenant, channel, data, added_ms)
    values (event_id, cordon_publish.tenant, cordon_publish.channel, body,
      (extract(epoch from clock_timestamp()) * 1000)::bigint);
  perform pg_notify('cordon_work', '');
  return event_id;
end
`;
