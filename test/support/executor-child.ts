/** A child process that is an executor service, on a port of its own; it says where by a message. */

import { loadConfig } from '../../src/config.ts';
import { startExecutorService } from '../../src/executor-service/start.ts';

// The test has ended, however that came.
process.on('disconnect', () => process.exit(0));
const service = await startExecutorService(loadConfig({}));
process.on('SIGTERM', () => void service.close().then(() => process.exit(0)));
process.send?.({ url: service.url });
