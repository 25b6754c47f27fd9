/** Entry of the isolate tier's executor: the guest's source and its code caches are files that the host has put in its view. */

import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Executor } from './executor.ts';
import { IsolatePool } from './isolate-pool.ts';
import { IsolateSandbox } from './isolate-sandbox.ts';

const CHANNEL_FD = 3;
const [guestFile = '', leanFile = '', fullFile = ''] = process.argv.slice(2);

const source = {
  code: readFileSync(guestFile, 'utf8'),
  caches: { lean: readFileSync(leanFile), full: readFileSync(fullFile) },
};
const pool = new IsolatePool(source);
const executor = new Executor(new Socket({ fd: CHANNEL_FD, readable: true, writable: true }), {
  prepare: () => pool.fill(),
  open: (owner, id, meta, payload) => new IsolateSandbox(owner, pool, id, meta, payload),
});
await executor.start();
