/** Writes: additions, completions, failures and extensions, as many as came together in one transaction. */

import { sql } from 'kysely';
import type { Kysely, RawBuilder } from 'kysely';
import { Fault } from '../../core/faults.ts';
import type { LeasedJob, NewJob } from '../../core/queue.ts';
import { holdsTenant, inTransaction, isHindered } from '../database.ts';
import type { Database, MainTransaction } from '../database.ts';
import type { MainSchema } from '../schema.ts';
import { errorText, keysOf, laneOf } from './jobs.ts';
import { lockKeys, promote } from './keys.ts';
import { nowOf, records } from './records.ts';

export type Write =
  | { readonly kind: 'add'; readonly jobs: readonly NewJob[] }
  | { readonly kind: 'complete'; readonly job: LeasedJob }
  | { readonly kind: 'fail'; readonly job: LeasedJob; readonly error: string; readonly retryAtMs: number | null }
  | { readonly kind: 'extend'; readonly job: LeasedJob; readonly leaseMs: number };

type Of<K extends Write['kind']> = Extract<Write, { readonly kind: K }>;

export interface Written {
  /** Of each: how many jobs were new; whether the lease had not ended; or an error. */
  readonly results: readonly (number | boolean | Error)[];
  /** Something may have become due. */
  readonly isWork: boolean;
}

export async function commitWrites(database: Database, writes: readonly Write[]): Promise<Written> {
  const written = await commitAtOnce(database, writes).catch((error: unknown) => {
    if (isHindered(error)) return null;
    throw error;
  });
  return written ?? commitInTransaction(database, writes);
}

/**
 * Writes of one kind and without keys are one statement, which needs no transaction around it: on PostgreSQL one round trip
 * where there would be five. Null: they are not, or the statement has left them alone.
 */
async function commitAtOnce(database: Database, writes: readonly Write[]): Promise<Written | null> {
  const { kind } = writes[0]!;
  if (writes.some((write) => write.kind !== kind || jobsOf(write).some(({ key }) => key !== null))) return null;
  if (kind === 'add') return database.engine === 'postgres' ? addAtOnce(database, of(writes, 'add')) : null;
  if (kind === 'fail') return null;
  // An end that is lost with the power is a job that comes again, as any may.
  const held = await database.relaxed((on) =>
    kind === 'complete' ? complete(database, on, of(writes, 'complete')) : extend(database, on, of(writes, 'extend')),
  );
  return { results: writes.map((write) => write.kind !== 'add' && held.has(leaseOf(write.job))), isWork: false };
}

/** Where nothing was new, or a tenant's row is missing, the transaction says which. */
async function addAtOnce(database: Database, writes: readonly Of<'add'>[]): Promise<Written | null> {
  const { main } = database;
  const jobs = writes.flatMap((write) => write.jobs);
  const isNew = await insert(database, main, jobs, [...new Set(jobs.map(({ tenant }) => tenant))]);
  if (isNew.size === 0) return null;
  // A notice that is lost is made up for: every node looks for work by itself as well.
  database.announceWork(main).catch(() => {});
  return { results: writes.map((write) => write.jobs.filter(({ id }) => isNew.delete(id)).length), isWork: true };
}

function commitInTransaction(database: Database, writes: readonly Write[]): Promise<Written> {
  return inTransaction(database, async (trx) => {
    const keys = keysOf(writes.flatMap(jobsOf));
    await lockKeys(database, trx, keys);
    const added = await add(database, trx, of(writes, 'add'));
    const held = {
      complete: await complete(database, trx, of(writes, 'complete')),
      fail: await fail(database, trx, of(writes, 'fail')),
      extend: await extend(database, trx, of(writes, 'extend')),
    };
    const promoted = await promote(database, trx, keys);
    const results = writes.map((write) =>
      write.kind === 'add' ? added.get(write)! : held[write.kind].has(leaseOf(write.job)),
    );
    const isWork = promoted > 0 || writes.some((write, index) => isWorkOf(write, results[index]));
    if (isWork) await database.announceWork(trx);
    return { results, isWork };
  });
}

