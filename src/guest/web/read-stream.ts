/** Streams of bytes, read to their end or in two. */

import { joined } from './bytes.ts';
import { chain } from './engine.ts';
import * as modules from './modules.ts';
import {
  bytesOf,
  getPrototypeOf,
  hasOwn,
  isObject,
  ownKeys,
  Promise,
  push,
  toText,
  TypeError,
  Uint8Array,
} from './primordials.ts';

/** Reads a stream of bytes to its end; any other chunk rejects with a TypeError. `maxBytes` rejects with `tooLong()`. */
export function readAll(
  stream: ReadableStream,
  maxBytes: number = Infinity,
  tooLong?: () => unknown,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    collect(stream, resolve, reject, maxBytes, tooLong);
  });
}

/**
 * The same, without a promise: `done` is called with all the bytes, or `fail` with the reason, unless this throws because
 * the stream is locked.
 */
export function collect(
  stream: ReadableStream,
  done: (bytes: Uint8Array) => void,
  fail: (reason: unknown) => void,
  maxBytes: number = Infinity,
  tooLong?: () => unknown,
): void {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const take = (value: unknown): boolean => {
    const chunk = value instanceof Uint8Array ? bytesOf(value) : null;
    length += chunk?.length ?? 0;
    if (chunk !== null && length <= maxBytes) {
      push(chunks, chunk);
      return true;
    }
    const reason = chunk === null ? new TypeError('A body stream may hold Uint8Array chunks only') : tooLong?.();
    void chain(reader.cancel(reason), ignore, ignore);
    fail(reason);
    return false;
  };
  eachChunk(stream, reader, take, () => done(joined(chunks)), fail);
}

const ignore = (): void => undefined;

/** What the streams library asks of whoever reads: the standard's read request. */
interface ReadRequest {
  _chunkSteps(chunk: unknown): void;
  _closeSteps(): void;
  _errorSteps(reason: unknown): void;
}

/** The slots of its streams that are read here. */
interface Slots {
  _disturbed: boolean;
  readonly _state: 'readable' | 'closed' | 'errored';
  readonly _storedError: unknown;
  readonly _readableStreamController: Record<symbol, (request: ReadRequest) => void>;
}

/**
 * Gives every chunk to `take` until it returns false. A promise for `{ done, value }` would ask `Object.prototype` for
 * `then`, and believe what it finds; the library's own requests do not. Any other stream is read as its reader has it.
 */
export function eachChunk(
  stream: ReadableStream,
  reader: ReadableStreamReader<unknown>,
  take: (chunk: unknown) => boolean,
  close: () => void,
  fail: (reason: unknown) => void,
): void {
  const slots = stream as unknown as Slots;
  const pull = pullStepsOf(slots);
  if (pull === null) return readEach(reader, take, close, fail);
  // Chunks that are there come while they are asked for: a loop, lest the stack grow with them.
  let isAsking = false;
  let isWanted = true;
  const request: ReadRequest = {
    _chunkSteps: (chunk) => {
      isWanted = take(chunk);
      if (isWanted && !isAsking) ask();
    },
    _closeSteps: () => {
      isWanted = false;
      close();
    },
    _errorSteps: (reason) => {
      isWanted = false;
      fail(reason);
    },
  };
  const ask = (): void => {
    isAsking = true;
    while (isWanted) {
      isWanted = false;
      if (slots._state === 'closed') request._closeSteps();
      else if (slots._state === 'errored') request._errorSteps(slots._storedError);
      else slots._readableStreamController[pull]?.(request);
    }
    isAsking = false;
  };
  slots._disturbed = true;
  ask();
}

let pullSteps: symbol | null = null;

/** The name of the method by which the library's controllers take a read request; null for another's stream. */
function pullStepsOf({ _readableStreamController: controller, _state: state }: Slots): symbol | null {
  if (!isObject(controller) || typeof state !== 'string') return null;
  if (pullSteps === null) {
    const keys = ownKeys(getPrototypeOf(controller) as object);
    for (let i = 0; i < keys.length; i++)
      if (typeof keys[i] === 'symbol' && toText(keys[i]) === 'Symbol([[PullSteps]])') pullSteps = keys[i] as symbol;
  }
  return pullSteps !== null && typeof controller[pullSteps] === 'function' ? pullSteps : null;
}

function readEach(
  reader: ReadableStreamReader<unknown>,
  take: (chunk: unknown) => boolean,
  close: () => void,
  fail: (reason: unknown) => void,
): void {
  const next = (): void =>
    void chain(
      reader.read(),
      ({ done, value }) => {
        if (done) close();
        else if (take(value)) next();
      },
      fail,
    );
  next();
}

/** Two streams of what one holds. The second has chunks of its own: nobody who writes to one is seen in the other. */
export function teeBody(stream: ReadableStream): readonly [ReadableStream, ReadableStream] {
  if (!isByteStream(stream)) return new Tee(stream).streams;
  const teed = stream.tee();
  return [teed[0], teed[1]];
}

/** Whose chunks are its reader's alone, since it took their memory away from who gave them. The library's slots tell. */
export function isByteStream(stream: object): boolean {
  const controller = (stream as { _readableStreamController?: unknown })._readableStreamController;
  return isObject(controller) && hasOwn(controller, '_controlledReadableByteStream');
}

interface Controller {
  enqueue(chunk: unknown): void;
  close(): void;
  error(reason: unknown): void;
}

/** Reads one stream for two, as far as the faster of them wants. */
class Tee {
  readonly streams: readonly [ReadableStream, ReadableStream];
  readonly #reader: ReadableStreamReader<unknown>;
  #first: Controller | null = null;
  #second: Controller | null = null;
  #isReading = false;

  constructor(stream: ReadableStream) {
    this.#reader = stream.getReader();
    this.streams = [
      this.#branch(
        (controller) => void (this.#first = controller),
        () => this.#second === null,
      ),
      this.#branch(
        (controller) => void (this.#second = controller),
        () => this.#first === null,
      ),
    ];
  }

  /** `set` takes its controller, and null when it is cancelled. */
  #branch(set: (controller: Controller | null) => void, isLast: () => boolean): ReadableStream {
    return modules.streams().makeStream(
      {
        __proto__: null,
        start: set,
        pull: () => this.#read(),
        cancel: (reason: unknown) => {
          set(null);
          return isLast() ? this.#reader.cancel(reason) : undefined;
        },
      },
      { __proto__: null, highWaterMark: 0 },
    );
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void chain(
      this.#reader.read(),
      ({ done, value }) => {
        this.#isReading = false;
        if (done) return this.#each((controller) => controller.close());
        try {
          const copy = modules.cloning().structuredClone(value);
          this.#first?.enqueue(value);
          this.#second?.enqueue(copy);
        } catch (error) {
          this.#fail(error);
          void chain(this.#reader.cancel(error), ignore, ignore);
        }
      },
      (error) => this.#fail(error),
    );
  }

  #fail(reason: unknown): void {
    this.#each((controller) => controller.error(reason));
  }

  #each(tell: (controller: Controller) => void): void {
    if (this.#first !== null) tell(this.#first);
    if (this.#second !== null) tell(this.#second);
  }
}
