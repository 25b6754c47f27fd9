/**
 * Services: what one sandbox asks of its own executor, and the host never hears of: cryptography and compression. Both
 * are Node's, on its pool of threads. An answer is a message to the isolate; what was asked too often, or in a form that no
 * honest isolate writes, gets none.
 */

import type { RecordReader } from '../records.ts';
import { Compression } from './compression.ts';
import { readRequest, type ServiceRequest } from './service-request.ts';
import { Subtle } from './subtle.ts';
import { isHeavy } from './work-limits.ts';

/** What a service has to say: JSON, beside the bytes that it refers to by index. */
export interface ServiceResult {
  readonly value: unknown;
  readonly buffers: readonly Uint8Array[];
}

/** `outcome` is JSON: `[1, value]`, or `[0, name, message]` of the error. */
type Answer = (op: number, buffers: readonly Uint8Array[], outcome: string) => void;

/** As many as the isolate asks for at a time; the others wait there, in memory that counts as its own. */
export const MAX_RUNNING = 8;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export class Services {
  readonly #answer: Answer;
  readonly #isOpen: (call: number) => boolean;
  readonly #subtle = new Subtle();
  readonly #compression = new Compression();
  #running = 0;
  #ended = false;

  /** Of what takes long, one is under way at a time, and what its call no longer waits for is not begun. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(answer: Answer, isOpen: (call: number) => boolean) {
    this.#answer = answer;
    this.#isOpen = isOpen;
  }

  /** `record.id` is the call on whose behalf it is asked, 0 where there is none. */
  take(record: RecordReader): void {
    if (this.#ended || this.#running >= MAX_RUNNING) return;
    const request = readRequest(record.meta, record.body);
    if (request === null) return;
    this.#running++;
    const call = this.#isOpen(record.id) ? record.id : 0;
    const isTooLarge = record.body !== null && record.body.length > MAX_BODY_BYTES;
    void (isTooLarge ? Promise.reject(tooLarge()) : this.#serve(request, call)).then(
      ({ value, buffers }) => this.#end(request.op, buffers, [1, value]),
      (error: unknown) => this.#end(request.op, [], [0, ...errorOf(error)]),
    );
  }

  /** What belongs to a call ends with it. */
  callOver(call: number): void {
    this.#compression.callOver(call);
  }

  /** The sandbox has gone, and what is still running is of use to nobody. */
  end(): void {
    this.#ended = true;
    this.#compression.end();
    this.#subtle.end();
  }

  async #serve(request: ServiceRequest, call: number): Promise<ServiceResult> {
    const [service, method = ''] = request.kind.split('.');
    if (service === 'subtle')
      return isHeavy(method, request.args)
        ? this.#inTurn(call, () => this.#subtle.run(method, request.args))
        : this.#subtle.run(method, request.args);
    if (service === 'compression') return this.#compression.run(method, request.args, call);
    throw new TypeError('There is no such service');
  }

  #inTurn(call: number, work: () => Promise<ServiceResult>): Promise<ServiceResult> {
    const result = this.#turn.then(() => {
      if (this.#ended || (call !== 0 && !this.#isOpen(call))) throw new TypeError('Its invocation is over');
      return work();
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #end(op: number, buffers: readonly Uint8Array[], outcome: readonly unknown[]): void {
    this.#running--;
    if (!this.#ended) this.#answer(op, buffers, JSON.stringify(outcome));
  }
}

const tooLarge = (): DOMException =>
  new DOMException(`At most ${MAX_BODY_BYTES} bytes can be worked on at a time`, 'OperationError');

const MAX_MESSAGE_UNITS = 500;

function errorOf(error: unknown): [name: string, message: string] {
  const message = error instanceof Error ? error.message.slice(0, MAX_MESSAGE_UNITS) : 'It failed';
  if (error instanceof DOMException) return [error.name, message];
  return [error instanceof TypeError ? 'TypeError' : 'OperationError', message];
}
