/**
 * WebSockets that a function serves: `WebSocketPair` with a response of status 101, and what `Deno.upgradeWebSocket()`
 * makes of both. Once the response is out, the connection's bytes come and go as they are: its frames are read here, in
 * the sandbox, and nowhere else.
 */

import { chain, resolved } from './engine.ts';
import { Headers } from './headers.ts';
import * as modules from './modules.ts';
import {
  domString,
  freeze,
  put,
  setBytes,
  TypeError,
  typedArrayByteLength,
  uncurry,
  Uint8Array,
} from './primordials.ts';
import { Response } from './response.ts';
import { startTimer } from './timers.ts';
import { encodeUtf8, utf8Length } from './utf8.ts';
import { socketOver, type WebSocket } from './websocket.ts';
import type { ConnectionListener, Ending, SocketConnection } from './websocket-connection.ts';
import { frame, FrameReader, Opcode, type Violation } from './websocket-frames.ts';

interface Queued {
  readonly bytes: Uint8Array;
  /** Of the message, as `bufferedAmount` counts. */
  readonly size: number;
  /** Nothing goes after it. */
  readonly isLast: boolean;
  next: Queued | null;
}

interface Controller {
  enqueue(chunk: Uint8Array): void;
  close(): void;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
const [NO_STATUS, ABNORMAL, BAD_DATA] = [1005, 1006, 1007];
/** With so much before it, a pong would come too late to be of use. */
const MAX_WAITING_PONGS = 16;
/** How long the other side may take to answer a close. */
const CLOSE_MS = 5_000;

class ServerConnection implements SocketConnection {
  readonly #listener: ConnectionListener;
  readonly #reader: FrameReader = new FrameReader();
  #controller: Controller | null = null;
  #first: Queued | null = null;
  #last: Queued | null = null;
  #waiting = 0;
  /** The host has room for a frame. */
  #isWanted = false;
  #isClosing = false;
  #isOver = false;

  constructor(listener: ConnectionListener) {
    this.#listener = listener;
  }

