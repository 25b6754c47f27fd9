/** Compression: the CompressionStreams and DecompressionStreams of one sandbox, by numbers that its isolate counts up. */

import { Compressor } from './compressor.ts';
import type { ServiceValue } from './service-request.ts';
import type { ServiceResult } from './services.ts';

/** Each holds a few hundred kilobytes. */
const MAX_OPEN = 64;
const MAX_INPUT_BYTES = 64 * 1024;

export class Compression {
  readonly #open = new Map<number, Compressor>();
  readonly #busy = new Set<Compressor>();

  /** `call` is 0 where there is none to end it with. */
  async run(method: string, args: readonly ServiceValue[], call: number): Promise<ServiceResult> {
    const id = Number(args[0]);
    if (method === 'open') this.#start(id, args[1], args[2], call);
    else if (method === 'step') return this.#step(id, args[1] instanceof Uint8Array ? args[1] : null, args[2] === true);
    else if (method === 'close') this.#close(id);
    else throw new TypeError('There is no such service');
    return { value: null, buffers: [] };
  }

  callOver(call: number): void {
    for (const [id, compressor] of this.#open) if (compressor.call === call) this.#close(id);
  }

  end(): void {
    for (const id of this.#open.keys()) this.#close(id);
  }

  #start(id: number, mode: unknown, format: unknown, call: number): void {
    if (typeof mode !== 'string' || typeof format !== 'string') throw new TypeError('There is no such format');
    if (call === 0) throw new TypeError('Streams are compressed and decompressed within an invocation');
    if (this.#open.has(id)) throw new TypeError('The stream is there already');
    if (this.#open.size >= MAX_OPEN)
      throw new TypeError(`At most ${MAX_OPEN} streams can be compressed and decompressed at a time`);
    this.#open.set(id, new Compressor(mode, format, call));
  }

  async #step(id: number, input: Uint8Array | null, end: boolean): Promise<ServiceResult> {
    const compressor = this.#open.get(id);
    if (compressor === undefined) throw new TypeError('The invocation that the stream belongs to is over');
    if (this.#busy.has(compressor)) throw new TypeError('The stream is at work');
    if (input !== null && input.length > MAX_INPUT_BYTES) throw new TypeError('Too much at a time');
    this.#busy.add(compressor);
    try {
      const { output, more, ended } = await compressor.step(input, end);
      if (ended) this.#close(id);
      return { value: [more, ended], buffers: output === null ? [] : [output] };
    } catch (error) {
      this.#close(id);
      throw error;
    } finally {
      this.#busy.delete(compressor);
    }
  }

  #close(id: number): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
  }
}
