/**
 * The agent where a whole machine or container runs Node: the native guest on a Unix socket that the host has put into
 * its view. `node agent.mjs <socket> [<folder for files>]`
 */

import { createConnection } from 'node:net';
import { serveNative } from '../native/serve.ts';

const [path = '', scratch = '/tmp'] = process.argv.slice(2);
const exit = process.exit.bind(process);
const channel = createConnection(path);

channel.once('error', (error) => {
  process.stderr.write(`The agent can't reach its host at ${path}: ${error.message}\n`);
  exit(1);
});
channel.once('connect', () => serveNative(channel, { hasNetwork: true, scratch, exit, onClose: () => exit(0) }));
