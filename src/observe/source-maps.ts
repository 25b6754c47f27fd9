/**
 * SourceMaps: stacks of a function in the places of its author's files.
 *
 * A bundle's map is the output of a builder that its source may have taken over: it is read within bounds of size and
 * time, and what it says is shown and never followed. A stack whose map is no good stays as it is.
 */

import { gunzipSync } from 'node:zlib';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type { Artifact } from '../core/function.ts';
import { MB } from '../core/limits.ts';
import { oneLine } from '../lib/printable.ts';

export interface SourceMapsOptions {
  /** A larger map, unpacked, is not read; 8 by default. */
  readonly maxMapMb?: number;
  /** Unpacked maps that are kept, together; 64 by default. The one that was not used for longest goes first. */
  readonly keptMb?: number;
  /** Milliseconds in ten seconds that may be spent on reading maps, for everybody together; 500 by default. */
  readonly readingMs?: number;
  readonly nowMs?: () => number;
}

interface ReadMap {
  /** Null where it is no map. */
  readonly map: TraceMap | null;
  readonly bytes: number;
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `    at name (function.js:1:2)`, `    at async function.js:1:2` */
const FRAME = /^(\s*at )(?:(.*) \()?function\.js:(\d{1,8}):(\d{1,8})\)?$/;
/** What runs a lowered `await`. */
const MACHINERY = /^\s*at (?:Generator\.(?:next|throw|return)|new Promise) \((?:<anonymous>|native)\)$/;
/** Calls the generator that an async function became; the frame below it is the function itself, once more. */
const ASYNC_HELPER = /^__async\d*$/;
/** The frame of such a body, as it is kept: it has no name of its own. */
const BODY = /^\s*at ([^()]+:\d+:\d+)$/;
/** Where our versions of Node's modules come from. */
const OURS = /^node(?:-\w+)?:/;

const MAX_STACK_CHARS = 64 * 1024;
const MAX_FRAMES = 200;
const MAX_FILE_CHARS = 200;
const WINDOW_MS = 10_000;

export class SourceMaps {
  readonly #maxMapBytes: number;
  readonly #keptBytes: number;
  readonly #readingMs: number;
  readonly #nowMs: () => number;
  readonly #maps = new Map<Uint8Array, ReadMap>();
  #bytes = 0;
  #windowSinceMs = 0;
  #spentMs = 0;

  constructor({ maxMapMb = 8, keptMb = 64, readingMs = 500, nowMs = () => performance.now() }: SourceMapsOptions = {}) {
    this.#maxMapBytes = maxMapMb * MB;
    this.#keptBytes = keptMb * MB;
    this.#readingMs = readingMs;
    this.#nowMs = nowMs;
  }

  /** The stack, or any text that has its lines, with frames in the author's files; ours are left out. Never throws. */
  mapStack({ map }: Pick<Artifact, 'map'>, stack: string): string {
    if (map === undefined || map === null || stack.length > MAX_STACK_CHARS || !stack.includes('function.js:'))
      return stack;
    const read = this.#read(map);
    return read === null ? stack : mapped(stack, read);
  }

  #read(packed: Uint8Array): TraceMap | null {
    const kept = this.#maps.get(packed);
    if (kept !== undefined) {
      this.#maps.delete(packed);
      this.#maps.set(packed, kept);
      return kept.map;
    }
    const startMs = this.#nowMs();
    if (startMs - this.#windowSinceMs > WINDOW_MS) {
      this.#windowSinceMs = startMs;
      this.#spentMs = 0;
    }
    if (this.#spentMs >= this.#readingMs) return null;
    const read = readMap(packed, this.#maxMapBytes);
    this.#spentMs += this.#nowMs() - startMs;
    this.#keep(packed, read);
    return read.map;
  }

  #keep(packed: Uint8Array, read: ReadMap): void {
    this.#maps.set(packed, read);
    this.#bytes += read.bytes;
    for (const [oldest, { bytes }] of this.#maps) {
      if (this.#bytes <= this.#keptBytes || oldest === packed) return;
      this.#maps.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

/** What an entry costs beside its map. */
const ENTRY_BYTES = 1024;

function readMap(packed: Uint8Array, maxBytes: number): ReadMap {
  try {
    const text = gunzipSync(packed, { maxOutputLength: maxBytes }).toString('utf8');
    const map = new TraceMap(text);
    // Reads all of it now, and throws for what is no map.
    originalPositionFor(map, { line: 1, column: 0 });
    return { map, bytes: ENTRY_BYTES + text.length };
  } catch {
    return { map: null, bytes: ENTRY_BYTES };
  }
}

function mapped(stack: string, map: TraceMap): string {
  const kept: string[] = [];
  let frames = 0;
  /** The function that the last frame kept is the body of comes next. */
  let wraps = false;
  for (const line of stack.split('\n')) {
    const frame = frames < MAX_FRAMES ? FRAME.exec(line) : null;
    if (frame === null) {
      if (!MACHINERY.test(line)) kept.push(line);
      continue;
    }
    frames++;
    const [, at = '', name, row, column] = frame;
    const place = placeOf(map, Number(row), Number(column));
    if (place === null) {
      wraps = ASYNC_HELPER.test(name ?? '');
      continue;
    }
    const body = wraps ? BODY.exec(kept.at(-1) ?? '') : null;
    if (body === null) kept.push(frameText(at, name, place));
    else if (name !== undefined) kept[kept.length - 1] = `${at}${shownName(name, place)} (${body[1]})`;
    wraps = false;
  }
  return kept.join('\n');
}

function frameText(at: string, name: string | undefined, place: Place): string {
  const position = `${place.file}:${place.line}:${place.column}`;
  return name === undefined ? `${at}${position}` : `${at}${shownName(name, place)} (${position})`;
}

/** The bundler calls the default export of `a/index.ts` index_default. */
function shownName(name: string, { file }: Place): string {
  const base = /([^/]*?)(?:\.[^./]*)?$/.exec(file)?.[1];
  return name === `${base}_default` ? 'default' : name;
}

/** Null for what is not of the author's: helpers, and our versions of Node's modules. */
function placeOf(map: TraceMap, line: number, column: number): Place | null {
  if (line < 1 || column < 1) return null;
  let found: ReturnType<typeof originalPositionFor>;
  try {
    found = originalPositionFor(map, { line, column: column - 1 });
  } catch {
    return null;
  }
  const { source, line: row, column: place } = found;
  if (typeof source !== 'string' || OURS.test(source) || !isPosition(row) || !isPosition(place)) return null;
  return { file: oneLine(source.slice(0, MAX_FILE_CHARS)), line: row, column: place + 1 };
}

const isPosition = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
