/** Writes until it is killed, and says on stdout how far it was acknowledged. */

import { writeSync } from 'node:fs';
import type { Storage } from '../../src/storage/storage.ts';
import { logLine, newVersion } from './storage/fixtures.ts';

const [module, place] = process.argv.slice(2);
const { openStorage } = (await import(module!)) as { openStorage(place: string): Promise<Storage> };
const { functions, logs } = await openStorage(place!);
for (let id = 1; ; id += 1) {
  const { added } = await functions.addVersion(newVersion(), new Map([['index.ts', Buffer.from('1')]]));
  await logs.append([logLine(id)]);
  writeSync(1, `${added.number}\n`);
}
