/** Builds `cordon/wasm` into dist/wasm, for publishing. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeEmbeddedFiles } from '../src/tiers/wasm/embedded-files.ts';

const folder = fileURLToPath(new URL('../dist/wasm', import.meta.url));
const { index, engine } = await makeEmbeddedFiles(folder, join(tmpdir(), 'cordon-build-wasm'));
process.stdout.write(`${index}\n${engine}\n`);