/** In a transaction of somebody else's, who announces it; of tenants that are there. Returns how many were new. */
export async function addJobs(database: Database, trx: MainTransaction, jobs: readonly NewJob[]): Promise<number> {
  const keys = keysOf(jobs);
  await lockKeys(database, trx, keys);
  const result = (await add(database, trx, [{ kind: 'add', jobs }])).values().next().value!;
  if (result instanceof Error) throw result;
  await promote(database, trx, keys);
  return result;
}

const of = <K extends Write['kind']>(writes: readonly Write[], kind: K): readonly Of<K>[] =>
  writes.filter((write): write is Of<K> => write.kind === kind);

const jobsOf = (write: Write): readonly NewJob[] => (write.kind === 'add' ? write.jobs : [write.job]);

/** Nobody has two leases of the same name at a time. */
const leaseOf = ({ id, lease }: Lease): string => `${lease} ${id}`;

function isWorkOf(write: Write, result: unknown): boolean {
  if (write.kind === 'add') return typeof result === 'number' && result > 0;
  return write.kind === 'fail' && write.retryAtMs !== null && result === true;
}

async function add(
  database: Database,
  trx: MainTransaction,
  writes: readonly Of<'add'>[],
): Promise<Map<Of<'add'>, number | Error>> {
  const gone = await goneTenants(
    database,
    trx,
    new Set(writes.flatMap(({ jobs }) => jobs.map(({ tenant }) => tenant))),
  );
  const refused = (write: Of<'add'>): NewJob | undefined => write.jobs.find(({ tenant }) => gone.has(tenant));
  const isNew = await insert(
    database,
    trx,
    writes.filter((write) => refused(write) === undefined).flatMap(({ jobs }) => jobs),
  );
  return new Map(
    writes.map((write): [Of<'add'>, number | Error] => {
      const job = refused(write);
      if (job !== undefined) return [write, new Fault('NOT_FOUND', `There is no tenant ${JSON.stringify(job.tenant)}`)];
      // An id that came twice was new once.
      return [write, write.jobs.filter(({ id }) => isNew.delete(id)).length];
    }),
  );
}

/** Those that were erased. The others are held until the transaction ends, so that nothing of an erased tenant's is left. */
async function goneTenants(
  database: Database,
  trx: MainTransaction,
  tenants: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  if (tenants.size === 0) return tenants;
  const rows = await trx
    .selectFrom('tenants')
    .select('name')
    .where('name', 'in', [...tenants])
    .$if(database.engine === 'postgres', (query) => query.forKeyShare())
    .execute();
  const gone = new Set<string>();
  for (const tenant of tenants.difference(new Set(rows.map(({ name }) => name)))) {
    if (!(await holdsTenant(database, trx, tenant))) gone.add(tenant);
  }
  return gone;
}

const NEW_COLUMNS = {
  id: 'text',
  tenant: 'text',
  function_name: 'text',
  lane: 'text',
  kind: 'text',
  payload: 'text',
  key: 'text',
  run_at_ms: 'bigint',
  max_attempts: 'bigint',
  place: 'bigint',
} as const;

/**
 * Those with a key wait behind the others of it, until {@link promote}. Where tenants are given it holds their rows, and
 * inserts nothing unless all of them are there. Returns the ids that were new.
 */
async function insert(
  { engine }: Database,
  on: Kysely<MainSchema>,
  jobs: readonly NewJob[],
  tenants: readonly string[] = [],
): Promise<Set<string>> {
  if (jobs.length === 0) return new Set();
  const values = jobs.map((job, place) => ({
    id: job.id,
    tenant: job.tenant,
    function_name: job.functionName,
    lane: laneOf(job.tenant, job.functionName),
    kind: job.kind,
    payload: job.payload,
    key: job.key,
    run_at_ms: job.runAtMs,
    max_attempts: job.maxAttempts,
    place,
  }));
  const held = sql`with held as materialized (select name from tenants where name = any(${tenants}::text[]) for key share)`;
  const areHeld = sql`(select count(*) from held) = ${tenants.length}`;
  const { rows } = await sql<{ id: string }>`
    ${tenants.length === 0 ? sql`` : held}
    insert into queue_jobs (id, tenant, function_name, lane, kind, payload, key, state, run_at_ms, due_ms, attempts,
      max_attempts, added_ms)
    select r.id, r.tenant, r.function_name, r.lane, r.kind, r.payload, r.key,
      case when r.key is null then 'ready' else 'behind' end, r.run_at_ms, r.run_at_ms, 0, r.max_attempts, ${nowOf(engine)}
    from ${records(engine, 'r', NEW_COLUMNS, values)}
    where ${tenants.length === 0 ? sql`true` : areHeld}
    order by r.place
    on conflict (id) do nothing
    returning id
  `.execute(on);
  return new Set(rows.map(({ id }) => id));
}

