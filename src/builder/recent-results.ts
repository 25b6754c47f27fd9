/** RecentResults: the last results in memory, bounded by their bytes; the one that was not used for longest goes first. */

import type { BuildResult } from './build-result.ts';

export class RecentResults {
  readonly #maxBytes: number;
  readonly #results = new Map<string, BuildResult>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(hash: string): BuildResult | undefined {
    const result = this.#results.get(hash);
    if (result === undefined) return undefined;
    this.#results.delete(hash);
    this.#results.set(hash, result);
    return result;
  }

  put(hash: string, result: BuildResult): void {
    if (this.#results.has(hash)) return;
    this.#results.set(hash, result);
    this.#bytes += bytesOf(result);
    for (const [oldest, old] of this.#results) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#results.delete(oldest);
      this.#bytes -= bytesOf(old);
    }
  }
}

function bytesOf({ code, cache, map, fetched }: BuildResult): number {
  let bytes = code.length + (cache?.length ?? 0) + (map?.length ?? 0);
  for (const content of fetched.values()) bytes += content.length;
  return bytes;
}