  /** What the client sends comes by `bytes`; what it is sent goes by the stream that this returns. */
  connect(bytes: ReadableStream): ReadableStream {
    const outgoing = modules.streams().makeStream(
      {
        __proto__: null,
        start: (controller: Controller) => {
          if (this.#isOver) controller.close();
          else this.#controller = controller;
        },
        pull: () => {
          this.#isWanted = true;
          this.#give();
        },
        cancel: () => this.#end({ code: ABNORMAL, reason: '', wasClean: false }),
      },
      { __proto__: null, highWaterMark: 0 },
    );
    // The response goes out first, and whoever made the socket has had the time to listen.
    startTimer(() => {
      this.#listener.opened('');
      if (this.#isOver) void chain(bytes.cancel(), ignore, ignore);
      else this.#read(bytes.getReader());
    }, 0);
    return outgoing;
  }

  sendText(message: string): void {
    this.#send(frame(Opcode.TEXT, encodeUtf8(message)), utf8Length(message), false);
  }

  sendBytes(message: Uint8Array): void {
    this.#send(frame(Opcode.BINARY, message), typedArrayByteLength(message), false);
  }

  close(code: number | null, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const text = encodeUtf8(reason);
    const payload = code === null && text.length === 0 ? NO_BYTES : new Uint8Array(2 + text.length);
    if (payload.length > 0) {
      payload[0] = (code ?? 1000) >> 8;
      payload[1] = code ?? 1000;
      setBytes(payload, text, 2);
    }
    this.#send(frame(Opcode.CLOSE, payload), 0, true);
    startTimer(() => this.#end({ code: ABNORMAL, reason: '', wasClean: false }), CLOSE_MS);
  }

  abandon(): void {
    void chain(resolved(undefined), () => this.#end({ code: ABNORMAL, reason: '', wasClean: false }));
  }

  #send(bytes: Uint8Array, size: number, isLast: boolean): void {
    // Nothing goes after a close.
    if (this.#isClosing && !isLast) return;
    this.#waiting++;
    const queued: Queued = { bytes, size, isLast, next: null };
    if (this.#last === null) this.#first = queued;
    else this.#last.next = queued;
    this.#last = queued;
    // Until the code that sends has returned, what it sent counts as buffered.
    void chain(resolved(undefined), () => this.#give());
  }

  #give(): void {
    const queued = this.#first;
    if (!this.#isWanted || queued === null || this.#controller === null) return;
    this.#isWanted = false;
    this.#first = queued.next;
    this.#waiting--;
    if (this.#first === null) this.#last = null;
    this.#controller.enqueue(queued.bytes);
    this.#listener.sent(queued.size);
    if (queued.isLast && this.#isOver) this.#shut();
  }

  #read(reader: ReadableStreamReader<unknown>): void {
    void chain(
      reader.read(),
      ({ done, value }) => {
        if (done) return this.#end({ code: ABNORMAL, reason: '', wasClean: false });
        const wrong = this.#reader.push(value as Uint8Array, (opcode, payload) => this.#take(opcode, payload));
        if (wrong !== null) this.#violated(wrong);
        if (!this.#isOver) this.#read(reader);
        else void chain(reader.cancel(), ignore, ignore);
      },
      () => this.#end({ code: ABNORMAL, reason: '', wasClean: false }),
    );
  }

  /** Returns whether anything more is wanted. */
  #take(opcode: number, payload: Uint8Array): boolean {
    if (opcode === Opcode.PING) this.#pong(payload);
    else if (opcode === Opcode.CLOSE) this.#closed(payload);
    else if (opcode === Opcode.BINARY) this.#listener.bytes(payload);
    else if (opcode === Opcode.TEXT) this.#text(payload);
    return !this.#isOver;
  }

  /** A client that reads nothing is not answered for ever. */
  #pong(payload: Uint8Array): void {
    if (this.#waiting < MAX_WAITING_PONGS) this.#send(frame(Opcode.PONG, payload), 0, false);
  }

  #text(payload: Uint8Array): void {
    const text = modules.encoding().decodeStrictUtf8(payload);
    if (text === null) this.#violated({ code: BAD_DATA, reason: 'A text is not UTF-8' });
    else this.#listener.text(text);
  }

  /** The client closes, or answers a close. */
  #closed(payload: Uint8Array): void {
    const reason = payload.length > 2 ? modules.encoding().decodeStrictUtf8(tail(payload)) : '';
    const code = payload.length < 2 ? NO_STATUS : ((payload[0] as number) << 8) | (payload[1] as number);
    if (payload.length === 1 || reason === null || (code !== NO_STATUS && !isCode(code)))
      return this.#violated({ code: 1002, reason: 'A close frame is not in its form' });
    if (!this.#isClosing) this.#send(frame(Opcode.CLOSE, code === NO_STATUS ? NO_BYTES : payload), 0, true);
    this.#isClosing = true;
    this.#end({ code, reason, wasClean: true });
  }

  #violated({ code, reason }: Violation): void {
    this.close(code, reason);
    this.#end({ code, reason, wasClean: false });
  }

  /** What waits is still sent. */
  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#first === null || ending.code === ABNORMAL) this.#shut();
    this.#listener.ended(ending, undefined);
  }

  #shut(): void {
    const controller = this.#controller;
    this.#controller = null;
    this.#first = this.#last = null;
    controller?.close();
  }
}

const ignore = (): void => undefined;

/** Those that may stand in a frame. */
const isCode = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_STATUS && code !== ABNORMAL) ||
  (code >= 3000 && code <= 4999);

function tail(payload: Uint8Array): Uint8Array {
  const rest = new Uint8Array(payload.length - 2);
  for (let i = 0; i < rest.length; i++) rest[i] = payload[i + 2] as number;
  return rest;
}

/** Of the client's ends of pairs, which responses carry out. */
const connections: WeakMap<object, ServerConnection> = new WeakMap();
const writeConnection = uncurry(
  WeakMap.prototype.set as (this: typeof connections, end: object, connection: ServerConnection) => unknown,
);
const readConnection = uncurry(
  WeakMap.prototype.get as (this: typeof connections, end: object) => ServerConnection | undefined,
);
const removeConnection = uncurry(WeakMap.prototype.delete);

function pair(): readonly [end: object, socket: WebSocket] {
  const end = freeze({});
  const socket = socketOver((listener) => {
    const connection = new ServerConnection(listener);
    writeConnection(connections, end, connection);
    return connection;
  });
  return [end, socket];
}

/** `0` is for the response, `1` is served. */
// oxlint-disable-next-line typescript/no-extraneous-class -- it is made with `new`
export class WebSocketPair {
  constructor() {
    const [end, socket] = pair();
    put(this, '0', end);
    put(this, '1', socket);
  }
}

export const isWebSocketEnd = (value: object): boolean => readConnection(connections, value) !== undefined;

/** The connection of a response that carries this end. Throws a TypeError where it was used before. */
export function connect(end: object, bytes: ReadableStream): ReadableStream {
  const connection = readConnection(connections, end);
  if (connection === undefined) throw new TypeError('The WebSocket of the response is connected already');
  removeConnection(connections, end);
  return connection.connect(bytes);
}

interface UpgradeOptions {
  readonly protocol?: unknown;
}

/** As `Deno.upgradeWebSocket()`; `isUpgrade` says whether the request asks for it. */
export function upgrade(isUpgrade: boolean, options: UpgradeOptions | undefined): object {
  if (!isUpgrade) throw new TypeError('The request does not ask for a WebSocket: it has no "upgrade: websocket"');
  const protocol = options?.protocol;
  const headers = new Headers();
  if (protocol !== undefined && protocol !== '') headers.set('sec-websocket-protocol', domString(protocol));
  const [end, socket] = pair();
  const response = new Response(null, { status: 101, headers, webSocket: end });
  return { socket, response };
}
