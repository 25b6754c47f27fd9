/** WPT server: the few answers of `resources/*.py` that tests of fetch() need, and the files of the checkout. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join, normalize } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

export interface WptServer {
  /** `127.0.0.1:port`. */
  readonly host: string;
  close(): Promise<void>;
}

interface Exchange {
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What tests leave for each other, by folder and key; each may be taken once. */
  readonly stash: Map<string, string>;
  readonly folder: string;
}

type Script = (exchange: Exchange) => void | Promise<void>;

const SLOW_BYTE_MS = 10;

const SCRIPTS: Readonly<Record<string, Script>> = {
  'trickle.py': trickle,
  'infinite-slow-response.py': dripForEver,
  'inspect-headers.py': inspectHeaders,
  'stash-put.py': ({ query, response, stash, folder }) => {
    stash.set(folder + query.get('key'), query.get('value') ?? '');
    response.end('done');
  },
  'stash-take.py': ({ query, response, stash, folder }) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(take(stash, folder + query.get('key'))));
  },
};

export async function startWptServer(checkout: string): Promise<WptServer> {
  const stash = new Map<string, string>();
  const server = createServer({ insecureHTTPParser: true }, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const script = SCRIPTS[basename(pathname)];
    response.on('error', () => undefined);
    if (script === undefined) return sendFile(checkout, pathname, response);
    void script({ query: searchParams, request, response, stash, folder: dirname(pathname) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function trickle({ query, request, response }: Exchange): Promise<void> {
  const delayMs = Number(query.get('ms') ?? 500);
  request.resume();
  await after(delayMs);
  if (!query.has('notype')) response.setHeader('content-type', 'text/plain');
  response.flushHeaders();
  for (let left = Number(query.get('count') ?? 50); left > 0 && !response.destroyed; left--) {
    await after(delayMs);
    response.write('TEST_TRICKLE\n');
  }
  response.end();
}

/** Until its reader is gone, or another request says so. */
async function dripForEver({ query, response, stash, folder }: Exchange): Promise<void> {
  const [state, abort] = [query.get('stateKey'), query.get('abortKey')];
  if (state !== null) stash.set(folder + state, 'open');
  response.setHeader('content-type', 'text/plain');
  response.write('.'.repeat(2048));
  while (!response.destroyed && !(abort !== null && take(stash, folder + abort) !== null)) {
    response.write('.');
    await after(SLOW_BYTE_MS);
  }
  if (state !== null) stash.set(folder + state, 'closed');
  response.end();
}

function inspectHeaders({ query, request, response }: Exchange): void {
  for (const name of query.get('headers')?.split('|') ?? []) {
    const value = request.headers[name.toLowerCase()];
    if (value !== undefined) response.setHeader(`x-request-${name}`, value);
  }
  response.setHeader('content-type', 'text/plain');
  response.end();
}

function take(stash: Map<string, string>, key: string): string | null {
  const value = stash.get(key) ?? null;
  stash.delete(key);
  return value;
}

function sendFile(checkout: string, pathname: string, response: ServerResponse): void {
  try {
    const content = readFileSync(join(checkout, normalize(`/${decodeURIComponent(pathname)}`)));
    response.setHeader('content-type', pathname.endsWith('.json') ? 'application/json' : 'text/plain');
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}
