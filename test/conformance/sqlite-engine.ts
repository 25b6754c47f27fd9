/** The embedded engine, for the storage conformance suite. */

export { openSqliteStorage as openStorage } from '../../src/storage/sqlite-storage.ts';
