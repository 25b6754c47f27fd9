/** Capabilities in memory: they record what is asked for, and answer as the test, or the URL of a fetch, says. */

import type {
  Capabilities,
  CapabilityCall,
  CapabilityCaller,
  CapabilityExchange,
  CapabilityRefusal,
  CapabilitySink,
} from '../../src/core/capability.ts';
import type { FetchHead, FetchReplyHead } from '../../src/core/egress.ts';

export class MemoryCapabilities implements Capabilities {
  readonly exchanges: MemoryExchange[] = [];
  /** Called in a later turn than start(). */
  serve: (exchange: MemoryExchange) => void;
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  constructor(serve: (exchange: MemoryExchange) => void = () => undefined) {
    this.serve = serve;
  }

  start(caller: CapabilityCaller, call: CapabilityCall, sink: CapabilitySink): CapabilityExchange {
    const exchange = new MemoryExchange(caller, call, sink, () => this.#changed());
    this.exchanges.push(exchange);
    queueMicrotask(() => this.serve(exchange));
    this.#changed();
    return exchange;
  }

  /** Resolves when the condition holds; it is looked at whenever something happens to an exchange. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  #changed(): void {
    const due = this.#waiting.filter(({ condition }) => condition());
    this.#waiting = this.#waiting.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }
}

export class MemoryExchange implements CapabilityExchange {
  readonly caller: CapabilityCaller;
  readonly call: CapabilityCall;
  readonly chunks: Buffer[] = [];
  ended = false;
  cancels = 0;
  /** It has ended or failed, and nobody had cancelled it. */
  served = false;
  resumes = 0;
  /** Bytes that were given to the sink. */
  sentBytes = 0;
  /** What write() answers. */
  hasRoom = true;
  readonly #sink: CapabilitySink;
  readonly #changed: () => void;
  #onDrain: () => void = () => undefined;
  #onResume: () => void = () => undefined;

  constructor(caller: CapabilityCaller, call: CapabilityCall, sink: CapabilitySink, changed: () => void) {
    this.caller = caller;
    this.call = call;
    this.#sink = sink;
    this.#changed = changed;
  }

  get url(): URL {
    return new URL((this.call.meta as FetchHead).url);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    this.chunks.push(Buffer.from(chunk));
    if (!this.hasRoom) this.#onDrain = onDrain;
    this.#changed();
    return this.hasRoom;
  }

  endBody(): void {
    this.ended = true;
    this.#changed();
  }

  resume(): void {
    this.resumes++;
    this.#onResume();
    this.#changed();
  }

  cancel(): void {
    this.cancels++;
    this.#changed();
  }

  /** Takes the rest of the body. */
  drain(): void {
    this.hasRoom = true;
    this.#onDrain();
  }

  head(head: unknown): void {
    this.#sink.head(head);
  }

  data(chunk: Uint8Array): boolean {
    this.sentBytes += chunk.length;
    return this.#sink.data(chunk);
  }

  end(): void {
    this.served ||= this.cancels === 0;
    this.#sink.end();
  }

  fail(refusal: CapabilityRefusal): void {
    this.served ||= this.cancels === 0;
    this.#sink.fail(refusal);
  }

  reply(body: string, head: Partial<FetchReplyHead> = {}): void {
    this.head(replyHead(this, head));
    this.data(Buffer.from(body));
    this.end();
  }

  /** Sends so many bytes, no faster than the sink takes them. */
  stream(bytes: number): void {
    this.head(replyHead(this, {}));
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const go = (): void => {
      while (this.sentBytes < bytes && this.cancels === 0)
        if (!this.data(chunk.subarray(0, Math.min(chunk.length, bytes - this.sentBytes)))) return;
      if (this.cancels === 0) this.end();
      this.#onResume = () => undefined;
    };
    this.#onResume = go;
    go();
  }
}

const replyHead = (exchange: MemoryExchange, head: Partial<FetchReplyHead>): FetchReplyHead => ({
  status: 200,
  statusText: 'OK',
  headers: ['content-type', 'text/plain'],
  url: exchange.url.href,
  redirected: false,
  ...head,
});

/**
 * What is behind a few hosts: `echo` answers with what it was sent and by which invocation, `count` with how many bytes
 * that was, `bytes` with as many as its path says, `moved` with a redirect that was followed; `blocked` is refused,
 * `stalled` sends a head and a little, `silent` says nothing.
 */
export function servePlaces(exchange: MemoryExchange): void {
  const { hostname, pathname } = exchange.url;
  switch (hostname) {
    case 'echo':
      return whenEnded(exchange, () => {
        const { kind, meta, hasBody } = exchange.call;
        const { call, version } = exchange.caller;
        exchange.reply(
          JSON.stringify({ kind, meta, hasBody, body: exchange.text, invocation: call.id, function: version.name }),
        );
      });
    case 'count':
      return whenEnded(exchange, () => exchange.reply(String(Buffer.concat(exchange.chunks).length)));
    case 'bytes':
      return exchange.stream(Number(pathname.slice(1)));
    case 'moved':
      return exchange.reply('there', { url: 'http://there/', redirected: true, headers: ['X-A', '1'] });
    case 'blocked':
      return exchange.fail({
        code: 'EGRESS_BLOCKED',
        message: 'SSRF guard blocked outbound request to blocked',
        details: { rule: 'private', host: 'blocked' },
      });
    case 'stalled':
      exchange.head(replyHead(exchange, {}));
      exchange.data(Buffer.from('some'));
  }
}

function whenEnded(exchange: MemoryExchange, then: () => void): void {
  if (exchange.ended || !exchange.call.hasBody) return then();
  const { endBody } = exchange;
  exchange.endBody = () => {
    endBody.call(exchange);
    then();
  };
}
