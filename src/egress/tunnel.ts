/** Tunnel: bytes between a sandbox and one pinned connection, whatever they are, counted and bounded. */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Tunnel {
  readonly socket: Socket;
  readonly maxSentBytes: number;
  readonly maxReceivedBytes: number;
  /** Called once. */
  onOver(sentBytes: number, receivedBytes: number): void;
}

/** Moves bytes both ways until either side ends, nothing moves for a while, or a bound is passed. */
export function pump(inside: Duplex, { socket, maxSentBytes, maxReceivedBytes, onOver }: Tunnel, idleMs: number): void {
  const destroy = (): void => {
    inside.destroy();
    socket.destroy();
  };
  // Who has said all may still listen.
  inside.allowHalfOpen = true;
  const sent = carry(inside, socket, maxSentBytes, destroy);
  const received = carry(socket, inside, maxReceivedBytes, destroy);
  socket.setTimeout(idleMs, destroy);
  socket.once('close', () => {
    if (socket.readableEnded) destroyOnceSent(inside, idleMs);
    else inside.destroy();
    onOver(sent(), received());
  });
  inside.on('error', destroy).once('close', () => socket.destroy());
  socket.on('error', destroy);
  if (inside.destroyed) socket.destroy();
}

/** The other side has said all, and is gone: what it said is still delivered. */
function destroyOnceSent(inside: Duplex, withinMs: number): void {
  if (inside.writableFinished) return void inside.destroy();
  const late = setTimeout(() => inside.destroy(), withinMs).unref();
  inside.once('finish', () => inside.destroy()).once('close', () => clearTimeout(late));
}

/** Returns how to read the count of bytes so far. */
function carry(from: Duplex, to: Duplex, maxBytes: number, stop: () => void): () => number {
  let bytes = 0;
  from
    .on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) return stop();
      if (!to.write(chunk)) from.pause();
    })
    .once('end', () => to.end());
  to.on('drain', () => from.resume());
  from.resume();
  return () => bytes;
}
