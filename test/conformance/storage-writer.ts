/** Writes until it is killed, and says on stdout how far it was acknowledged. */

import { writeSync } from 'node:fs';
import type { Storage } from '../../src/storage/storage.ts';
import { logLine, newVersion } from './storage.ts';

const [module, dataDir] = process.argv.slice(2);
const { openStorage } = (await import(module!)) as { openStorage(dataDir: string): Promise<Storage> };
const storage = await openStorage(dataDir!);
for (let id = 1; ; id += 1) {
  const version = await storage.deployVersion(newVersion(), new Map([['index.ts', Buffer.from('1')]]));
  await storage.appendLogs([logLine(id)]);
  writeSync(1, `${version.number}\n`);
}
