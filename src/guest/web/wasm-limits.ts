/**
 * The memories of a WebAssembly module, read off its bytes and held to a bound: code inside of a module grows its memory
 * without asking anybody, up to the maximum that the module itself declares.
 */

import { joined, partOf } from './bytes.ts';
import { push, TypeError, Uint8Array } from './primordials.ts';

export interface LimitedModule {
  readonly bytes: Uint8Array;
  /** Of the memories that it makes, together. */
  readonly initialPages: number;
}

/** What is wrong with a module, or not allowed in it. */
export class WasmRefusal extends Error {}

const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;
const SHARED = 2;
const MEMORY_64 = 4;
const MAX_MEMORIES = 16;

/**
 * The module, less what it asks for above `maxPages` a memory. Throws a WasmRefusal; whatever else is wrong with the bytes
 * is the engine's to say. `bytes` must be nobody else's.
 */
export function limitMemories(bytes: Uint8Array, maxPages: number): LimitedModule {
  const reader = new Reader(bytes, HEADER_BYTES);
  const parts: Uint8Array[] = [];
  let initialPages = 0;
  let from = 0;
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.u32();
    const end = reader.at + size;
    if (end > bytes.length) throw new WasmRefusal('a section is longer than the module');
    if (id === MEMORY_SECTION) {
      const section = limitedSection(new Reader(bytes, reader.at), end, maxPages);
      initialPages += section.initialPages;
      push(parts, partOf(bytes, from, start));
      push(parts, section.bytes);
      from = end;
    }
    reader.at = end;
  }
  push(parts, partOf(bytes, from, bytes.length));
  return { bytes: joined(parts), initialPages };
}

function limitedSection(reader: Reader, end: number, maxPages: number): LimitedModule {
  const content: number[] = [];
  let initialPages = 0;
  const count = reader.u32();
  if (count > MAX_MEMORIES) throw new WasmRefusal(`it has ${count} memories, more than ${MAX_MEMORIES}`);
  writeU32(content, count);
  for (let i = 0; i < count; i++) {
    const flags = reader.byte();
    if ((flags & SHARED) !== 0) throw new WasmRefusal('shared memory is not available here');
    if ((flags & MEMORY_64) !== 0) throw new WasmRefusal('memories of 64 bit are not available here');
    if (flags > HAS_MAXIMUM) throw new WasmRefusal(`a memory has the unknown flags ${flags}`);
    const initial = reader.u32();
    const maximum = flags === HAS_MAXIMUM ? reader.u32() : maxPages;
    if (initial > maxPages) throw new WasmRefusal(`a memory begins with ${initial} pages, more than ${maxPages}`);
    initialPages += initial;
    push(content, HAS_MAXIMUM);
    writeU32(content, initial);
    writeU32(content, maximum < maxPages ? maximum : maxPages);
  }
  if (reader.at !== end) throw new WasmRefusal('its memory section is not well-formed');
  const section: number[] = [MEMORY_SECTION];
  writeU32(section, content.length);
  return { bytes: joined([bytesOf(section), bytesOf(content)]), initialPages };
}

/** Reads what the engine reads: a number is at most five bytes. */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    if (this.at >= this.#bytes.length) throw new WasmRefusal('it ends too early');
    return this.#bytes[this.at++] as number;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) throw new WasmRefusal('a number is larger than 32 bits');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new TypeError('unreachable');
  }
}

function writeU32(target: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = (rest - (rest % 0x80)) / 0x80) push(target, (rest % 0x80) + 0x80);
  push(target, rest);
}

/** By index, since a list given to the constructor is iterated over. */
function bytesOf(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) bytes[i] = numbers[i] as number;
  return bytes;
}
