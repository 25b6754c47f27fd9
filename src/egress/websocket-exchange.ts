/**
 * WebSocket exchange: one WebSocket of a function, from its handshake to its end. The place is decided on as a fetch's
 * is, the handshake follows no redirect, and the messages cross as records (websocket-records.ts).
 */

import type { Socket } from 'node:net';
import { WebSocket } from 'undici';
import type { CapabilityCaller, CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import { EgressFailure, failureOf, Refused } from './failure.ts';
import type { Destination } from './host-patterns.ts';
import { destinationOf } from './policy.ts';
import type { Policy } from './policy.ts';
import type { TenantPool } from './tenant-pool.ts';
import { UpgradeClient } from './upgrade-client.ts';
import type { WebSocketHead } from './websocket-head.ts';
import { closedRecord, record, RecordKind, RecordReader } from './websocket-records.ts';

export interface WebSocketContext {
  readonly policy: Policy;
  readonly pool: TenantPool;
  readonly caller: CapabilityCaller;
  readonly sink: CapabilitySink;
  /** Of one message, either way. */
  readonly maxMessageBytes: number;
  /** Of all messages together. */
  readonly maxSentBytes: number;
  readonly maxReceivedBytes: number;
  readonly headerBytes: number;
  /** How long the other side may take to answer the handshake. */
  readonly answerMs: number;
  /** One more request of the invocation; throws TOO_MANY_REQUESTS. */
  countHop(): void;
  /** For the audit. */
  onRefused(refused: Refused): void;
  /** Called once, whatever the outcome. */
  onOver(sentBytes: number, receivedBytes: number): void;
}

/** The reply's meta. */
export interface WebSocketReplyHead {
  /** Which of the protocols the other side has chosen; empty: none. */
  readonly protocol: string;
}

/** How long the other side may take to answer a close. */
const CLOSE_MS = 5_000;

export class WebSocketExchange implements CapabilityExchange {
  readonly #context: WebSocketContext;
  readonly #url: URL;
  readonly #reader: RecordReader;
  readonly #abort = new AbortController();
  #client: UpgradeClient | null = null;
  #socket: Socket | null = null;
  #webSocket: WebSocket | null = null;
  #isOpen = false;
  #isClosing = false;
  /** All that came is in {@link #waiting}, or delivered. */
  #isClosed = false;
  #isOver = false;
  /** The function has no room. */
  #isHeld = false;
  readonly #waiting: Buffer[] = [];
  /** Why there is no connection, if we know. */
  #failure: EgressFailure | null = null;
  #onDrain: (() => void) | null = null;
  #sentBytes = 0;
  #receivedBytes = 0;

  /** The handshake begins in a later turn, so nothing is heard before this has returned. */
  constructor(context: WebSocketContext, { url, protocols }: WebSocketHead) {
    this.#context = context;
    this.#url = url;
    this.#reader = new RecordReader(context.maxMessageBytes);
    queueMicrotask(() => {
      if (!this.#isOver) this.#attempt(() => this.#begin(protocols));
    });
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#isOver) return true;
    this.#attempt(() => this.#reader.push(chunk, (kind, payload) => this.#take(kind, payload)));
    if (this.#socket?.writableNeedDrain !== true) return true;
    this.#onDrain = onDrain;
    return false;
  }

  endBody(): void {
    if (this.#isOpen && !this.#isOver) this.#attempt(() => this.#close());
  }

  resume(): void {
    if (this.#isOver || !this.#isHeld) return;
    this.#isHeld = false;
    this.#flush();
    if (!this.#isHeld) this.#socket?.resume();
  }

  cancel(): void {
    this.#finish();
  }

  #begin(protocols: readonly string[]): void {
    const { policy, caller, countHop, maxMessageBytes, headerBytes, answerMs } = this.#context;
    const destination = destinationOf(this.#url);
    policy.require(destination, caller.version);
    countHop();
    this.#client = new UpgradeClient(this.#url.origin, {
      maxMessageBytes,
      headerBytes,
      answerMs,
      connect: () => this.#connect(destination),
    });
    const webSocket = new WebSocket(this.#url.href, {
      protocols: [...protocols],
      dispatcher: this.#client,
      headers: { 'user-agent': 'Cordon' },
    });
    this.#webSocket = webSocket;
    webSocket.binaryType = 'arraybuffer';
    // What a listener throws would end the process.
    webSocket.addEventListener('open', () => this.#attempt(() => this.#onOpen(webSocket)));
    webSocket.addEventListener('message', ({ data }) =>
      this.#attempt(() => this.#onMessage(data as string | ArrayBuffer)),
    );
    webSocket.addEventListener('close', ({ code, wasClean, reason }) =>
      this.#attempt(() => this.#onClose(code, wasClean, reason)),
    );
  }

  async #connect({ scheme, host, port }: Destination): Promise<Socket> {
    try {
      const kind = scheme === 'https:' ? 'tls-http1' : 'tcp';
      const socket = await this.#context.pool.connect(host, port, kind, this.#abort.signal);
      this.#socket = socket;
      if (this.#isOver) socket.destroy();
      return socket;
    } catch (error) {
      this.#failure = failureOf(error, host);
      throw error;
    }
  }

  #onOpen({ extensions, protocol }: WebSocket): void {
    if (this.#isOver) return;
    if (extensions !== '') throw new EgressFailure('BAD_RESPONSE', `${this.#url.hostname} answered with an extension`);
    this.#isOpen = true;
    // The WebSocket reads on as soon as it has parsed what it read; nothing is to be read while the function is behind.
    this.#socket?.on('resume', () => {
      if (this.#isHeld && !this.#isOver) this.#socket?.pause();
    });
    this.#socket?.on('drain', () => {
      const onDrain = this.#onDrain;
      this.#onDrain = null;
      onDrain?.();
    });
    this.#context.sink.head({ protocol } satisfies WebSocketReplyHead);
  }

  #onMessage(data: string | ArrayBuffer): void {
    if (this.#isOver) return;
    const isText = typeof data === 'string';
    const payload = isText ? Buffer.from(data, 'utf8') : new Uint8Array(data);
    this.#receivedBytes += payload.length;
    const { maxReceivedBytes } = this.#context;
    if (this.#receivedBytes > maxReceivedBytes)
      throw new EgressFailure('TOO_LARGE', `the messages that came are larger than ${maxReceivedBytes} bytes`);
    this.#waiting.push(record(isText ? RecordKind.TEXT : RecordKind.BINARY, payload));
    this.#flush();
  }

  #onClose(code: number, wasClean: boolean, reason: string): void {
    if (this.#isOver) return;
    if (!this.#isOpen) throw this.#failure ?? noWebSocket(this.#url.hostname);
    this.#isClosed = true;
    this.#waiting.push(closedRecord(code, wasClean, reason));
    this.#flush();
  }

  /** One record of the function. */
  #take(kind: number, payload: Buffer): void {
    if (this.#isOver || this.#isClosing) return;
    if (!this.#isOpen) throw new EgressFailure('BAD_REQUEST', 'a WebSocket sends nothing before it is open');
    if (kind === RecordKind.CLOSE) return this.#close(payload);
    const { maxSentBytes } = this.#context;
    this.#sentBytes += payload.length;
    if (this.#sentBytes > maxSentBytes)
      throw new EgressFailure('TOO_LARGE', `the messages that were sent are larger than ${maxSentBytes} bytes`);
    this.#webSocket?.send(kind === RecordKind.TEXT ? payload.toString('utf8') : payload);
  }

  #close(payload: Buffer = Buffer.alloc(0)): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // Without code, a close frame holds none.
    const code = payload.length < 2 ? undefined : payload.readUInt16BE(0);
    try {
      this.#webSocket?.close(code, payload.length > 2 ? payload.toString('utf8', 2) : undefined);
    } catch {
      throw new EgressFailure('BAD_REQUEST', 'a WebSocket closes with 1000 or 3000 to 4999, and at most 123 bytes');
    }
    // The other side may never answer; nobody waits for it for good.
    setTimeout(() => this.#socket?.destroy(), CLOSE_MS).unref();
  }

  #flush(): void {
    while (!this.#isHeld && !this.#isOver) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      if (this.#context.sink.data(next)) continue;
      this.#isHeld = true;
      this.#socket?.pause();
    }
    if (this.#isClosed && this.#waiting.length === 0 && this.#finish()) this.#context.sink.end();
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(failureOf(error, this.#url.hostname));
    }
  }

  #fail(failure: EgressFailure): void {
    if (!this.#finish()) return;
    if (failure instanceof Refused) this.#context.onRefused(failure);
    this.#context.sink.fail(failure.toRefusal());
  }

  /** False where it was over already. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#onDrain = null;
    this.#abort.abort();
    this.#hangUp();
    this.#context.onOver(this.#sentBytes, this.#receivedBytes);
    return true;
  }

  /** Says goodbye to who is connected, and does not wait for an answer. */
  #hangUp(): void {
    try {
      this.#webSocket?.close();
    } catch {
      // There is nobody to tell.
    }
    void this.#client?.destroy(new EgressFailure('ABORTED', 'the WebSocket is over')).catch(() => undefined);
    const socket = this.#socket;
    if (socket === null || socket.destroyed) return;
    socket.resume();
    socket.destroySoon();
    setTimeout(() => socket.destroy(), CLOSE_MS).unref();
  }
}

const noWebSocket = (host: string): EgressFailure =>
  new EgressFailure('BAD_RESPONSE', `${host} did not open a WebSocket`);
