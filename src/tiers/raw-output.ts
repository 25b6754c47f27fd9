/**
 * RawOutput: what processes of a sandbox write to their standard output, as lines of its log.
 *
 * It is read at a bounded rate: whoever writes faster waits for the pipe, as for any other slow reader.
 */

import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const BYTES_A_SECOND = 1024 * 1024;
/** A line that does not end is cut here. */
const MAX_LINE_UNITS = 16 * 1024;

export class RawOutput {
  readonly #stream: Readable;
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #sinceMs = 0;
  #bytes = 0;

  constructor(stream: Readable, onLine: (line: string) => void) {
    this.#stream = stream;
    this.#onLine = onLine;
    stream.once('end', () => this.#end());
  }

  take(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#tell(line);
    if (this.#rest.length > MAX_LINE_UNITS) this.#flush();
    this.#slowDown(chunk.length);
  }

  #tell(line: string): void {
    let at = 0;
    do this.#onLine(line.slice(at, at + MAX_LINE_UNITS));
    while ((at += MAX_LINE_UNITS) < line.length);
  }

  #flush(): void {
    const rest = this.#rest;
    this.#rest = '';
    this.#tell(rest);
  }

  #end(): void {
    this.#rest += this.#decoder.end();
    if (this.#rest !== '') this.#flush();
  }

  #slowDown(bytes: number): void {
    const now = performance.now();
    if (now - this.#sinceMs > 1_000) {
      this.#sinceMs = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    if (this.#bytes < BYTES_A_SECOND) return;
    this.#stream.pause();
    setTimeout(() => this.#stream.resume(), 1_000 - (now - this.#sinceMs)).unref();
  }
}
