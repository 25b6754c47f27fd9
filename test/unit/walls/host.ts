/** A host of its own, for tests that end one or give it something to inherit. */

import { answerOf, startGuest, wallNamed } from './guest.ts';
import type { WallName } from '../../../src/walls/wall.ts';

const [name, task, marker = ''] = process.argv.slice(2);
const wall = await wallNamed(name as WallName);
if (typeof wall === 'string') throw new Error(wall);

if (task === 'descriptors') {
  const guest = await startGuest(wall, listDescriptors, null);
  console.log(JSON.stringify(await answerOf(guest)));
  await guest.kill();
} else if (task === 'starting') {
  process.send?.(process.pid);
  await startGuest(wall, keepLiving, null, { args: [marker] });
} else {
  const guest = await startGuest(wall, task === 'stubborn' ? keepLiving : () => 0, null, {
    nodeFlags: ['--no-warnings'],
  });
  await answerOf(guest);
  process.send?.(guest.pid);
}

/** Takes back "die with your parent", and no longer notices that its channel is closed. */
function keepLiving(): number {
  const PR_SET_PDEATHSIG = 1;
  const { functions } = require('node:ffi').dlopen(null, {
    prctl: { arguments: ['i32', 'u64', 'u64', 'u64', 'u64'], return: 'i32' },
  });
  setInterval(() => 0, 1_000);
  process.exit = (() => undefined) as never;
  return functions.prctl(PR_SET_PDEATHSIG, 0n, 0n, 0n, 0n);
}

function listDescriptors(): [number, string][] {
  const { readdirSync, readlinkSync } = require('node:fs');
  const found: [number, string][] = [];
  for (const descriptor of readdirSync('/proc/self/fd')) {
    try {
      found.push([Number(descriptor), readlinkSync(`/proc/self/fd/${descriptor}`)]);
    } catch {
      // The one that listed the folder.
    }
  }
  return found;
}
