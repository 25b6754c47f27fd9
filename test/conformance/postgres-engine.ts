/** PostgreSQL, for the storage conformance suite. */

import { startPostgres } from '../support/postgres.ts';
import type { StorageEngine } from './storage/fixtures.ts';

export { openPostgresStorage as openStorage } from '../../src/storage/postgres-storage.ts';

export const POSTGRES: StorageEngine = {
  name: 'PostgreSQL',
  module: new URL(import.meta.url),
  async place(t) {
    const postgres = (await startPostgres())!;
    t.after(() => postgres.stop());
    return postgres.url;
  },
};
