/** Entry of the wasm tier's executor: the engine, its image and its thread are files that the host has put in its view. */

import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Executor } from '../executor.ts';
import { openEngines } from './engines.ts';
import { WasmSandbox } from './wasm-sandbox.ts';

const CHANNEL_FD = 3;
const READY_THREADS = 2;
const [wasmFile = '', baseFile = '', threadFile = ''] = process.argv.slice(2);

const engines = openEngines({
  wasm: readFileSync(wasmFile),
  base: readFileSync(baseFile),
  thread: readFileSync(threadFile, 'utf8'),
});
const executor = new Executor(new Socket({ fd: CHANNEL_FD, readable: true, writable: true }), {
  prepare: () => engines.threads.fill(READY_THREADS),
  open: (owner, id, meta, payload) => new WasmSandbox(owner, engines, id, meta, payload),
});
await executor.start();
