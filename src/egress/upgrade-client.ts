/** Upgrade client: one HTTP/1.1 connection that is to become a WebSocket, over a socket that our own connector opens. */

import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { Dispatcher } from 'undici';

export interface UpgradeOptions {
  /** In bytes. */
  readonly maxMessageBytes: number;
  readonly headerBytes: number;
  /** How long the other side may take to answer. */
  readonly answerMs: number;
  connect(): Promise<Socket>;
}

/** A message in more pieces than these is refused: each costs memory besides its bytes. */
const MAX_FRAGMENTS = 1024;

export class UpgradeClient extends Client {
  constructor(origin: string, { maxMessageBytes, headerBytes, answerMs, connect }: UpgradeOptions) {
    super(origin, {
      allowH2: false,
      maxHeaderSize: headerBytes,
      headersTimeout: answerMs,
      webSocket: { maxPayloadSize: maxMessageBytes, maxFragments: MAX_FRAGMENTS },
      connect: (_options, callback) => {
        connect().then(
          (socket) => {
            // What this throws would be a rejection that nobody hears.
            try {
              callback(null, socket);
            } catch {
              socket.destroy();
            }
          },
          (error: Error) => callback(error, null),
        );
      },
    });
  }

  /** No compression is offered: what the other side sends is as long as it says. */
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const headers: Record<string, string> = { ...(options.headers as Record<string, string>) };
    delete headers['sec-websocket-extensions'];
    return super.dispatch({ ...options, headers }, handler);
  }
}
