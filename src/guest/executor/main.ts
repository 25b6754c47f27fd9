/** Entry of the isolate tier's executor: the guest's source and its code cache are files that the host has put in its view. */

import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Executor } from './executor.ts';
import { IsolatePool } from './isolate-pool.ts';
import { IsolateSandbox } from './isolate-sandbox.ts';

const CHANNEL_FD = 3;
const READY_ISOLATES = 2;
const [guestFile = '', cacheFile = ''] = process.argv.slice(2);

const pool = new IsolatePool({ code: readFileSync(guestFile, 'utf8'), cache: readFileSync(cacheFile) }, READY_ISOLATES);
const executor = new Executor(new Socket({ fd: CHANNEL_FD, readable: true, writable: true }), {
  prepare: () => pool.fill(),
  open: (owner, id, meta, payload) => new IsolateSandbox(owner, pool, id, meta, payload),
});
await executor.start();
