/** What the control plane keeps: tenants, tokens, variables, services and so on, and more of each function and version. */

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { CreateTableBuilder, Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createControlPlane(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await extendFunctions(db, types);
  await extendVersions(db, types);
  await createTables(db, types);
  await fillTenants(db);
}

async function extendFunctions(db: Kysely<unknown>, { text, integer, bigint, double }: ColumnTypes): Promise<void> {
  const add = (): ReturnType<typeof db.schema.alterTable> => db.schema.alterTable('functions');
  await add().addColumn('id', text).execute();
  await add().addColumn('previous_number', integer).execute();
  await add()
    .addColumn('active', integer, (c) => c.notNull().defaultTo(1))
    .execute();
  await add()
    .addColumn('trigger_kind', text, (c) => c.notNull().defaultTo('http'))
    .execute();
  await add().addColumn('trigger_pattern', text).execute();
  await add().addColumn('public_domain', text).execute();
  await add()
    .addColumn('public_domain_approved', integer, (c) => c.notNull().defaultTo(0))
    .execute();
  await add().addColumn('canary_number', integer).execute();
  await add().addColumn('canary_weight', double).execute();
  await add().addColumn('canary_started_ms', bigint).execute();
  await add()
    .addColumn('revision', integer, (c) => c.notNull().defaultTo(1))
    .execute();
  await add()
    .addColumn('updated_ms', bigint, (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.createIndex('functions_by_domain').unique().on('functions').column('public_domain').execute();
  await identifyFunctions(db);
}

interface Filled {
  functions: { tenant: string; name: string; id: string | null; live_number: number | null; updated_ms: number };
  tenants: { name: string; created_ms: number };
}

/** Until then a function without a live version was one that had been deleted. */
async function identifyFunctions(db: Kysely<Filled>): Promise<void> {
  const found = await db
    .selectFrom('functions')
    .select(['tenant', 'name'])
    .where('live_number', 'is not', null)
    .execute();
  for (const { tenant, name } of found) {
    await db
      .updateTable('functions')
      .set({ id: randomUUID(), updated_ms: sql<number>`created_ms` })
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .execute();
  }
}

async function extendVersions(db: Kysely<unknown>, { text, integer }: ColumnTypes): Promise<void> {
  const add = (): ReturnType<typeof db.schema.alterTable> => db.schema.alterTable('versions');
  await add().addColumn('env_grant', text).execute();
  await add()
    .addColumn('verify_jwt', integer, (c) => c.notNull().defaultTo(1))
    .execute();
  await add().addColumn('cors', text).execute();
  await add()
    .addColumn('egress', text, (c) => c.notNull().defaultTo('{"allow":null,"refusal":"throw"}'))
    .execute();
  await add()
    .addColumn('code_bytes', integer, (c) => c.notNull().defaultTo(0))
    .execute();
  await add()
    .addColumn('created_by', text, (c) => c.notNull().defaultTo('operator'))
    .execute();
  await add()
    .addColumn('reviewed', integer, (c) => c.notNull().defaultTo(1))
    .execute();
  await sql`update versions set code_bytes = (
    select octet_length(code) from artifacts a
    where a.tenant = versions.tenant and a.name = versions.name and a.number = versions.number
  )`.execute(db);
}

/** A column's name, its type, and whether it may be null. */
type Columns = Readonly<Record<string, readonly [type: keyof ColumnTypes, isNull?: 'null']>>;

interface NewTable {
  readonly columns: Columns;
  /** None: a column counts by itself. */
  readonly key?: readonly string[];
  readonly unique?: readonly (readonly string[])[];
  readonly indexes?: readonly (readonly string[])[];
}

const TABLES: Readonly<Record<string, NewTable>> = {
  tenants: {
    columns: {
      name: ['text'],
      quota_functions: ['integer', 'null'],
      quota_concurrency: ['integer', 'null'],
      suspended_ms: ['bigint', 'null'],
      created_ms: ['bigint'],
    },
    key: ['name'],
  },
  erased_tenants: { columns: { name: ['text'], last_number: ['integer'] }, key: ['name'] },
  aliases: {
    columns: { tenant: ['text'], name: ['text'], alias: ['text'], number: ['integer'] },
    key: ['tenant', 'name', 'alias'],
  },
  deployments: {
    columns: {
      id: ['text'],
      tenant: ['text'],
      function_name: ['text'],
      version: ['integer', 'null'],
      status: ['text'],
      phase: ['text'],
      error: ['text', 'null'],
      log: ['text'],
      node: ['bigint'],
      created_ms: ['bigint'],
      finished_ms: ['bigint', 'null'],
    },
    key: ['id'],
    indexes: [['tenant', 'function_name', 'created_ms'], ['status']],
  },
  services: {
    columns: {
      id: ['text'],
      tenant: ['text'],
      name: ['text'],
      function_name: ['text'],
      runtime: ['text'],
      handler: ['text'],
      public_domain: ['text', 'null'],
      memory_mb: ['integer'],
      cpu_shares: ['integer', 'null'],
      min_replicas: ['integer'],
      max_replicas: ['integer'],
      created_ms: ['bigint'],
      updated_ms: ['bigint'],
    },
    key: ['id'],
    unique: [
      ['tenant', 'name'],
      ['tenant', 'function_name'],
    ],
  },
  tokens: {
    columns: {
      id: ['text'],
      name: ['text'],
      tenant: ['text', 'null'],
      role: ['text'],
      hash: ['text'],
      created_ms: ['bigint'],
      expires_ms: ['bigint', 'null'],
      revoked_ms: ['bigint', 'null'],
      last_used_ms: ['bigint', 'null'],
    },
    key: ['id'],
    unique: [['hash']],
    indexes: [['tenant', 'created_ms']],
  },
  variables: {
    columns: {
      tenant: ['text'],
      function_name: ['text'],
      name: ['text'],
      is_secret: ['integer'],
      hosts: ['text'],
      key_id: ['text', 'null'],
      value: ['bytes'],
      updated_ms: ['bigint'],
    },
    key: ['tenant', 'function_name', 'name'],
    indexes: [['key_id']],
  },
  data_keys: {
    columns: {
      id: ['text'],
      master_key_id: ['text'],
      sealed: ['bytes'],
      created_ms: ['bigint'],
      retired_ms: ['bigint', 'null'],
    },
    key: ['id'],
  },
  audit: {
    columns: {
      id: ['serial'],
      time_ms: ['bigint'],
      actor: ['text'],
      action: ['text'],
      tenant: ['text', 'null'],
      target: ['text'],
      outcome: ['text'],
      details: ['text'],
    },
    indexes: [['tenant', 'id'], ['time_ms']],
  },
  idempotency: {
    columns: {
      tenant: ['text'],
      key: ['text'],
      fingerprint: ['text'],
      status: ['integer', 'null'],
      headers: ['text', 'null'],
      body: ['text', 'null'],
      node: ['bigint'],
      claimed_ms: ['bigint'],
    },
    key: ['tenant', 'key'],
    indexes: [['claimed_ms']],
  },
  results: {
    columns: {
      id: ['text'],
      tenant: ['text'],
      function_name: ['text'],
      version: ['integer'],
      status: ['text'],
      response_status: ['integer', 'null'],
      response_headers: ['text', 'null'],
      response_body: ['bytes', 'null'],
      fault_code: ['text', 'null'],
      fault_message: ['text', 'null'],
      node: ['bigint'],
      created_ms: ['bigint'],
      finished_ms: ['bigint', 'null'],
    },
    key: ['id'],
    indexes: [['tenant', 'function_name'], ['created_ms'], ['status']],
  },
};

async function createTables(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  for (const [name, { columns, key, unique = [], indexes = [] }] of Object.entries(TABLES)) {
    let table: CreateTableBuilder<string, string> = db.schema.createTable(name);
    for (const [column, [type, isNull]] of Object.entries(columns)) {
      const isNullable = isNull === 'null' || type === 'serial';
      table = table.addColumn(column, types[type], (c) => (isNullable ? c : c.notNull()));
    }
    if (key !== undefined) table = table.addPrimaryKeyConstraint(`${name}_pk`, [...key]);
    // A version that an alias names goes only with its function.
    if (name === 'aliases') table = table.addForeignKeyConstraint(...ALIASED_VERSION, (c) => c.onDelete('cascade'));
    await table.execute();
    for (const of of unique) {
      await db.schema
        .createIndex(indexName(name, of))
        .unique()
        .on(name)
        .columns([...of])
        .execute();
    }
    for (const of of indexes) {
      await db.schema
        .createIndex(indexName(name, of))
        .on(name)
        .columns([...of])
        .execute();
    }
  }
}

const VERSION_KEY = ['tenant', 'name', 'number'];
const ALIASED_VERSION: [string, string[], string, string[]] = [
  'aliases_version_fk',
  VERSION_KEY,
  'versions',
  VERSION_KEY,
];

const indexName = (table: string, columns: readonly string[]): string => `${table}_by_${columns.join('_and_')}`;

/** Before there were tenants, whoever deployed for one made it. */
async function fillTenants(db: Kysely<Filled>): Promise<void> {
  const found = await db.selectFrom('functions').select('tenant').distinct().execute();
  const names = new Set(['default', ...found.map(({ tenant }) => tenant)]);
  const created_ms = Date.now();
  for (const name of names) await db.insertInto('tenants').values({ name, created_ms }).execute();
}
