/** One client of the proxy behind the capability `egress`, whose answer the test can hold back. */

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type {
  CapabilityCaller,
  CapabilityExchange,
  CapabilityRefusal,
  CapabilitySink,
} from '../../../src/core/capability.ts';
import type { Egress } from '../../../src/egress/egress.ts';
import { callerOf } from './fetching.ts';

export class ProxyAsk implements CapabilitySink {
  readonly heard: string[] = [];
  readonly chunks: Buffer[] = [];
  readonly exchange: CapabilityExchange;
  /** Resolves at `end` or `fail`. */
  readonly over: Promise<void>;
  failure: CapabilityRefusal | null = null;
  bytes = 0;
  /** What data() answers. */
  wants = true;
  /** False: what comes is counted and forgotten. */
  keeps = true;
  #resolve: () => void = () => undefined;
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  constructor(egress: Egress, caller: CapabilityCaller = callerOf(), hasBody = true) {
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.exchange = egress.connection.start(caller, { kind: 'egress', meta: null, hasBody }, this);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  head(meta: unknown): void {
    this.#hear(`head ${JSON.stringify(meta)}`);
  }

  data(chunk: Uint8Array): boolean {
    this.bytes += chunk.length;
    if (this.keeps) this.chunks.push(Buffer.from(chunk));
    this.#hear('data');
    return this.wants;
  }

  end(): void {
    this.#hear('end');
    this.#resolve();
  }

  fail(refusal: CapabilityRefusal): void {
    this.failure = refusal;
    this.#hear('fail');
    this.#resolve();
  }

  /** False where the proxy is behind. */
  send(bytes: string | Uint8Array, onDrain: () => void = () => undefined): boolean {
    return this.exchange.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, onDrain);
  }

  /** Resolves once the condition holds, which is looked at whenever something is heard. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  untilText(pattern: RegExp): Promise<void> {
    return this.until(() => pattern.test(this.text));
  }

  /** A tunnel that is open; its answer so far is forgotten. */
  async connect(authority: string): Promise<void> {
    this.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    await this.untilText(/^HTTP\/1\.1 200 [^]*\r\n\r\n/);
    this.chunks.length = 0;
    this.bytes = 0;
  }

  #hear(what: string): void {
    this.heard.push(what);
    const due = this.#waiting.filter(({ condition }) => condition());
    this.#waiting = this.#waiting.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }
}

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  readonly authority: string;
  readonly sockets: readonly Socket[];
}

/** Speaks whatever the test wants, on loopback. */
export async function startRawServer(serve: (socket: Socket) => void): Promise<RawServer> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined));
    serve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    authority: `127.0.0.1:${port}`,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
