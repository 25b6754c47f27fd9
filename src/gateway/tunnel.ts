/**
 * Tunnel: the connection of a client that asks for a WebSocket. Once its function has agreed, the bytes of either side
 * are passed on as they are: the host reads no frame.
 */

import { createHash } from 'node:crypto';
import { ServerResponse, validateHeaderName, validateHeaderValue, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Exchange } from '../core/invocation.ts';

/** Of RFC 6455: what an answer to a key is made of. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = /^[+/0-9A-Za-z]{22}==$/;
/** No function agrees on any: an extension changes the frames. */
const NOT_SENT: ReadonlySet<string> = new Set(['sec-websocket-accept', 'sec-websocket-extensions', 'content-type']);

/** Whether to take it as one; all others are answered as if they had not asked. */
export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    KEY.test(headers['sec-websocket-key'] ?? '')
  );
}

export class Tunnel {
  /** For any answer but the handshake. */
  readonly response: ServerResponse;
  readonly #socket: Duplex;
  readonly #key: string;
  #exchange: Exchange | null = null;

  /** `first`: what came behind the request. */
  constructor(request: IncomingMessage, socket: Duplex, first: Buffer) {
    this.#socket = socket;
    this.#key = request.headers['sec-websocket-key'] ?? '';
    this.response = new ServerResponse(request);
    this.response.shouldKeepAlive = false;
    this.response.assignSocket(socket as never);
    this.response.on('finish', () => socket.end());
    // What goes wrong on it is told of by its end.
    socket.on('error', () => undefined);
    socket.pause();
    if (first.length > 0) socket.unshift(first);
  }

  /** Sends the handshake; `headers` are name, value, name, value … Throws where HTTP does not allow one. */
  open(headers: readonly string[], exchange: Exchange | null): void {
    const accept = createHash('sha1').update(this.#key).update(GUID).digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: Upgrade'];
    lines.push(`sec-websocket-accept: ${accept}`);
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const [name, value] = [headers[i] as string, headers[i + 1] as string];
      if (NOT_SENT.has(name.toLowerCase())) continue;
      validateHeaderName(name);
      validateHeaderValue(name, value);
      lines.push(`${name}: ${value}`);
    }
    this.#exchange = exchange;
    const socket = this.#socket;
    this.response.detachSocket(socket as never);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    socket.on('data', (chunk: Buffer) => {
      if (this.#exchange?.write(chunk, () => socket.resume()) === false) socket.pause();
    });
    socket.on('end', () => this.#exchange?.endBody());
    socket.on('drain', () => this.#exchange?.resume());
    socket.resume();
  }

  /** Returns false when the client is behind. */
  write(chunk: Uint8Array): boolean {
    return this.#socket.destroyed || this.#socket.write(chunk);
  }

  end(): void {
    this.#exchange = null;
    this.#socket.end();
  }

  destroy(): void {
    this.#exchange = null;
    this.#socket.destroy();
  }

  onClose(listener: () => void): void {
    this.#socket.on('close', listener);
  }
}
