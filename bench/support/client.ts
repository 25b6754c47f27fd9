/** Client: one request at a time over one connection that stays open, with the time that each took. */

import { Agent, request as startRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface ClientRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface TimedReply {
  readonly body: string;
  /** From the request's start to the reply's head. */
  readonly firstByteMs: number;
  /** From the request's start to the reply's end. */
  readonly totalMs: number;
}

/** Characters of a reply that an error shows. */
const MAX_SHOWN = 500;

export class Client {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.#url = url;
  }

  /** Rejects for every status but 2xx. */
  async send({ path, method = 'GET', headers = {}, body = '' }: ClientRequest): Promise<TimedReply> {
    const startedMs = performance.now();
    const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = startRequest(this.#url + path, { agent: this.#agent, method, headers: { ...headers, ...length } });
    // A connection that breaks after the head fails the reading of the body below.
    request.on('error', () => undefined);
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const firstByteMs = performance.now() - startedMs;
    const received = await text(response);
    const totalMs = performance.now() - startedMs;
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299)
      throw new Error(`${method} ${path}: ${statusCode} ${received.slice(0, MAX_SHOWN)}`);
    return { body: received, firstByteMs, totalMs };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