const LEASE_COLUMNS = { id: 'text', lease: 'text' } as const;

interface Lease {
  readonly id: string;
  readonly lease: string;
}

/** Its payload goes at once; its id stays, so that it is not added again. Returns the leases that had not ended. */
async function complete(
  { engine }: Database,
  on: Kysely<MainSchema>,
  writes: readonly Of<'complete'>[],
): Promise<ReadonlySet<string>> {
  if (writes.length === 0) return NONE;
  const values = writes.map(({ job: { id, lease } }) => ({ id, lease }));
  const { rows } = await sql<Lease>`
    update queue_jobs set state = 'done', ended_ms = ${nowOf(engine)}, payload = '', last_error = null
    from ${records(engine, 'r', LEASE_COLUMNS, values)}
    where ${holds(engine)}
    returning queue_jobs.id, queue_jobs.lease
  `.execute(on);
  return new Set(rows.map(leaseOf));
}

const EXTENDED_COLUMNS = { ...LEASE_COLUMNS, lease_ms: 'bigint' } as const;

async function extend(
  { engine }: Database,
  on: Kysely<MainSchema>,
  writes: readonly Of<'extend'>[],
): Promise<ReadonlySet<string>> {
  if (writes.length === 0) return NONE;
  const values = writes.map(({ job: { id, lease }, leaseMs }) => ({ id, lease, lease_ms: leaseMs }));
  const { rows } = await sql<Lease>`
    update queue_jobs set due_ms = ${nowOf(engine)} + r.lease_ms
    from ${records(engine, 'r', EXTENDED_COLUMNS, values)}
    where ${holds(engine)}
    returning queue_jobs.id, queue_jobs.lease
  `.execute(on);
  return new Set(rows.map(leaseOf));
}

const FAILED_COLUMNS = { id: 'text', error: 'text', retry_at_ms: 'bigint' } as const;

async function fail(
  database: Database,
  trx: MainTransaction,
  writes: readonly Of<'fail'>[],
): Promise<ReadonlySet<string>> {
  // The update makes an end of the lease, and could not say any more which one it was.
  const held = await lockHeld(database, trx, writes);
  if (held.size === 0) return held;
  const { engine } = database;
  const values = writes
    .filter(({ job }) => held.has(leaseOf(job)))
    .map(({ job: { id }, error, retryAtMs }) => ({ id, error: errorText(error), retry_at_ms: retryAtMs }));
  await sql`
    update queue_jobs set
      state = case when r.retry_at_ms is null then 'dead' else 'ready' end,
      ended_ms = case when r.retry_at_ms is null then ${nowOf(engine)} end,
      run_at_ms = coalesce(r.retry_at_ms, run_at_ms),
      due_ms = coalesce(r.retry_at_ms, due_ms),
      lease = null,
      last_error = r.error
    from ${records(engine, 'r', FAILED_COLUMNS, values)}
    where queue_jobs.id = r.id
  `.execute(trx);
  return held;
}

async function lockHeld(
  { engine }: Database,
  trx: MainTransaction,
  writes: readonly Of<'fail'>[],
): Promise<ReadonlySet<string>> {
  if (writes.length === 0) return NONE;
  const values = writes.map(({ job: { id, lease } }) => ({ id, lease }));
  const { rows } = await sql<Lease>`
    select queue_jobs.id, queue_jobs.lease
    from queue_jobs, ${records(engine, 'r', LEASE_COLUMNS, values)}
    where ${holds(engine)}
    ${engine === 'postgres' ? sql`for update of queue_jobs` : sql``}
  `.execute(trx);
  return new Set(rows.map(leaseOf));
}

const NONE: ReadonlySet<string> = new Set();

/** Who comes after its end is late, even where nobody else has the job yet. */
const holds = (engine: Database['engine']): RawBuilder<boolean> =>
  sql`queue_jobs.id = r.id and queue_jobs.lease = r.lease
    and queue_jobs.state = 'ready' and queue_jobs.due_ms > ${nowOf(engine)}`;
