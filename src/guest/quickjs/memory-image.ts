/**
 * MemoryImage: all of an instance at one moment: its memory, without the parts that are zero, and its only global.
 *
 * The module's table never changes, so an instance whose memory and stack pointer are put back is as good as new.
 */

export interface MemoryImage {
  readonly pages: number;
  /** What this one is written over: it holds only what differs. Null: over zeros. */
  readonly under: MemoryImage | null;
  /** Where in the memory, and how many bytes, one after another. */
  readonly runs: readonly (readonly [address: number, length: number])[];
  /** The runs' bytes, one after another. */
  readonly bytes: Uint8Array;
  readonly stackPointer: number;
  readonly runtime: number;
  readonly context: number;
}

const PART_BYTES = 4096;

/** `allocate` makes the place for the bytes; `under` is what the instance began as, where that was not nothing. */
export function imageOf(
  memory: Uint8Array,
  registers: Pick<MemoryImage, 'pages' | 'stackPointer' | 'runtime' | 'context'>,
  allocate: (length: number) => Uint8Array,
  under: MemoryImage | null = null,
): MemoryImage {
  const before = new Uint8Array(memory.length);
  if (under !== null) restoreImage(under, before, CLEAN);
  const runs = runsOf(memory, before);
  const bytes = allocate(runs.reduce((sum, [, length]) => sum + length, 0));
  let at = 0;
  for (const [address, length] of runs) {
    bytes.set(memory.subarray(address, address + length), at);
    at += length;
  }
  return { ...registers, under, runs, bytes };
}

/** What in a memory may not be zero. */
export interface Dirty {
  readonly from: number;
  readonly to: number;
}

const CLEAN: Dirty = { from: 0, to: 0 };

/** Writes it over a memory of as many pages. Between the runs, what may not be zero yet becomes zero. */
export function restoreImage({ under, runs, bytes }: MemoryImage, memory: Uint8Array, dirty: Dirty): void {
  if (under !== null) restoreImage(under, memory, dirty);
  const clear = (from: number, to: number): void => {
    const end = Math.min(to, dirty.to);
    const start = Math.max(from, dirty.from);
    if (under === null && start < end) memory.fill(0, start, end);
  };
  let taken = 0;
  let end = 0;
  for (const [address, length] of runs) {
    clear(end, address);
    memory.set(bytes.subarray(taken, taken + length), address);
    taken += length;
    end = address + length;
  }
  clear(end, memory.length);
}

function runsOf(memory: Uint8Array, before: Uint8Array): [number, number][] {
  const now = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4);
  const then = new Int32Array(before.buffer);
  const runs: [number, number][] = [];
  for (let part = 0; part < memory.length; part += PART_BYTES) {
    if (isSame(now, then, part / 4)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === part) last[1] += PART_BYTES;
    else runs.push([part, PART_BYTES]);
  }
  return runs;
}

function isSame(now: Int32Array, then: Int32Array, first: number): boolean {
  for (let i = first; i < first + PART_BYTES / 4; i++) if (now[i] !== then[i]) return false;
  return true;
}
