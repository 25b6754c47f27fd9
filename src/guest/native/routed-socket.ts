/**
 * Routed socket: a socket of Node's that has no connection of its own and carries the bytes of another stream. To whoever
 * made it, it is the socket that it would have been.
 */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bindContext } from './context.ts';

type Done = (error?: Error | null) => void;

/** What Node's sockets do by hooks of their own. */
interface Hooks {
  _read(): void;
  _write(chunk: Buffer, encoding: string, done: Done): void;
  _writev: null;
  _final(done: Done): void;
  _destroy(error: Error | null, done: Done): void;
  /** Node's own: something has moved, so no time-out is due. */
  _unrefTimer(): void;
  setKeepAlive(): Socket;
  setNoDelay(): Socket;
  ref(): Socket;
  unref(): Socket;
}

/**
 * Has the socket connect through `stream`, which `open` makes ready. It is told of the outcome as Node tells it: `connect`
 * and `ready`, or `error`. Nothing is heard before this has returned.
 */
export function routeSocket(socket: Socket, stream: Duplex, open: (done: (error: Error | null) => void) => void): void {
  const own = socket as unknown as Hooks & { connecting: boolean };
  const destroy = own._destroy.bind(socket);
  /** What was written, or ended, before it was connected. */
  let waiting: (() => void) | null = null;
  let isOpen = false;
  let isWanted = false;
  let hasEnded = false;
  const whenOpen = (step: () => void): void => {
    if (isOpen) step();
    else waiting = step;
  };
  Object.assign(own, {
    connecting: true,
    _read() {
      isWanted = true;
      if (isOpen) stream.resume();
    },
    _write(chunk, encoding, done) {
      whenOpen(() => {
        own._unrefTimer();
        stream.write(chunk, encoding as BufferEncoding, done);
      });
    },
    _writev: null,
    _final: (done) => whenOpen(() => stream.end(done)),
    _destroy(error, done) {
      stream.destroy();
      destroy(error, done);
    },
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
    ref: () => socket,
    unref: () => socket,
  } satisfies Partial<Hooks> & { connecting: boolean });
  // What code keeps for itself in its context is there in its listeners, as it is with any socket.
  const here = <A extends unknown[]>(listener: (...args: A) => void): ((...args: A) => void) => bindContext(listener);
  const onOpen = here((error: Error | null) => {
    if (socket.destroyed) return;
    if (error !== null) return void socket.destroy(error);
    isOpen = true;
    own.connecting = false;
    stream.on('data', onData).on('end', onEnd);
    if (isWanted) stream.resume();
    else stream.pause();
    waiting?.();
    waiting = null;
    socket.emit('connect');
    socket.emit('ready');
  });
  const onData = here((chunk: Buffer) => {
    own._unrefTimer();
    if (!socket.push(chunk)) stream.pause();
  });
  const onEnd = here(() => {
    hasEnded = true;
    socket.push(null);
  });
  const onClose = here(() => {
    // What was delivered is still read.
    if (socket.readableLength > 0 && !hasEnded) socket.push(null);
    else if (!hasEnded) socket.destroy();
  });
  stream.on(
    'error',
    here((error: Error) => void socket.destroy(error)),
  );
  stream.on('close', onClose);
  open(onOpen);
}
