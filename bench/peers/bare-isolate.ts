/**
 * The floor of a cold start: one isolated-vm isolate and its context, with nothing in them. Prints the milliseconds that
 * each took, as a list in JSON. Takes how many.
 */

import ivm from 'isolated-vm';

const WARM_UP = 5;
const count = Number(process.argv[2] ?? 100);
const durationsMs: number[] = [];

for (let made = 0; made < WARM_UP + count; made++) {
  const startedMs = performance.now();
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  const context = await isolate.createContext();
  if (made >= WARM_UP) durationsMs.push(performance.now() - startedMs);
  context.release();
  isolate.dispose();
}
process.stdout.write(JSON.stringify(durationsMs));
