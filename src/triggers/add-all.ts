/** Add all: any number of jobs, in lots that the queue takes at once. What was added before a failure stays. */

import type { NewJob, Queue } from '../core/queue.ts';

const LOT = 1_000;

/** How many were new. */
export async function addAll(queue: Pick<Queue, 'add'>, jobs: readonly NewJob[]): Promise<number> {
  let added = 0;
  for (let i = 0; i < jobs.length; i += LOT) added += await queue.add(jobs.slice(i, i + LOT));
  return added;
}
