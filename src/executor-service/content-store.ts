/** ContentStore: code that hosts have sent, by its hash, so that it crosses the network once; the least used goes first. */

import type { Artifact } from '../core/function.ts';
import { ProtocolError } from '../wire/meta.ts';
import { contentHash, type ContentMeta } from '../wire/remote/open-meta.ts';

export class ContentStore {
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #artifacts = new Map<string, Artifact>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  find({ hash }: ContentMeta): Artifact | null {
    const artifact = this.#artifacts.get(hash);
    if (artifact === undefined) return null;
    this.#artifacts.delete(hash);
    this.#artifacts.set(hash, artifact);
    return artifact;
  }

  /** Throws a ProtocolError where the content is not what its hash says. */
  add(meta: ContentMeta, content: Buffer): Artifact {
    const { hash, format, interleaves, codeBytes, cacheBytes } = meta;
    if (content.length !== codeBytes + cacheBytes || contentHash(meta, [content]) !== hash)
      throw new ProtocolError('a content that does not have its hash');
    const own = Buffer.from(content);
    const cache = cacheBytes === 0 ? null : own.subarray(codeBytes);
    const artifact: Artifact = { format, interleaves, code: own.subarray(0, codeBytes), cache };
    if (!this.#artifacts.has(hash)) this.#bytes += content.length;
    this.#artifacts.set(hash, artifact);
    this.#shrink();
    return artifact;
  }

  #shrink(): void {
    for (const [hash, { code, cache }] of this.#artifacts) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#artifacts.delete(hash);
      this.#bytes -= code.length + (cache?.length ?? 0);
    }
  }
}
