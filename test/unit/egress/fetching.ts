/** An egress with servers of the test's own on loopback, opened by the operator's list, and one way to fetch through it. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CapabilityCaller, CapabilityExchange, CapabilityRefusal } from '../../../src/core/capability.ts';
import type { EgressRefusal, FetchReplyHead } from '../../../src/core/egress.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Call } from '../../../src/core/invocation.ts';
import { createEgress } from '../../../src/egress/egress.ts';
import type { Egress, EgressOptions } from '../../../src/egress/egress.ts';
import { makeCall, makeVersion } from '../../support/calls.ts';

export interface Fetching {
  readonly egress: Egress;
  readonly url: string;
  readonly port: number;
  /** Sockets that the server has seen, in the order in which they came. */
  readonly sockets: readonly number[];
  readonly refusals: readonly EgressRefusal[];
  /** `tenant sent received` of every request that is over. */
  readonly counts: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** May be asynchronous; nobody waits for it. */
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

export async function startFetching(listener: Listener, options: Partial<EgressOptions> = {}): Promise<Fetching> {
  const refusals: EgressRefusal[] = [];
  const counts: string[] = [];
  const sockets: number[] = [];
  const server = createServer((request, response) => void listener(request, response));
  server.on('connection', ({ remotePort }) => sockets.push(remotePort ?? 0));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const egress = createEgress({
    defaultAllow: () => null,
    allowPrivate: [`127.0.0.1:${port}`, `localhost:${port}`],
    refused: (entry) => refusals.push(entry),
    count: ({ tenant }, sent, received) => counts.push(`${tenant} ${sent} ${received}`),
    ...options,
  });
  return {
    egress,
    url: `http://127.0.0.1:${port}`,
    port,
    sockets,
    refusals,
    counts,
    [Symbol.asyncDispose]: async () => {
      egress.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const callerOf = (version: Partial<FunctionVersion> = {}, call: Call = makeCall()): CapabilityCaller => ({
  version: makeVersion('f', { egress: { allow: null, refusal: 'throw' }, boundSecrets: [], ...version }),
  call,
});

export interface FetchRequest {
  readonly url: unknown;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly redirect?: string;
  /** True: the test writes it. */
  readonly hasBody?: boolean;
}

/** One fetch, whose answer the test can hold back. */
export class Fetch {
  readonly heard: string[] = [];
  readonly chunks: Buffer[] = [];
  head: FetchReplyHead | null = null;
  failure: CapabilityRefusal | null = null;
  bytes = 0;
  /** What data() answers. */
  wants = true;
  /** False: the chunks are counted and forgotten. */
  keeps = true;
  onHeard: () => void = () => undefined;
  readonly exchange: CapabilityExchange;
  /** Resolves at `end` or `fail`. */
  readonly over: Promise<void>;

  constructor(egress: Egress, caller: CapabilityCaller, request: FetchRequest) {
    const { url, method = 'GET', headers = [], redirect = 'follow', hasBody = false } = request;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    const hear = (what: string): void => {
      this.heard.push(what);
      this.onHeard();
    };
    this.exchange = egress.fetch.start(
      caller,
      { kind: 'fetch', meta: { method, url, headers, redirect }, hasBody },
      {
        head: (head) => {
          this.head = head as FetchReplyHead;
          hear('head');
        },
        data: (chunk) => {
          this.bytes += chunk.length;
          if (this.keeps) this.chunks.push(Buffer.from(chunk));
          hear('data');
          return this.wants;
        },
        end: () => {
          hear('end');
          resolve();
        },
        fail: (failure) => {
          this.failure = failure;
          hear('fail');
          resolve();
        },
      },
    );
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  /** Resolves once the condition holds, which is looked at whenever something is heard. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.onHeard = resolve;
      });
    }
  }

  header(name: string): string | undefined {
    const { headers = [] } = this.head ?? {};
    const at = headers.findIndex((each, index) => index % 2 === 0 && each === name);
    return at < 0 ? undefined : headers[at + 1];
  }
}

/** Fetches to the end. */
export async function fetchAll(
  { egress }: { readonly egress: Egress },
  request: FetchRequest & { readonly body?: string | Buffer },
  caller: CapabilityCaller = callerOf(),
): Promise<Fetch> {
  const { body } = request;
  const fetch = new Fetch(egress, caller, { ...request, hasBody: body !== undefined });
  if (body !== undefined) {
    fetch.exchange.write(Buffer.from(body), () => undefined);
    fetch.exchange.endBody();
  }
  await fetch.over;
  return fetch;
}
