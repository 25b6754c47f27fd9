/** Adds jobs and completes some, from many places at once, until it is killed; says on stdout what was acknowledged. */

import { writeSync } from 'node:fs';
import type { Storage } from '../../../src/storage/storage.ts';
import { newJob } from './queue-fixtures.ts';

const PUBLISHERS = 8;
const LEASE_MS = 2_000;

const [module, place, round] = process.argv.slice(2);
const { openStorage } = (await import(module!)) as { openStorage(place: string): Promise<Storage> };
const { queue } = await openStorage(place!);

await Promise.all([...Array.from({ length: PUBLISHERS }, (_, i) => publish(i)), complete()]);

async function publish(publisher: number): Promise<void> {
  for (let n = 0; ; n += 1) {
    // Those of one kind are completed below, those of the other are left.
    const ids = [`done-${round}-${publisher}-${n}`, `kept-${round}-${publisher}-${n}`];
    await queue.add(
      ids.map((id) => newJob({ id, functionName: id.slice(0, 4), key: n % 3 === 0 ? `k${publisher}` : null })),
    );
    for (const id of ids) writeSync(1, `added ${id}\n`);
  }
}

async function complete(): Promise<void> {
  for (;;) {
    const jobs = await queue.lease({ limit: 4, leaseMs: LEASE_MS, except: new Set(['acme/kept']) });
    await Promise.all(
      jobs.map(async (job) => {
        if (await queue.complete(job)) writeSync(1, `completed ${job.id}\n`);
      }),
    );
  }
}
