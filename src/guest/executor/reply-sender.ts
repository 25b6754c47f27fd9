/** Sends a buffered body too large for one frame: a HEAD, then DATA as the host gives credit, then END. */

import { chunksOf, type FrameSender } from '../../wire/connection.ts';
import { FrameType, WINDOW_BYTES } from '../../wire/frames.ts';

export class ReplySender {
  readonly #connection: FrameSender;
  readonly #id: number;
  readonly #chunks: Iterator<Uint8Array>;
  readonly #onEnd: () => void;
  #next: Uint8Array | undefined;
  #window = WINDOW_BYTES;

  constructor(connection: FrameSender, id: number, meta: string, body: Uint8Array, onEnd: () => void) {
    this.#connection = connection;
    this.#id = id;
    this.#onEnd = onEnd;
    this.#chunks = chunksOf(body);
    this.#next = this.#chunks.next().value;
    const [status, headers] = JSON.parse(meta) as [number, string[]];
    if (!headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length'))
      headers.push('content-length', `${body.length}`);
    connection.sendMeta(FrameType.HEAD, id, JSON.stringify([status, headers, 0]), null);
    this.credit(0);
  }

  credit(bytes: number): void {
    this.#window += bytes;
    while (this.#next !== undefined && this.#next.length <= this.#window) {
      this.#window -= this.#next.length;
      this.#connection.sendBytes(FrameType.DATA, this.#id, this.#next);
      this.#next = this.#chunks.next().value;
      if (this.#next !== undefined) continue;
      this.#connection.send(FrameType.END, this.#id);
      this.#onEnd();
    }
  }
}
