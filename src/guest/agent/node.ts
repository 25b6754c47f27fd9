/**
 * The agent where a whole machine or container runs Node: the native guest on a channel that the host has put into its
 * view. `node agent.mjs <channel> [<folder for files>]`; the channel is `fd:<number>`, or the path of a Unix socket.
 */

import { createConnection, Socket } from 'node:net';
import { serveNative } from '../native/serve.ts';

const [place = '', scratch = '/tmp'] = process.argv.slice(2);
const exit = process.exit.bind(process);
const inherited = /^fd:(\d+)$/.exec(place)?.[1];

if (inherited === undefined) {
  const channel = createConnection(place);
  channel.once('error', (error) => {
    process.stderr.write(`The agent can't reach its host at ${place}: ${error.message}\n`);
    exit(1);
  });
  channel.once('connect', () => serve(channel));
} else serve(new Socket({ fd: Number(inherited) }));

function serve(channel: Socket): void {
  serveNative(channel, { hasNetwork: true, ownsProcess: true, scratch, exit, onClose: () => exit(0) });
}
