/** Tar: POSIX ustar entries as a stream, which is how a container engine takes the files of an image. All of it is root's. */

import { createReadStream } from 'node:fs';

export type TarEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'text'; readonly path: string; readonly mode: number; readonly content: string }
  /** A file of this machine, with the time that Python compares its caches by. */
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly host: string;
      readonly bytes: number;
      readonly mtimeSeconds: number;
    };

const BLOCK_BYTES = 512;
const MAX_NAME_BYTES = 100;
const MAX_PREFIX_BYTES = 155;
/** Eleven octal digits. */
const MAX_BYTES = 0o77777777777;

/** Rejects for a path that ustar has no room for, and when a file changes its size meanwhile. */
export async function* tarOf(entries: Iterable<TarEntry>): AsyncGenerator<Buffer, void, void> {
  for (const entry of entries) {
    if (entry.kind === 'text') {
      const content = Buffer.from(entry.content);
      yield header(entry, content.length, 0);
      yield padded(content);
    } else if (entry.kind === 'file') {
      yield header(entry, entry.bytes, entry.mtimeSeconds);
      yield* contentOf(entry.host, entry.bytes);
    } else yield header(entry, 0, 0);
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

async function* contentOf(host: string, bytes: number): AsyncGenerator<Buffer, void, void> {
  let read = 0;
  for await (const chunk of createReadStream(host, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > bytes) break;
    yield chunk;
  }
  if (read !== bytes) throw new Error(`${host} changed its size while it was read`);
  yield Buffer.alloc(paddingOf(bytes));
}

const padded = (content: Buffer): Buffer => Buffer.concat([content, Buffer.alloc(paddingOf(content.length))]);
const paddingOf = (bytes: number): number => (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;

const TYPES = { folder: '5', link: '2', text: '0', file: '0' } as const;

function header(entry: TarEntry, bytes: number, mtimeSeconds: number): Buffer {
  const { name, prefix } = split(entry.kind === 'folder' ? `${entry.path}/` : entry.path);
  const target = entry.kind === 'link' ? entry.target : '';
  if (Buffer.byteLength(target) > MAX_NAME_BYTES) throw new Error(`The link ${entry.path} leads too far for a tar`);
  if (bytes > MAX_BYTES) throw new Error(`${entry.path} is too large for a tar`);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  writeOctal(block, 100, 8, entry.kind === 'link' ? 0o777 : entry.mode);
  writeOctal(block, 108, 8, 0);
  writeOctal(block, 116, 8, 0);
  writeOctal(block, 124, 12, bytes);
  writeOctal(block, 136, 12, Math.max(0, mtimeSeconds));
  block.write(TYPES[entry.kind], 156);
  block.write(target, 157);
  block.write('ustar\x0000', 257, 'latin1');
  block.write('root', 265);
  block.write('root', 297);
  block.write(prefix, 345);
  // The sum is taken with blanks in its own place.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function writeOctal(block: Buffer, at: number, width: number, value: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
}

/** A path that is longer than the name's place is cut at a slash. */
function split(path: string): { readonly name: string; readonly prefix: string } {
  if (path === '' || path.startsWith('/') || path.includes('\0') || path.split('/').includes('..'))
    throw new Error(`${JSON.stringify(path)} is not a path for a tar`);
  if (Buffer.byteLength(path) <= MAX_NAME_BYTES) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at > 0 && at < path.length - 1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) <= MAX_NAME_BYTES && Buffer.byteLength(prefix) <= MAX_PREFIX_BYTES)
      return { name, prefix };
  }
  throw new Error(`${JSON.stringify(path)} is too long for a tar`);
}
