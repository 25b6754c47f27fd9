/**
 * Door: where programs that a function starts find the host's proxy: a port on this sandbox's own loopback. Bytes pass as
 * they come, and nothing here reads them.
 */

import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Exits } from './exits.ts';

/** More connections wait, as they would at any server. */
const MAX_CONNECTIONS = 256;

export class Door {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Null where this machine has no loopback to listen on. It does not keep the process alive. */
  static async open(exits: Exits): Promise<Door | null> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => serve(socket, exits.openForAny()));
    server.maxConnections = MAX_CONNECTIONS;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    server.once('error', () => resolve(false)).once('listening', () => resolve(true));
    server.listen({ port: 0, host: '127.0.0.1' }).unref();
    if (!(await promise)) return null;
    // One connection that fails must not end the others.
    server.on('error', () => undefined);
    return new Door(server);
  }

  /** What tells programs of it; an operator's names for them, which curl, git, pip, npm and Node obey. */
  get variables(): Readonly<Record<string, string>> {
    const proxy = `http://127.0.0.1:${this.port}`;
    return {
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      http_proxy: proxy,
      https_proxy: proxy,
      NO_PROXY: '',
      no_proxy: '',
      NODE_USE_ENV_PROXY: '1',
    };
  }

  close(): void {
    this.#server.close();
  }
}

function serve(socket: Socket, exit: Duplex | null): void {
  socket.on('error', () => socket.destroy());
  if (exit === null) return void socket.destroy();
  exit.on('error', () => exit.destroy());
  socket.once('close', () => exit.destroy());
  // What it has said is still delivered, and nobody is there to hear more.
  for (const end of ['end', 'close']) exit.once(end, () => socket.destroySoon());
  socket.pipe(exit);
  exit.pipe(socket, { end: false });
}
