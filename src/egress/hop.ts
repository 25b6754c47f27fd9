/** Hop: one request to one place and its answer, as the HTTP client tells of it. A redirect makes another hop. */

import type { Dispatcher } from 'undici';
import { EgressFailure } from './failure.ts';

/** Who hears of a hop; nothing after {@link Hop.abort} or {@link Hop.drain}. */
export interface HopListener {
  onHead(status: number, statusText: string, rawHeaders: readonly (Buffer | string)[]): void;
  /** Returns false to hold the answer back until {@link Hop.resume}. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onError(error: unknown): void;
}

/** So much of a body that nobody wants is read, to keep the connection. */
const DRAINED_BYTES = 16 * 1024;

export class Hop implements Dispatcher.DispatchHandler {
  readonly #listener: HopListener;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;
  #drainedBytes = 0;

  constructor(listener: HopListener) {
    this.#listener = listener;
  }

  /** Ends it and its connection. */
  abort(): void {
    this.#isOver = true;
    this.#controller?.abort(new EgressFailure('ABORTED', 'the request was aborted'));
  }

  /** Lets it come to its end unheard, if that is near. */
  drain(): void {
    this.#isOver = true;
    this.#controller?.resume();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) this.abort();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, text = ''): void {
    // 103 Early Hints and the like: the answer is still to come.
    if (this.#isOver || status < 200) return;
    this.#listener.onHead(status, text, (controller.rawHeaders ?? []) as (Buffer | string)[]);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) {
      this.#drainedBytes += chunk.length;
      if (this.#drainedBytes > DRAINED_BYTES) this.abort();
      return;
    }
    if (!this.#listener.onData(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onError(error);
  }
}
