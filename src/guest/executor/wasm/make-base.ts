/** Makes the base image: the engine with the bootstrap in it, written to standard output. It never sees user code. */

import { readFileSync } from 'node:fs';
import { writeBase } from '../../quickjs/base-file.ts';
import { compileGuest, makeBase } from '../../quickjs/program.ts';
import { startQuickJs, type QuickJs } from '../../quickjs/quickjs.ts';

/** Of the 8 MB that an engine thread has. */
const STACK_BYTES = 512 * 1024;

const [wasmFile = '', guestFile = ''] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasmFile));
const start = (): QuickJs => startQuickJs(module, { now: () => Date.now(), isOver: () => false }, STACK_BYTES);
const guest = compileGuest(start(), readFileSync(guestFile, 'utf8'));
process.stdout.write(writeBase(makeBase(start(), guest, (length) => new Uint8Array(length))));
