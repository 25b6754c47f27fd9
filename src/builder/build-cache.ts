/**
 * BuildCache: results on disk, so that a restart or a second deploy of the same content costs no build.
 *
 * V8 trusts a code cache as it trusts its own memory, so nobody but this host may have written one: hence the seal.
 */

import type { BuildResult } from './build-result.ts';
import { SealedFolder, type SealedFolderOptions } from './sealed-folder.ts';

interface EntryHead {
  readonly format: BuildResult['format'];
  readonly codeBytes: number;
  readonly cacheBytes: number;
  readonly mapBytes: number;
  readonly fetched: readonly (readonly [path: string, bytes: number])[];
  readonly warnings: readonly string[];
}

export class BuildCache {
  readonly #folder: SealedFolder;

  constructor(options: SealedFolderOptions) {
    this.#folder = new SealedFolder(options);
  }

  /** Null where there is nothing, or nothing of ours. */
  async get(hash: string): Promise<BuildResult | null> {
    const entry = await this.#folder.get(hash);
    return entry === null ? null : decode(entry);
  }

  async put(hash: string, result: BuildResult): Promise<void> {
    await this.#folder.put(hash, encode(result));
  }
}

/** u32 length of the head | head, JSON | code | cache | source map | fetched files */
function encode({ format, code, cache, map, warnings, fetched }: BuildResult): Buffer {
  const head: EntryHead = {
    format,
    warnings,
    codeBytes: code.length,
    cacheBytes: cache?.length ?? 0,
    mapBytes: map?.length ?? 0,
    fetched: Array.from(fetched, ([path, content]) => [path, content.length]),
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headBytes.length);
  const parts = [code, cache, map, ...fetched.values()].filter((part) => part !== null);
  return Buffer.concat([length, headBytes, ...parts]);
}

/** Only of content that is authentic. */
function decode(content: Buffer): BuildResult {
  let at = 4 + content.readUInt32LE(0);
  const head = JSON.parse(content.toString('utf8', 4, at)) as EntryHead;
  // Copies: the parts live on their own.
  const take = (bytes: number): Uint8Array => Uint8Array.from(content.subarray(at, (at += bytes)));
  const takeIfAny = (bytes: number): Uint8Array | null => (bytes === 0 ? null : take(bytes));
  const { format, warnings } = head;
  return {
    format,
    code: take(head.codeBytes),
    cache: takeIfAny(head.cacheBytes),
    map: takeIfAny(head.mapBytes),
    fetched: new Map(head.fetched.map(([path, bytes]) => [path, take(bytes)])),
    interleaves: format === 'script',
    warnings,
  };
}
