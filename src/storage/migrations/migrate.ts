/**
 * Migrations: how a schema came to be, step by step, in code, so that they ship with whatever needs them. A step that
 * has been released never changes; a new one is appended. PostgreSQL has one database where SQLite has two files, so the
 * numbers of both files are one row: the next step has a number that neither has.
 */

import { Migrator } from 'kysely/migration';
import type { Kysely } from 'kysely';
import { StartError } from '../../core/start-error.ts';
import { createFunctions } from './0001-functions.ts';
import { createLogs } from './0001-logs.ts';
import { createControlPlane } from './0002-control-plane.ts';
import { createSourceMaps } from './0003-source-maps.ts';
import { createCapabilities } from './0004-capabilities.ts';
import { createQueue } from './0005-queue.ts';
import { createCapabilitiesData } from './0006-capabilities-data.ts';
import { createCron } from './0007-cron.ts';
import { createMinimumWall } from './0008-minimum-wall.ts';
import { createUsage } from './0009-usage.ts';
import { createRuntime } from './0010-runtime.ts';
import { COLUMN_TYPES } from './column-types.ts';
import type { ColumnTypes, Engine } from './column-types.ts';

type Step = (db: Kysely<unknown>, types: ColumnTypes, engine: Engine) => Promise<void>;

export type Steps = Readonly<Record<string, Step>>;

export const MAIN_STEPS: Steps = {
  '0001_functions': createFunctions,
  '0002_control_plane': createControlPlane,
  '0003_source_maps': createSourceMaps,
  '0004_capabilities': createCapabilities,
  '0005_queue': createQueue,
  '0006_capabilities_data': createCapabilitiesData,
  '0007_cron': createCron,
  '0008_minimum_wall': createMinimumWall,
  '0009_usage': createUsage,
  '0010_runtime': createRuntime,
};

export const LOG_STEPS: Steps = {
  '0001_logs': createLogs,
};

export const ALL_STEPS: Steps = { ...MAIN_STEPS, ...LOG_STEPS };

export interface MigrateOptions {
  readonly engine: Engine;
  readonly steps: Steps;
  /** Of PostgreSQL: where the tables are, should others of the same name be elsewhere. */
  readonly schema?: string;
}

const TABLE = 'cordon_migration';

/** Brings a database up to date. Throws a {@link StartError} for one that a later Cordon has written. */
export async function migrate<Schema>(db: Kysely<Schema>, { engine, steps, schema }: MigrateOptions): Promise<void> {
  await refuseTheFuture(db, steps);
  const types = COLUMN_TYPES[engine];
  const named = Object.entries(steps).map(([name, step]) => [
    name,
    { up: (on: Kysely<unknown>): Promise<void> => step(on, types, engine) },
  ]);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => Object.fromEntries(named) as Record<string, never> },
    migrationTableName: TABLE,
    migrationLockTableName: `${TABLE}_lock`,
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function refuseTheFuture<Schema>(db: Kysely<Schema>, steps: Steps): Promise<void> {
  const unknown = (await appliedSteps(db)).filter((name) => !Object.hasOwn(steps, name));
  if (unknown.length === 0) return;
  throw new StartError(
    `it was written by a later Cordon (${unknown.join(', ')}): start that one, or choose another CORDON_DATA_DIR or CORDON_DATABASE_URL`,
  );
}

async function appliedSteps<Schema>(db: Kysely<Schema>): Promise<string[]> {
  try {
    const rows = await (db as unknown as Kysely<{ [TABLE]: { name: string } }>)
      .selectFrom(TABLE)
      .select('name')
      .orderBy('name')
      .execute();
    return rows.map(({ name }) => name);
  } catch (error) {
    if (isMissingTable(error)) return [];
    throw error;
  }
}

function isMissingTable(error: unknown): boolean {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  return code === '42P01' || message.includes(`no such table: ${TABLE}`);
}
