// Starts `cordon executor` with the settings of the .env beside this file; what is in the environment wins.
// In a checkout of Cordon this is that Cordon; elsewhere it is the package that `npm install` has put here.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const child = spawn(process.execPath, [launcher(), 'executor', ...process.argv.slice(2)], {
  cwd: here,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));

function launcher() {
  const own = join(here, '..', '..', 'bin', 'cordon.js');
  if (existsSync(own)) return own;
  return join(dirname(createRequire(import.meta.url).resolve('cordon/package.json')), 'bin', 'cordon.js');
}
