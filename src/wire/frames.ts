/**
 * Frames: the bytes that cross between the host and the far side of a wall, over any ordered byte stream.
 *
 *   u32 length | u8 type | u32 stream | payload            little-endian; length counts what follows it
 *
 * A payload is raw bytes (DATA), a u32 (CREDIT), nothing, or a *meta* text followed by a raw body:
 *
 *   u32 metaLength | meta, JSON in UTF-8 | body
 *
 * A call may *ask* the host for capabilities, several at a time. The frames of one ask name the call in their header and
 * the ask, by a number that the guest counts up within that call, first in their payload.
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
  // To a remote host only: what it lacked of a sandbox that was opened.
  CONTENT: 6,
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
  // Of a remote host only: it lacks the content of this sandbox; it takes no more calls, and finishes those it has.
  NEED_CONTENT: 27,
  DRAINING: 28,
  // Guest to host, of one ask: it begins, the chunks of its body, the end of that, nobody wants the answer any more, and
  // the right to send more of the answer.
  ASK: 32,
  ASK_DATA: 33,
  ASK_END: 34,
  ASK_CANCEL: 35,
  ASK_CREDIT: 36,
  // Host to guest, of one ask: its answer, or why there is none, and the right to send more of the body.
  ANSWER_HEAD: 40,
  ANSWER_DATA: 41,
  ANSWER_END: 42,
  ANSWER_FAIL: 43,
  ANSWER_CREDIT: 44,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** OPEN. The body is `codeBytes` of code (with `files`: a packed folder), then the code cache. */
export interface OpenMeta {
  readonly format: 'script' | 'module' | 'source' | 'files';
  readonly codeBytes: number;
  readonly interleaves: boolean;
  /** Strings and bytes may become code. */
  readonly codeGeneration: boolean;
  readonly functionName: string;
  readonly handler: 'module' | 'script';
  readonly handlerName: string;
  readonly memoryMb: number;
  readonly responseBytes: number;
  readonly logBytes: number;
  readonly cpuMs: number;
  readonly pendingTimers: number;
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
  principal: PrincipalMeta | null,
  /** For another host, where the call can be answered with 101. */
  upgrades?: 1,
];

/** Who calls, for the function to see; null for anonymous. */
export type PrincipalMeta = readonly [id: string | null, email: string | null, roles: readonly string[], role: string];

/** REPLY and HEAD. `settled` (REPLY only): nothing of the invocation is left running. */
export type HeadMeta = readonly [status: number, headers: readonly string[], settled: 0 | 1];

/** `limit`: which field of the version's limits it comes from, where the code does not say it. */
export type FaultMeta = readonly [code: string, message: string, stack: string | null, limit?: string];

export type LogMeta = readonly [level: string, message: string];

/**
 * ASK. `bodyKind`: none, the frame's body, or ASK_DATA frames to come. A number stands where a frame has no meta: ASK_DATA
 * and ANSWER_DATA are a u32 and raw bytes, ASK_END, ASK_CANCEL and ANSWER_END a u32, ASK_CREDIT and ANSWER_CREDIT two.
 */
export type AskMeta = readonly [number: number, kind: string, bodyKind: 0 | 1 | 2, meta: unknown];

export type AnswerHeadMeta = readonly [number: number, meta: unknown];

export type AnswerFailMeta = readonly [
  number: number,
  code: string,
  message: string,
  details: Readonly<Record<string, string | number | null>>,
];
