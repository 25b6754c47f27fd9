/**
 * Frames: the bytes that cross between the host and the far side of a wall, over any ordered byte stream.
 *
 *   u32 length | u8 type | u32 stream | payload            little-endian; length counts what follows it
 *
 * A payload is raw bytes (DATA), a u32 (CREDIT), nothing, or a *meta* text followed by a raw body:
 *
 *   u32 metaLength | meta, JSON in UTF-8 | body
 *
 * JSON with the body left raw was the fastest of the encodings measured, and the meta can be passed on verbatim.
 */

export const HEADER_BYTES = 9;

/** Most bytes that may be unacknowledged in one direction of one stream. */
export const WINDOW_BYTES: number = 256 * 1024;

/** Largest DATA payload; larger bodies are cut. */
export const CHUNK_BYTES: number = 64 * 1024;

/** Largest frame that the host accepts. */
export const MAX_FRAME_TO_HOST: number = 512 * 1024;

/** Largest frame that a guest accepts: a bundle, its cache and its meta. */
export const MAX_FRAME_TO_GUEST: number = 64 * 1024 * 1024;

export const FrameType = {
  // Host to guest. OPEN and CLOSE name a sandbox, the others a call.
  OPEN: 1,
  CLOSE: 2,
  CALL: 3,
  CANCEL: 4,
  PING: 5,
  // Either way: the chunks of a body, and the right to send more of them.
  DATA: 8,
  END: 9,
  CREDIT: 10,
  // Guest to host.
  READY: 16,
  REPLY: 17,
  HEAD: 18,
  FAULT: 19,
  SETTLED: 20,
  NOT_BEGUN: 21,
  LOG: 22,
  SANDBOX_LOG: 23,
  GONE: 24,
  PONG: 25,
  BROKEN: 26,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** OPEN. The body is `codeBytes` of code, then the code cache. */
export interface OpenMeta {
  readonly format: 'script' | 'module' | 'source';
  readonly codeBytes: number;
  readonly interleaves: boolean;
  readonly functionName: string;
  readonly handler: 'module' | 'script';
  readonly handlerName: string;
  readonly memoryMb: number;
  readonly responseBytes: number;
  readonly logBytes: number;
  readonly env: Readonly<Record<string, string>>;
}

export type ReplyKind = 'http' | 'value' | 'load';

/**
 * CALL. `bodyKind`: none, the frame's body, or DATA frames to come. The numbers stand first, so that an executor can read
 * them off the text and pass it on without parsing it.
 */
export type CallMeta = readonly [
  sandbox: number,
  bodyKind: 0 | 1 | 2,
  remainingMs: number,
  method: string,
  url: string,
  headers: readonly string[],
  reply: ReplyKind,
  clientAddress: string,
  invocationId: string,
  query: unknown,
];

/** REPLY and HEAD. `settled` (REPLY only): nothing of the invocation is left running. */
export type HeadMeta = readonly [status: number, headers: readonly string[], settled: 0 | 1];

export type FaultMeta = readonly [code: string, message: string, stack: string | null];

export type LogMeta = readonly [level: string, message: string];
