/**
 * The mailbox between an isolate and its executor: the messages in, the records out.
 *
 * In: one JSON list of messages a turn, beside the buffers it refers to by index. Out: one text of records, beside the
 * bodies too large or too binary to stand in it. The executor copies both; no object of its own ever enters the isolate.
 */

import type { AnswerFailMeta, AnswerHeadMeta, CallMeta } from '../../wire/frames.ts';

/**
 * Messages in. A body is null (none), a string (text), a number ≥ 0 (the index of an argument
 * beside the list: bytes, or a long text), or -1 (chunks to come).
 */
export type MessageIn =
  | readonly [kind: 0, call: number, body: string | number | null, meta: CallMeta]
  | readonly [kind: 1, call: number, buffer: number]
  | readonly [kind: 2, call: number]
  | readonly [kind: 3, call: number, credit: number]
  | readonly [kind: 4, call: number]
  | readonly [kind: 5, timer: number]
  | AnswerMessage
  | ServiceMessage
  | UnloadMessage;

/** To what a call has asked for: the ask's number stands in the meta, where there is one. */
export type AnswerMessage =
  | readonly [kind: 6, call: number, head: AnswerHeadMeta]
  | readonly [kind: 7, call: number, ask: number, buffer: number]
  | readonly [kind: 8, call: number, ask: number]
  | readonly [kind: 9, call: number, failure: AnswerFailMeta]
  | readonly [kind: 10, call: number, ask: number, credit: number];

/** To what was asked of the executor itself: the bytes are arguments by their index. */
export type ServiceMessage = readonly [
  kind: 11,
  request: number,
  buffers: readonly number[],
  outcome: readonly [ok: 1, value: unknown] | readonly [ok: 0, name: string, message: string],
];

/** The end comes: of a call, or (0) of the sandbox. */
export type UnloadMessage = readonly [kind: 12, call: number, reason: string];

export const In = {
  CALL: 0,
  DATA: 1,
  END: 2,
  CREDIT: 3,
  CANCEL: 4,
  TIMER: 5,
  ANSWER_HEAD: 6,
  ANSWER_DATA: 7,
  ANSWER_END: 8,
  ANSWER_FAIL: 9,
  ANSWER_CREDIT: 10,
  SERVICE: 11,
  UNLOAD: 12,
} as const;

/** Records out, each `<kind>,<id>,<metaLength>,<body>;<meta><body>`; `body` is a length, or -(index + 1) into the bodies. */
export const Out = {
  REPLY: 0,
  HEAD: 1,
  DATA: 2,
  END: 3,
  FAULT: 4,
  SETTLED: 5,
  LOG: 6,
  SANDBOX_LOG: 7,
  CREDIT: 8,
  TIMER: 9,
  TIMER_CLEAR: 10,
  ASK: 11,
  ASK_DATA: 12,
  ASK_END: 13,
  ASK_CANCEL: 14,
  ASK_CREDIT: 15,
  /** `<id>` is the call on whose behalf it is asked, 0 where there is none. */
  SERVICE: 16,
  /** Another turn is due before what this one had to say. */
  AGAIN: 17,
  /** Somebody listens for `beforeunload`. */
  HEEDS_UNLOAD: 18,
  /** What the engine does not count is more than the function may have. */
  OVER_MEMORY: 19,
} as const;

/** The longest head of a response, or of what is asked for, that user code may make. */
export const MAX_HEAD_UNITS: number = 96 * 1024;

/** No meta is longer, so that it fits into one frame to the host with a body of a chunk, whatever its characters are. */
export const MAX_META_UNITS: number = 144 * 1024;

/** Text bodies up to this length stand in the record itself: one string crosses faster than a list of them. */
export const INLINE_UNITS: number = 16 * 1024;

export class Outbox {
  #text = '';
  #lines = '';
  #bodies: (string | Uint8Array)[] = [];

  /** Goes before all else, so that a line is never behind the end of its call. */
  putLine(kind: number, id: number, meta: string): void {
    this.#lines += `${kind},${id},${meta.length},0;${meta}`;
  }

  put(kind: number, id: number, meta: string, body: string | Uint8Array | null): void {
    if (body === null) this.#text += `${kind},${id},${meta.length},0;${meta}`;
    else if (typeof body === 'string' && body.length <= INLINE_UNITS)
      this.#text += `${kind},${id},${meta.length},${body.length};${meta}${body}`;
    else {
      // An index assignment would run a setter that user code put on Array.prototype; this cannot.
      define(this.#bodies, this.#bodies.length, {
        value: body,
        writable: true,
        enumerable: true,
        configurable: true,
        __proto__: null,
      });
      this.#text += `${kind},${id},${meta.length},${-this.#bodies.length};${meta}`;
    }
  }

  /** A list whose first element is the text: a string alone, returned from an isolate, leaks on the other side. */
  drain(): (string | Uint8Array)[] {
    const drained: (string | Uint8Array)[] = [this.#lines + this.#text];
    for (let i = 0; i < this.#bodies.length; i++)
      define(drained, i + 1, {
        value: this.#bodies[i],
        writable: true,
        enumerable: true,
        configurable: true,
        __proto__: null,
      });
    this.#text = this.#lines = '';
    if (this.#bodies.length > 0) this.#bodies = [];
    return drained;
  }
}

/** Drained alone, while all else waits. */
export const drainAgain = (): string[] => [`${Out.AGAIN},0,0,0;`];

const define = Object.defineProperty as (target: object, key: PropertyKey, descriptor: object) => void;
