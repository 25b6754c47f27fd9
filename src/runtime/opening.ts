/** Opening: the parts of a host that take a few steps to open: the database, what it seals, what several nodes count. */

import { Pool } from 'pg';
import { loadMasterKey, loadPreviousMasterKey } from '../capabilities/secrets/master-key.ts';
import { Variables } from '../capabilities/secrets/variables.ts';
import { openVault } from '../capabilities/secrets/vault.ts';
import type { Config } from '../config.ts';
import type { RateLimits } from '../core/rate-limit.ts';
import type { Route } from '../core/route.ts';
import { createRateLimits } from '../gateway/rate-limits.ts';
import type { Routes } from '../gateway/routes.ts';
import { openPostgresStorage } from '../storage/postgres-storage.ts';
import { openSqliteStorage } from '../storage/sqlite-storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { TriggerBook } from '../triggers/trigger-book.ts';
import type { Closers } from './closers.ts';

const RATE_CONNECTIONS = 4;

/** Where several nodes count together, in the database that they share. */
export async function openRateLimits(
  { databaseUrl }: Config,
  report: (error: unknown) => void,
  closers: Closers,
): Promise<RateLimits> {
  if (databaseUrl === null) return createRateLimits(null);
  const pool = new Pool({ connectionString: databaseUrl, max: RATE_CONNECTIONS }).on('error', report);
  closers.add(() => pool.end());
  return createRateLimits(pool);
}

export function openStorage(config: Config): Promise<Storage> {
  return config.databaseUrl === null ? openSqliteStorage(config.dataDir) : openPostgresStorage(config.databaseUrl);
}

export async function openVariables(config: Config, storage: Storage): Promise<Variables> {
  const { masterKey, masterKeyFile, previousMasterKeyFile, dataDir, functionEnv } = config;
  const master = loadMasterKey({ key: masterKey, file: masterKeyFile, dataDir });
  const previous = previousMasterKeyFile === null ? [] : [loadPreviousMasterKey(previousMasterKeyFile)];
  const vault = await openVault({ store: storage.variables, master, previous });
  return new Variables({ store: storage.variables, vault, platform: functionEnv });
}

type Book = Pick<TriggerBook, 'load' | 'set' | 'remove'>;

/** What finds functions for requests, for events and times, and what keeps them standing, hear of the same changes. */
export function allOf(routes: Routes, ...books: readonly Book[]): Pick<Routes, 'load' | 'set' | 'remove'> {
  return {
    load(all: Iterable<Route>) {
      const list = [...all];
      routes.load(list);
      for (const book of books) book.load(list);
    },
    set(route) {
      for (const book of books) book.set(route);
      return routes.set(route);
    },
    remove(tenant, name) {
      for (const book of books) book.remove(tenant, name);
      return routes.remove(tenant, name);
    },
  };
}
