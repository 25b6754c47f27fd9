import { after, test } from 'node:test';
import { NO_POSTGRES, startPostgres } from '../support/postgres.ts';
import { POSTGRES } from './postgres-engine.ts';
import { storageConformance } from './storage.ts';

// Held, so that the cluster stays for all tests of this file.
const postgres = await startPostgres();

if (postgres === null) test('storage on PostgreSQL', { skip: NO_POSTGRES });
else {
  after(() => postgres.stop());
  storageConformance(POSTGRES);
}
