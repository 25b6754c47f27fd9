/** The embedded engine, for the storage conformance suite. */

import { temporaryFolder } from './storage/fixtures.ts';
import type { StorageEngine } from './storage/fixtures.ts';

export { openSqliteStorage as openStorage } from '../../src/storage/sqlite-storage.ts';

export const SQLITE: StorageEngine = {
  name: 'SQLite',
  module: new URL(import.meta.url),
  place: async (t) => temporaryFolder(t),
};
