/** One WebSocket of a function through an egress, whose records the test reads and writes. */

import type { CapabilityCaller, CapabilityExchange, CapabilityRefusal } from '../../../src/core/capability.ts';
import type { EgressRefusal } from '../../../src/core/egress.ts';
import { createEgress } from '../../../src/egress/egress.ts';
import type { Egress, EgressOptions } from '../../../src/egress/egress.ts';
import { record, RecordKind, RecordReader } from '../../../src/egress/websocket-records.ts';
import { callerOf } from './fetching.ts';

export interface Exit {
  readonly egress: Egress;
  readonly refusals: readonly EgressRefusal[];
  /** `tenant sent received` of every request that is over. */
  readonly counts: readonly string[];
}

export function openExit(ports: readonly number[], options: Partial<EgressOptions> = {}): Exit {
  const refusals: EgressRefusal[] = [];
  const counts: string[] = [];
  const egress = createEgress({
    defaultAllow: () => null,
    allowPrivate: ports.flatMap((port) => [`127.0.0.1:${port}`, `localhost:${port}`]),
    refused: (entry) => refusals.push(entry),
    count: ({ tenant }, sent, received) => counts.push(`${tenant} ${sent} ${received}`),
    ...options,
  });
  return { egress, refusals, counts };
}

export class Connecting {
  readonly heard: string[] = [];
  readonly messages: (string | Buffer)[] = [];
  head: { readonly protocol: string } | null = null;
  failure: CapabilityRefusal | null = null;
  closed: { readonly code: number; readonly wasClean: boolean; readonly reason: string } | null = null;
  bytes = 0;
  /** What data() answers. */
  wants = true;
  readonly exchange: CapabilityExchange;
  /** Resolves at `end` or `fail`. */
  readonly over: Promise<void>;
  readonly #reader = new RecordReader(64 * 1024 * 1024);
  #onHeard: () => void = () => undefined;

  constructor(egress: Egress, meta: unknown, caller: CapabilityCaller = callerOf()) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    const hear = (what: string): void => {
      this.heard.push(what);
      this.#onHeard();
    };
    this.exchange = egress.websocket.start(
      caller,
      { kind: 'websocket', meta, hasBody: true },
      {
        head: (head) => {
          this.head = head as { protocol: string };
          hear('head');
        },
        data: (chunk) => {
          this.bytes += chunk.length;
          this.#reader.push(chunk, (kind, payload) => this.#take(kind, payload));
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

  /** Resolves once the condition holds, which is looked at whenever something is heard. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#onHeard = resolve;
      });
    }
  }

  send(message: string | Uint8Array): void {
    const kind = typeof message === 'string' ? RecordKind.TEXT : RecordKind.BINARY;
    this.write(record(kind, Buffer.from(message as string)));
  }

  close(code?: number, reason = ''): void {
    const payload = Buffer.alloc(code === undefined ? 0 : 2);
    if (code !== undefined) payload.writeUInt16BE(code);
    this.write(record(RecordKind.CLOSE, Buffer.concat([payload, Buffer.from(reason)])));
  }

  write(bytes: Uint8Array): boolean {
    return this.exchange.write(bytes, () => undefined);
  }

  #take(kind: number, payload: Buffer): void {
    if (kind === RecordKind.TEXT) this.messages.push(payload.toString());
    else if (kind === RecordKind.BINARY) this.messages.push(payload);
    else
      this.closed = {
        code: payload.readUInt16BE(0),
        wasClean: payload[2] === 1,
        reason: payload.toString('utf8', 3),
      };
  }
}

/** Open, or failed. */
export async function connected(
  egress: Egress,
  url: string,
  protocols: readonly string[] = [],
  caller: CapabilityCaller = callerOf(),
): Promise<Connecting> {
  const connecting = new Connecting(egress, { url, protocols }, caller);
  await connecting.until(() => connecting.heard.length > 0);
  return connecting;
}
