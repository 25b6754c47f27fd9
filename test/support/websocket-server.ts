/** A WebSocket server of a few lines, which speaks RFC 6455 with whoever connects, or something else where a test wants that. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export const Opcode = { TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export interface Peer {
  readonly socket: Duplex;
  readonly request: IncomingMessage;
  send(opcode: number, payload: string | Uint8Array): void;
}

export interface WebSocketServer {
  readonly url: string;
  readonly port: number;
  readonly peers: readonly Peer[];
  /** Every frame that came, in order. */
  readonly frames: readonly { readonly opcode: number; readonly payload: Buffer }[];
  [Symbol.asyncDispose](): Promise<void>;
}

export interface WebSocketServerOptions {
  /** Hears every frame; by default messages and closes are sent back. */
  readonly onFrame?: (peer: Peer, opcode: number, payload: Buffer) => void;
  readonly onOpen?: (peer: Peer) => void;
  /** More headers of the answer, each with its line end. */
  readonly headers?: string;
  /** In the place of the whole answer. */
  readonly answer?: string;
  readonly host?: string;
  /** Over TLS. */
  readonly identity?: { readonly key: string; readonly cert: string };
}

export async function startWebSocketServer(options: WebSocketServerOptions = {}): Promise<WebSocketServer> {
  const { onFrame = echo, onOpen, headers = '', answer, host = '127.0.0.1', identity } = options;
  const peers: Peer[] = [];
  const frames: { opcode: number; payload: Buffer }[] = [];
  const server =
    identity === undefined ? createServer() : createTlsServer({ ...identity, ALPNProtocols: ['h2', 'http/1.1'] });
  server.on('upgrade', (request, socket) => {
    const peer: Peer = { socket, request, send: (opcode, payload) => void socket.write(frame(opcode, payload)) };
    peers.push(peer);
    socket.on('error', () => socket.destroy());
    const protocol = request.headers['sec-websocket-protocol']?.split(',')[0]?.trim();
    socket.write(answer ?? handshake(request, protocol, headers));
    if (answer !== undefined) return void socket.end();
    onOpen?.(peer);
    readFrames(socket, (opcode, payload) => {
      frames.push({ opcode, payload });
      onFrame(peer, opcode, payload);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${identity === undefined ? 'ws' : 'wss'}://${host}:${port}`,
    port,
    peers,
    frames,
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of peers) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function echo(peer: Peer, opcode: number, payload: Buffer): void {
  if (opcode === Opcode.PING || opcode === Opcode.PONG) return;
  peer.send(opcode, payload);
  if (opcode === Opcode.CLOSE) peer.socket.end();
}

function handshake(request: IncomingMessage, protocol: string | undefined, headers: string): string {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const chosen = protocol === undefined ? '' : `sec-websocket-protocol: ${protocol}\r\n`;
  return `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n${chosen}${headers}\r\n`;
}

export function frame(opcode: number, payload: string | Uint8Array): Buffer {
  const body = Buffer.from(payload as Uint8Array);
  const { length } = body;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  header[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, body]);
}

/** Of a client, whose frames are masked and whole. */
function readFrames(socket: Duplex, each: (opcode: number, payload: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (let size = frameSize(held); size !== null && held.length >= size; size = frameSize(held)) {
      const [opcode, payload] = parseFrame(held.subarray(0, size));
      held = held.subarray(size);
      each(opcode, payload);
    }
  });
}

function frameSize(bytes: Buffer): number | null {
  if (bytes.length < 2) return null;
  const short = (bytes[1] as number) & 0x7f;
  const header = short < 126 ? 6 : short === 126 ? 8 : 14;
  if (bytes.length < header) return null;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return header + length;
}

function parseFrame(bytes: Buffer): readonly [opcode: number, payload: Buffer] {
  const short = (bytes[1] as number) & 0x7f;
  const at = short < 126 ? 2 : short === 126 ? 4 : 10;
  const payload = Buffer.from(bytes.subarray(at + 4));
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] as number) ^ (bytes[at + (i % 4)] as number);
  return [(bytes[0] as number) & 0x0f, payload];
}
