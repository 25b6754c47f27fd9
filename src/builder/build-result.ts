/**
 * BuildResult: what a child claims to have built, checked before the host believes a word of it. A child that a source
 * took over can still send any code it likes; but that code runs as the same tenant's function, which it could have been
 * from the beginning, behind the same walls.
 */

import type { SourceFiles } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { Artifact } from '../core/function.ts';
import { MB } from '../core/limits.ts';
import { printable } from '../lib/printable.ts';
import { MAX_FRAME_TO_GUEST } from '../wire/frames.ts';
import { metaBody, parseMeta, ProtocolError } from '../wire/meta.ts';

export interface BuildResult extends Artifact {
  readonly format: 'script' | 'module' | 'files';
  readonly map: Uint8Array | null;
  /** One line each. */
  readonly warnings: readonly string[];
  /**
   * The modules that were fetched for it, as files: kept with the sources, and handed in with them, they make the next
   * build of the same sources the same.
   */
  readonly fetched: SourceFiles;
}

/** Of a code cache and of a source map. The largest bundle that gets a cache is 4 MB, and a cache is some three times its code. */
export const MAX_ATTACHMENT_BYTES: number = 32 * MB;
const META_BYTES: number = 1 * MB;
const MAX_TEXTS = 32;
const MAX_TEXT_CHARS = 4096;

export function maxReplyBytes(maxBundleBytes: number): number {
  return maxBundleBytes + 2 * MAX_ATTACHMENT_BYTES + META_BYTES;
}

/** Throws COMPILE_FAILED or CODE_TOO_LARGE where that is the outcome, and a ProtocolError for a reply that is none. */
export function readReply(payload: Buffer, maxBundleBytes: number): Omit<BuildResult, 'fetched'> {
  const reply = parseMeta(payload);
  if (typeof reply !== 'object' || reply === null) throw new ProtocolError('a reply that is not an object');
  const { kind, ...rest } = reply as Readonly<Record<string, unknown>>;
  if (kind === 'built') return readBuilt(rest, metaBody(payload), maxBundleBytes);
  if (kind === 'oversized') throw tooLarge(maxBundleBytes);
  if (kind === 'failed')
    throw new Fault('COMPILE_FAILED', readText(rest['message']), {
      issues: readTexts(rest['issues']),
      missing: readTexts(rest['missing'] ?? []),
    });
  throw new ProtocolError('a reply of no known kind');
}

export function tooLarge(maxBundleBytes: number, what = 'The bundle exceeds'): Fault {
  return new Fault('CODE_TOO_LARGE', `${what} ${maxBundleBytes} bytes`);
}

function readBuilt(
  reply: Readonly<Record<string, unknown>>,
  body: Buffer,
  maxBundleBytes: number,
): Omit<BuildResult, 'fetched'> {
  const { format } = reply;
  if (format !== 'script' && format !== 'module') throw new ProtocolError('a bundle of no known format');
  const codeBytes = readLength(reply['codeBytes']);
  const cacheBytes = readLength(reply['cacheBytes']);
  const mapBytes = readLength(reply['mapBytes']);
  if (codeBytes + cacheBytes + mapBytes !== body.length)
    throw new ProtocolError('a body that is not as long as its parts');
  if (codeBytes > maxBundleBytes) throw tooLarge(maxBundleBytes);
  const mapStart = codeBytes + cacheBytes;
  if (cacheBytes > MAX_ATTACHMENT_BYTES || mapBytes > MAX_ATTACHMENT_BYTES)
    throw new ProtocolError('an attachment that is too large');
  // An executor gets both in one frame.
  const cacheFits = cacheBytes > 0 && mapStart <= MAX_FRAME_TO_GUEST - META_BYTES;
  return {
    format,
    // Copies: the parts live on their own, and a view would hold all of the frame.
    code: Uint8Array.from(body.subarray(0, codeBytes)),
    cache: cacheFits ? Uint8Array.from(body.subarray(codeBytes, mapStart)) : null,
    map: mapBytes > 0 ? Uint8Array.from(body.subarray(mapStart)) : null,
    interleaves: format === 'script',
    warnings: readTexts(reply['warnings']),
  };
}

function readLength(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new ProtocolError('a length that is none');
  return value;
}

function readTexts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new ProtocolError('a list of texts that is none');
  return value.slice(0, MAX_TEXTS).map(readText);
}

/** These texts end up in terminals: nothing in them may be a control sequence. */
function readText(value: unknown): string {
  if (typeof value !== 'string') throw new ProtocolError('a text that is none');
  return printable(value.slice(0, MAX_TEXT_CHARS));
}
