/** WebSocket, the client, as the WHATWG standard has it. Where it may connect to is the host's business, as with fetch(). */

import { CloseEvent } from './close-event.ts';
import { DOMException } from './dom-exception.ts';
import { Event } from './event.ts';
import { defineHandler } from './event-handler.ts';
import { ErrorEvent, MessageEvent } from './event-kinds.ts';
import { EventTarget, fireTrusted } from './events.ts';
import { defineConstant, defineInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import {
  bytesOf,
  domString,
  exec,
  hide,
  isObject,
  max,
  min,
  push,
  stringSlice,
  toLowerCase,
  toNumber,
  toText,
  toWellFormed,
  typedArrayBuffer,
  typedArrayByteLength,
} from './primordials.ts';
import { eachOf, iterationOf } from './sequence.ts';
import { utf8Length } from './utf8.ts';
import { Connection, type ConnectionListener, type Ending, type SocketConnection } from './websocket-connection.ts';

export { CloseEvent };

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const MAX_REASON_BYTES = 123;

/** In the place of the URL: one that is served, and not connected to. */
const SERVED: unique symbol = Symbol('served');

/** The socket of a server. Its `accept()` opens it before its client is there, which gets what was sent meanwhile. */
export let socketOver: (make: (listener: ConnectionListener) => SocketConnection) => WebSocket;

export class WebSocket extends EventTarget {
  readonly #url: string;
  #connection!: SocketConnection;
  #readyState: number = CONNECTING;
  #protocol = '';
  #binaryType: 'blob' | 'arraybuffer' = 'blob';
  #bufferedAmount = 0;

  static {
    socketOver = (make) => {
      const socket = new WebSocket(SERVED);
      socket.#connection = make(socket.#listener(''));
      hide(socket, 'accept', () => {
        if (socket.#readyState === CONNECTING) socket.#readyState = OPEN;
      });
      return socket;
    };
  }

  constructor(url: unknown, protocols: unknown = undefined) {
    requireArguments(arguments.length, 1, 'new WebSocket()');
    super();
    if (url === SERVED) {
      this.#url = '';
      return;
    }
    const { href, origin } = addressOf(toWellFormed(domString(url)));
    const names = namesOf(protocols);
    this.#url = href;
    const connection = new Connection(this.#listener(origin));
    this.#connection = connection;
    connection.start(href, names);
  }

  get url(): string {
    return this.#url;
  }

  get readyState(): number {
    return this.#readyState;
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** None is ever agreed on. */
  get extensions(): string {
    void this.#url;
    return '';
  }

  get protocol(): string {
    return this.#protocol;
  }

  get binaryType(): unknown {
    return this.#binaryType;
  }

  set binaryType(value: unknown) {
    const type = domString(value);
    void this.#binaryType;
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
  }

  close(code: unknown = undefined, reason: unknown = undefined): void {
    const number = code === undefined ? null : clampedShort(code);
    const text = reason === undefined ? '' : toWellFormed(domString(reason));
    if (number !== null && number !== 1000 && (number < 3000 || number > 4999))
      throw new DOMException(`A WebSocket closes with 1000 or 3000 to 4999, not ${number}`, 'InvalidAccessError');
    if (utf8Length(text) > MAX_REASON_BYTES)
      throw new DOMException(`The reason is longer than ${MAX_REASON_BYTES} bytes`, 'SyntaxError');
    const was = this.#readyState;
    if (was === CLOSING || was === CLOSED) return;
    this.#readyState = CLOSING;
    if (was === CONNECTING) this.#connection.abandon();
    else this.#connection.close(number, text);
  }

  send(data: unknown): void {
    requireArguments(arguments.length, 1, 'WebSocket.send()');
    const bytes = messageBytesOf(data);
    const text = bytes === null ? toWellFormed(domString(data)) : '';
    if (this.#readyState === CONNECTING) throw new DOMException('The WebSocket is not open yet', 'InvalidStateError');
    this.#bufferedAmount += bytes === null ? utf8Length(text) : typedArrayByteLength(bytes);
    if (this.#readyState !== OPEN) return;
    if (bytes === null) this.#connection.sendText(text);
    else this.#connection.sendBytes(bytes);
  }

  #listener(origin: string): ConnectionListener {
    const message = (data: unknown): void => {
      if (this.#readyState === OPEN) fireTrusted(this, new MessageEvent('message', { __proto__: null, data, origin }));
    };
    return {
      opened: (protocol) => {
        if (this.#readyState !== CONNECTING) return;
        this.#readyState = OPEN;
        this.#protocol = protocol;
        fireTrusted(this, new Event('open'));
      },
      text: message,
      bytes: (bytes) =>
        message(this.#binaryType === 'blob' ? modules.blob().makeBlob(bytes, '') : typedArrayBuffer(bytes)),
      sent: (bytes) => void (this.#bufferedAmount -= bytes),
      ended: (ending, error) => this.#ended(ending, error),
    };
  }

  #ended(ending: Ending, error: unknown): void {
    this.#readyState = CLOSED;
    if (error !== undefined) fireTrusted(this, errorEvent(error));
    const { code, reason, wasClean } = ending;
    fireTrusted(this, new CloseEvent('close', { __proto__: null, code, reason, wasClean }));
  }
}

defineConstant(WebSocket, 'CONNECTING', CONNECTING);
defineConstant(WebSocket, 'OPEN', OPEN);
defineConstant(WebSocket, 'CLOSING', CLOSING);
defineConstant(WebSocket, 'CLOSED', CLOSED);
defineHandler(WebSocket.prototype, 'open');
defineHandler(WebSocket.prototype, 'message');
defineHandler(WebSocket.prototype, 'error');
defineHandler(WebSocket.prototype, 'close');
defineInterface(WebSocket, 'WebSocket');

/** Of ws or wss; http and https are put in their form. Throws a SyntaxError. */
function addressOf(text: string): { readonly href: string; readonly origin: string } {
  const { basicURLParse, serializeURL, serializeURLOrigin } = modules.urlParser();
  const record = basicURLParse(text);
  if (record === null) throw new DOMException('The URL of the WebSocket is not valid', 'SyntaxError');
  const { scheme } = record;
  if (scheme === 'http') record.scheme = 'ws';
  else if (scheme === 'https') record.scheme = 'wss';
  else if (scheme !== 'ws' && scheme !== 'wss')
    throw new DOMException(`The URL of a WebSocket begins with ws: or wss:, not ${scheme}:`, 'SyntaxError');
  if (record.fragment !== null) throw new DOMException('The URL of a WebSocket has no fragment', 'SyntaxError');
  return { href: serializeURL(record), origin: serializeURLOrigin(record) };
}

/** One name, or a list of them. Throws a SyntaxError for what is no token, or is there twice. */
function namesOf(protocols: unknown): readonly string[] {
  const names: string[] = [];
  const seen: string[] = [];
  const add = (item: unknown): void => {
    const name = domString(item);
    const key = toLowerCase(name);
    if (exec(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, name) === null)
      throw new DOMException(`Not a protocol of a WebSocket: ${stringSlice(name, 0, 100)}`, 'SyntaxError');
    for (let i = 0; i < seen.length; i++)
      if (seen[i] === key) throw new DOMException(`The protocol ${name} is named twice`, 'SyntaxError');
    push(names, name);
    push(seen, key);
  };
  if (protocols === undefined) return names;
  const method = isObject(protocols) ? iterationOf(protocols) : null;
  if (method === null) add(protocols);
  else eachOf(protocols as object, method, add);
  return names;
}

/** Null for what is sent as text. */
function messageBytesOf(data: unknown): Uint8Array | null {
  const blobs = modules.blobIfLoaded();
  if (blobs?.isBlob(data) === true) return blobs.bytesOfBlob(data);
  return bytesOf(data);
}

/** As Web IDL has it for [Clamp]: to the nearest, to the even one of two. */
function clampedShort(value: unknown): number {
  const number = toNumber(value);
  if (number !== number) return 0;
  const bound = max(min(number, 0xffff), 0);
  const rest = bound % 1;
  const whole = bound - rest;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

function errorEvent(error: unknown): ErrorEvent {
  const message = isObject(error) ? toText((error as { readonly message?: unknown }).message) : '';
  return new ErrorEvent('error', { __proto__: null, error, message });
}
