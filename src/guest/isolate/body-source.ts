/** BodySource: a streamed request body, pulled by the function and fed by the host under credit. */

interface Controller {
  readonly desiredSize: number | null;
  enqueue(chunk: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

/** As many bytes as the wire's window lets the host send ahead; acknowledged bytes are sent as credit. */
export class BodySource {
  readonly stream: ReadableStream;
  readonly #acknowledge: (bytes: number) => void;
  #controller: Controller | null = null;
  #held: Uint8Array[] = [];
  #ended = false;
  #closed = false;

  constructor(makeStream: (source: object, strategy: object) => ReadableStream, acknowledge: (bytes: number) => void) {
    this.#acknowledge = acknowledge;
    this.stream = makeStream(
      {
        start: (controller: Controller) => void (this.#controller = controller),
        pull: () => this.#give(),
        cancel: () => this.#drop(),
      },
      { highWaterMark: 0 },
    );
  }

  push(chunk: Uint8Array): void {
    if (this.#closed) return this.#acknowledge(chunk.byteLength);
    this.#held[this.#held.length] = chunk;
    if ((this.#controller?.desiredSize ?? 0) > 0 || this.#wanted) this.#give();
  }

  end(): void {
    this.#ended = true;
    if (this.#held.length === 0) this.#close();
  }

  fail(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    this.#controller?.error(new TypeError('The request was aborted'));
  }

  #wanted = false;

  #give(): void {
    const chunk = this.#held[0];
    if (chunk === undefined) {
      this.#wanted = true;
      return;
    }
    this.#wanted = false;
    const rest: Uint8Array[] = [];
    for (let i = 1; i < this.#held.length; i++) rest[i - 1] = this.#held[i] as Uint8Array;
    this.#held = rest;
    this.#controller?.enqueue(chunk);
    this.#acknowledge(chunk.byteLength);
    if (this.#ended && rest.length === 0) this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller?.close();
  }

  #drop(): void {
    this.#closed = true;
    for (let i = 0; i < this.#held.length; i++) this.#acknowledge((this.#held[i] as Uint8Array).byteLength);
    this.#held = [];
  }
}
