/** What a stream keeps about itself, under the names that packages look at. */

import type { StringDecoder } from '../modules/string_decoder.ts';

export type Callback = (error?: Error | null) => void;
export type DataCallback = (error?: Error | null, data?: unknown) => void;

/** Both sides of a duplex share it. */
export interface Life {
  destroyed: boolean;
  closed: boolean;
  closeEmitted: boolean;
  errored: Error | null;
  errorEmitted: boolean;
  readonly autoDestroy: boolean;
  readonly emitClose: boolean;
}

export interface ReadableState {
  objectMode: boolean;
  highWaterMark: number;
  buffer: unknown[];
  length: number;
  /** Null until somebody decides how it is read. */
  flowing: boolean | null;
  ended: boolean;
  endEmitted: boolean;
  reading: boolean;
  /** Whether `_read` has not returned yet. */
  sync: boolean;
  needReadable: boolean;
  emittedReadable: boolean;
  readableListening: boolean;
  resumeScheduled: boolean;
  readingMore: boolean;
  dataEmitted: boolean;
  paused: boolean;
  decoder: StringDecoder | null;
  encoding: string | null;
  /** Where it is piped to, and what ends that. */
  readonly pipes: Map<object, () => void>;
  /** False where a duplex has no such side. */
  readable: boolean;
}

interface Write {
  readonly chunk: unknown;
  readonly encoding: string;
  readonly callback: Callback;
}

export interface WritableState {
  objectMode: boolean;
  highWaterMark: number;
  readonly decodeStrings: boolean;
  defaultEncoding: string;
  length: number;
  corked: number;
  buffered: Write[];
  /** The chunks that `_write` or `_writev` is at. */
  writing: readonly Write[] | null;
  writingLength: number;
  sync: boolean;
  needDrain: boolean;
  ending: boolean;
  ended: boolean;
  finished: boolean;
  finalCalled: boolean;
  prefinished: boolean;
  pendingCallbacks: number;
  readonly onFinished: Callback[];
  writable: boolean;
}

export interface StreamOptions {
  readonly objectMode?: boolean;
  readonly readableObjectMode?: boolean;
  readonly writableObjectMode?: boolean;
  readonly highWaterMark?: number;
  readonly readableHighWaterMark?: number;
  readonly writableHighWaterMark?: number;
  readonly encoding?: string;
  readonly defaultEncoding?: string;
  readonly decodeStrings?: boolean;
  readonly allowHalfOpen?: boolean;
  readonly autoDestroy?: boolean;
  readonly emitClose?: boolean;
  readonly readable?: boolean;
  readonly writable?: boolean;
  readonly signal?: unknown;
  readonly read?: unknown;
  readonly write?: unknown;
  readonly writev?: unknown;
  readonly final?: unknown;
  readonly destroy?: unknown;
  readonly transform?: unknown;
  readonly flush?: unknown;
}

export const DEFAULT_BYTES: number = 64 * 1024;
export const DEFAULT_OBJECTS = 16;

export function highWaterMarkOf(given: number | undefined, objectMode: boolean): number {
  return given === undefined ? (objectMode ? DEFAULT_OBJECTS : DEFAULT_BYTES) : Math.floor(given);
}

export function newLife({ autoDestroy = true, emitClose = true }: StreamOptions): Life {
  return {
    destroyed: false,
    closed: false,
    closeEmitted: false,
    errored: null,
    errorEmitted: false,
    autoDestroy,
    emitClose,
  };
}

export function newReadableState(options: StreamOptions): ReadableState {
  const objectMode = options.objectMode === true || options.readableObjectMode === true;
  return {
    objectMode,
    highWaterMark: highWaterMarkOf(options.readableHighWaterMark ?? options.highWaterMark, objectMode),
    buffer: [],
    length: 0,
    flowing: null,
    ended: false,
    endEmitted: false,
    reading: false,
    sync: true,
    needReadable: false,
    emittedReadable: false,
    readableListening: false,
    resumeScheduled: false,
    readingMore: false,
    dataEmitted: false,
    paused: false,
    decoder: null,
    encoding: null,
    pipes: new Map(),
    readable: true,
  };
}

export function newWritableState(options: StreamOptions): WritableState {
  const objectMode = options.objectMode === true || options.writableObjectMode === true;
  return {
    objectMode,
    highWaterMark: highWaterMarkOf(options.writableHighWaterMark ?? options.highWaterMark, objectMode),
    decodeStrings: options.decodeStrings !== false,
    defaultEncoding: options.defaultEncoding ?? 'utf8',
    length: 0,
    corked: 0,
    buffered: [],
    writing: null,
    writingLength: 0,
    sync: false,
    needDrain: false,
    ending: false,
    ended: false,
    finished: false,
    finalCalled: false,
    prefinished: false,
    pendingCallbacks: 0,
    onFinished: [],
    writable: true,
  };
}
