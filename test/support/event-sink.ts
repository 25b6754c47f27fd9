/** Event sink: an HTTP server that functions tell what they got, so that a test sees each run as it happens. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface EventSink {
  /** `host:port`, for CORDON_EGRESS_ALLOW_PRIVATE. */
  readonly address: string;
  readonly url: string;
  /** What was told, as JSON says it, in the order in which it came. */
  // oxlint-disable-next-line typescript/no-explicit-any -- any JSON
  readonly told: any[];
  /** Resolves when it holds; it is looked at whenever something is told. */
  until(condition: () => boolean): Promise<void>;
}

export async function startEventSink(t: TestContext): Promise<EventSink> {
  const told: unknown[] = [];
  let changes: (() => void)[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      told.push(JSON.parse(text));
      response.end('ok');
      const waiting = changes;
      changes = [];
      for (const resolve of waiting) resolve();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    url: `http://${address}/`,
    told,
    async until(condition) {
      while (!condition()) await new Promise<void>((resolve) => changes.push(resolve));
    },
  };
}

/** A module whose handler tells the sink of each call: the body, and those of its headers that are named. */
export function telling(sink: EventSink, headers: readonly string[] = [], rest = ''): string {
  return `export const handler = async (event) => {
    const headers = Object.fromEntries(${JSON.stringify(headers)}.map((name) => [name, event.headers[name]]));
    await fetch(${JSON.stringify(sink.url)}, { method: 'POST', body: JSON.stringify({ ...event.body, headers }) });
    ${rest}
  };`;
}
