/** A host that is about to be killed: starts a container on the engine at argv[2], pauses it, and says the agent's pid. */

import { MB } from '../../src/core/limits.ts';
import { engineOn } from './docker-tier.ts';

const [socketPath = '', cacheDir = ''] = process.argv.slice(2);
const engine = engineOn({ socketPath }, cacheDir);
const container = await engine.start({ runtime: 'javascript', limits: { maxTasks: 64 }, scratchBytes: MB });
// One that runs would notice that its channel is closed.
await container.pause();
process.stdout.write(`${container.pid}\n`);
setInterval(() => undefined, 1000);
