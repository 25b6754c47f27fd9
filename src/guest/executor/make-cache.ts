/**
 * Makes the bootstrap's warm code cache: runs it in a fresh context with the executors' own V8 flags, exercises what a
 * first request touches, and writes V8's cache of all that was compiled to standard output. It never sees user code.
 */

import { readFileSync } from 'node:fs';
import vm from 'node:vm';
import { HAND_OVER, handingOver } from '../../lib/hand-over.ts';

const [guestFile = ''] = process.argv.slice(2);
const script = new vm.Script(readFileSync(guestFile, 'utf8'), { filename: 'cordon:guest' });
const context = vm.createContext({});
const port = script.runInContext(context) as (...args: unknown[]) => unknown;

const SPEC = {
  interleaves: true,
  responseBytes: 1e7,
  logBytes: 1e5,
  pendingTimers: 1_000,
  env: {},
  functionName: 'warm',
  kind: 'module',
  name: 'handler',
  memoryMb: 128,
};
const HANDLER = `() => ({ default: { async fetch(request) { request.headers.get('a'); globalThis.console.info({ a: [1] }); return new Response(new URL(request.url).searchParams.get('a')); } } })`;
const CALL = [
  [0, 1, null, [1, 0, 1000, 'GET', 'http://localhost/', ['a', 'b'], 'http', '127.0.0.1', 'warm', null, null]],
];

port('load', HAND_OVER, JSON.stringify(SPEC), new ArrayBuffer(32), new SharedArrayBuffer(8));
vm.runInContext(handingOver(HANDLER), context);
port('start', 'script');
port([JSON.stringify(CALL)]);
setImmediate(() => {
  port();
  process.stdout.write(script.createCachedData());
});
