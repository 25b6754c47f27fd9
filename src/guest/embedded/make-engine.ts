/** Gives the engine's module its maximum of memory, for hosts that can't make modules of bytes. */

import { readFileSync } from 'node:fs';
import { limitMemory } from '../quickjs/memory-limit.ts';
import { MAX_MEMORY_MB } from './limits.ts';

const [wasmFile = ''] = process.argv.slice(2);
process.stdout.write(limitMemory(readFileSync(wasmFile), MAX_MEMORY_MB * 1024 * 1024));
