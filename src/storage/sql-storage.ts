/** SQL storage: the {@link Storage} seam, each store written once, in kysely, for whichever engine is behind it. */

import { createAuditStore } from './audit-store.ts';
import { createCronStore } from './cron-store.ts';
import type { Database } from './database.ts';
import { createDeploymentStore } from './deployment-store.ts';
import { createFunctionStore } from './functions/functions-store.ts';
import { createIdempotencyStore } from './idempotency-store.ts';
import { createItemStore } from './items-store.ts';
import { createKvStore } from './kv-store.ts';
import { createLogStore } from './log-store.ts';
import { createOutbox } from './queue/outbox.ts';
import { QueueStore } from './queue/queue-store.ts';
import { createResultStore } from './result-store.ts';
import { createServiceStore } from './service-store.ts';
import type { Storage } from './storage.ts';
import { createTenantStore } from './tenant-store.ts';
import { createTokenStore } from './token-store.ts';
import { createUsageStore } from './usage-store.ts';
import { createVariableStore } from './variable-store.ts';

/** The database is migrated already; closing the storage closes it. */
export function createSqlStorage(database: Database): Storage {
  const queue = new QueueStore(database);
  return {
    engine: database.engine,
    functions: createFunctionStore(database),
    deployments: createDeploymentStore(database),
    services: createServiceStore(database),
    tenants: createTenantStore(database),
    tokens: createTokenStore(database),
    variables: createVariableStore(database),
    audit: createAuditStore(database),
    idempotency: createIdempotencyStore(database),
    results: createResultStore(database),
    queue,
    outbox: createOutbox(database, queue),
    kv: createKvStore(database),
    items: createItemStore(database),
    cron: createCronStore(database),
    usage: createUsageStore(database),
    logs: createLogStore(database),
    changes: database.changes,
    backup: (directory) => database.backup(directory),
    close: () => database.close(),
  };
}
