/** Entry of the executor process: the guest's source and its code cache are files that the host has put in its view. */

import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Executor } from './executor.ts';

const CHANNEL_FD = 3;
const [guestFile = '', cacheFile = ''] = process.argv.slice(2);

const executor = new Executor(new Socket({ fd: CHANNEL_FD, readable: true, writable: true }), {
  code: readFileSync(guestFile, 'utf8'),
  cache: readFileSync(cacheFile),
});
await executor.start();
