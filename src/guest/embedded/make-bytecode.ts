/** Makes the bytecode of the bootstrap, written to standard output, for the built `cordon/wasm`. */

import { readFileSync } from 'node:fs';
import { compileGuest } from '../quickjs/program.ts';
import { startQuickJs } from '../quickjs/quickjs.ts';

const STACK_BYTES = 64 * 1024;

const [wasmFile = '', guestFile = ''] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasmFile));
const engine = startQuickJs(module, { now: () => Date.now(), isOver: () => false }, STACK_BYTES);
process.stdout.write(compileGuest(engine, readFileSync(guestFile, 'utf8')));
