/** A daemon on a Unix socket that answers as a test says: for what a real one does only when it is broken. */

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether it has answered, or will; what it leaves gets 404. */
export type Answer = (request: IncomingMessage, response: ServerResponse, path: string) => boolean | void;

export interface FakeDaemon {
  readonly socketPath: string;
  /** `GET /version`, without the API's version. */
  readonly asked: string[];
  /** What becomes of a connection that stops being HTTP. */
  onUpgrade(use: (socket: Duplex) => void): void;
  close(): Promise<void>;
}

export const VERSION: Readonly<Record<string, unknown>> = {
  Version: '27.0',
  ApiVersion: '1.46',
  MinAPIVersion: '1.24',
  Components: [{ Name: 'Engine' }],
};

export async function startFakeDaemon(answer: Answer): Promise<FakeDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-daemon-'));
  const socketPath = join(folder, 'daemon.sock');
  const asked: string[] = [];
  const upgraded = new Set<Duplex>();
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v\d+\.\d+/, '');
    asked.push(`${request.method} ${path.split('?')[0]}`);
    request.resume();
    if (answer(request, response, path) === true || response.headersSent) return;
    if (path === '/version') return sendJson(response, 200, VERSION);
    sendJson(response, 404, { message: 'there is no such thing' });
  });
  await once(server.listen(socketPath), 'listening');
  return {
    socketPath,
    asked,
    onUpgrade(use) {
      server.on('upgrade', (_request, socket) => {
        socket.on('error', () => undefined);
        socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
        upgraded.add(socket);
        use(socket);
      });
    },
    async close() {
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
      await once(server.close(), 'close');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
