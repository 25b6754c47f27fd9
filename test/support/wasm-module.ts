/** Small WebAssembly modules, written byte by byte. */

const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];

export interface WasmShape {
  /** The flags and limits of its memory, as they stand in the section: `[0, 1]` is one page without a maximum. */
  readonly memory?: readonly number[];
  /** By default a memory is exported as `memory`. */
  readonly hidesMemory?: boolean;
}

/** Exports `add(a, b)`, and with a memory `grow(pages)`, which gives the pages before, or -1. */
export function wasmModule({ memory, hidesMemory = false }: WasmShape = {}): Buffer {
  const exported = [
    [...name('add'), 0, 0],
    ...(memory === undefined ? [] : [[...name('grow'), 0, 1]]),
    ...(memory === undefined || hidesMemory ? [] : [[...name('memory'), 2, 0]]),
  ];
  const add = [0, 0x20, 0, 0x20, 1, 0x6a, 0x0b];
  const grow = [0, 0x20, 0, 0x40, 0, 0x0b];
  const bodies = memory === undefined ? [add] : [add, grow];
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f),
    ...section(3, bodies.length, ...bodies.map((_, i) => i)),
    ...(memory === undefined ? [] : section(5, 1, ...memory)),
    ...section(7, exported.length, ...exported.flat()),
    ...section(10, bodies.length, ...bodies.flatMap((body) => [body.length, ...body])),
  ]);
}
