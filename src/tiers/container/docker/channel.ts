/**
 * Channel: the one way into a container, a Unix socket that the host listens on in a folder that only this container
 * sees. Its agent connects before it meets a hostile byte; then the socket is closed and its name removed, so that
 * nobody else has anything to connect to.
 *
 * Node does not tell who connected (SO_PEERCRED). What stands in for it: the folder lies in one that is closed to every
 * other user, and is mounted into one container.
 */

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

/** Where the container sees the folder. */
export const CHANNEL_FOLDER_INSIDE = '/run/cordon';
const SOCKET = 'channel';
export const CHANNEL_INSIDE: string = `${CHANNEL_FOLDER_INSIDE}/${SOCKET}`;
/** Beneath a folder that is closed. Inside, the agent's uid is nobody that the host knows. */
const FOLDER_MODE = 0o711;
const SOCKET_MODE = 0o666;

export interface ChannelFolder {
  /** On the host. */
  readonly folder: string;
  /** The first connection, which keeps what comes until somebody reads it; never settles when nobody comes. */
  readonly connected: Promise<Socket>;
  /** Ends the connection, takes none any more, and removes the folder. */
  remove(): void;
}

/** `parent` must be closed to other users. Rejects when the path is too long for a socket, or can't be made. */
export async function openChannel(parent: string, name: string): Promise<ChannelFolder> {
  const folder = join(parent, name);
  mkdirSync(folder);
  const server = createServer();
  try {
    // Before anybody can look in: a umask takes away from what is asked for.
    chmodSync(folder, FOLDER_MODE);
    server.listen(join(folder, SOCKET));
    await once(server, 'listening');
    chmodSync(join(folder, SOCKET), SOCKET_MODE);
  } catch (error) {
    server.close();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const connected = firstConnection(server);
  return {
    folder,
    connected,
    remove() {
      server.close();
      void connected.then((socket) => socket.destroy());
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function firstConnection(server: Server): Promise<Socket> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  let taken = false;
  server.on('error', () => undefined);
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    if (taken) return void socket.destroy();
    taken = true;
    // Removes the socket's name as well.
    server.close();
    resolve(socket);
  });
  return promise;
}
