/** What every engine behind the storage seam must do; an engine's test calls it in a line. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cronConformance } from './storage/cron.ts';
import { open } from './storage/fixtures.ts';
import type { StorageEngine } from './storage/fixtures.ts';
import { functionsConformance } from './storage/functions.ts';
import { itemsConformance } from './storage/items.ts';
import { kvConformance } from './storage/kv.ts';
import { queueConformance } from './storage/queue.ts';
import { storesConformance } from './storage/stores.ts';
import { usageConformance } from './storage/usage.ts';

export { logLine, newVersion, temporaryFolder } from './storage/fixtures.ts';

const WRITER = fileURLToPath(new URL('./storage-writer.ts', import.meta.url));

export function storageConformance(engine: StorageEngine): void {
  describe(`storage on ${engine.name}`, () => {
    functionsConformance(engine);
    storesConformance(engine);
    queueConformance(engine);
    usageConformance(engine);
    cronConformance(engine);
    kvConformance(engine);
    itemsConformance(engine);
    killConformance(engine);
  });
}

function killConformance(engine: StorageEngine): void {
  test('what was acknowledged is there after a kill -9, nothing is half there, and the storage opens again', async (t) => {
    const place = await engine.place(t);
    const writer = spawn(process.execPath, [WRITER, engine.module.href, place], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => writer.kill('SIGKILL'));
    let acknowledged = 0;
    for await (const line of createInterface({ input: writer.stdout })) {
      acknowledged = Number(line);
      if (acknowledged === 40) break;
    }
    writer.kill('SIGKILL');
    if (writer.signalCode === null) await once(writer, 'exit');
    const { functions, logs } = await open(engine, t, place);
    const [version] = (await functions.routed()).versions;
    assert.ok(version !== undefined && version.number >= acknowledged, `${version?.number} of ${acknowledged}`);
    const { items } = await functions.versions('acme', 'hello', null, 100);
    assert.equal(items[0]?.number, version.number);
    for (const { number } of items) assert.equal((await functions.sources('acme', 'hello', number)).size, 1);
    assert.ok((await logs.lastId()) >= acknowledged);
  });
}
