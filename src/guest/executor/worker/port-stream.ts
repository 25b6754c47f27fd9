/**
 * PortStream: a channel between threads as a stream of bytes, so that frames cross it like any other channel. What is
 * written is copied before `write` returns.
 */

import { Duplex } from 'node:stream';
import type { MessagePort } from 'node:worker_threads';

export class PortStream extends Duplex {
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    super({ decodeStrings: true });
    this.#port = port;
    port.on('message', (message: unknown) => {
      if (message instanceof Uint8Array) this.push(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
      else this.destroy(new Error('a message that is not bytes'));
    });
    port.on('messageerror', (error) => this.destroy(error));
    port.on('close', () => this.destroy());
  }

  override _read(): void {
    // The port delivers as it comes; credit bounds what is under way.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    const own = new Uint8Array(chunk);
    this.#port.postMessage(own, [own.buffer]);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#port.close();
    done(error);
  }
}
