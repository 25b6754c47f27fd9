/** The WebAssembly memory's maximum: the engine can't grow past it, whatever runs in it. */

const MEMORY_SECTION = 5;
const HEADER_BYTES = 8;
const HAS_MAXIMUM = 1;

export const PAGE_BYTES: number = 64 * 1024;

/** A copy of the module whose one memory has this maximum. Throws a TypeError where it already has one, or has no memory. */
export function limitMemory(wasm: Uint8Array, maximumBytes: number): Uint8Array<ArrayBuffer> {
  let at = HEADER_BYTES;
  while (at < wasm.length) {
    const [size, start] = readNumber(wasm, at + 1);
    if (wasm[at] !== MEMORY_SECTION) {
      at = start + size;
      continue;
    }
    const [count, flagsAt] = readNumber(wasm, start);
    const [minimum, end] = readNumber(wasm, flagsAt + 1);
    if (count !== 1 || wasm[flagsAt] !== 0) break;
    const pages = Math.max(minimum, Math.floor(maximumBytes / PAGE_BYTES));
    const section = [count, HAS_MAXIMUM, ...numberBytes(minimum), ...numberBytes(pages)];
    const limited = new Uint8Array(at + 1 + lengthOf(section.length) + section.length + wasm.length - end);
    limited.set(wasm.subarray(0, at + 1));
    limited.set([...numberBytes(section.length), ...section], at + 1);
    limited.set(wasm.subarray(end), limited.length - (wasm.length - end));
    return limited;
  }
  throw new TypeError('The module has no memory whose maximum could be set');
}

const lengthOf = (value: number): number => numberBytes(value).length;

/** LEB128, as WebAssembly writes its numbers. */
function numberBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) + 128);
  }
}

function readNumber(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let i = 0; ; i++) {
    const byte = bytes[at + i];
    if (byte === undefined || i > 4) throw new TypeError('The module is cut off');
    value += (byte % 128) * 128 ** i;
    if (byte < 128) return [value, at + i + 1];
  }
}
