/** NativeCall: one invocation in a whole Node, from the CALL frame until nothing of it is left running. */

import type { FrameSender } from '../../wire/connection.ts';
import type { CallMeta, PrincipalMeta, ReplyKind } from '../../wire/frames.ts';
import type { Incoming } from '../handler/incoming.ts';
import type { Ask, AskBody, AskListener } from '../web/host.ts';
import type { AskStream } from './ask-stream.ts';
import { NativeAsks } from './asks.ts';
import type { BodyPump, BodySource } from './body.ts';

type Timer = NodeJS.Timeout | NodeJS.Immediate;

/** What a call needs of the sandbox that it runs in. */
export interface CallOwner {
  readonly sender: FrameSender;
  /** Its outcome is out, and nothing is left that was to be waited for. */
  settled(call: NativeCall): void;
}

export class NativeCall implements Incoming {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: string | ArrayBuffer | ReadableStream | null;
  readonly query: unknown;
  readonly clientAddress: string;
  readonly invocationId: string;
  readonly reply: ReplyKind;
  readonly principal: PrincipalMeta | null;
  /** Feeds a streamed request body; null where the body came whole. */
  readonly source: BodySource | null;
  readonly #owner: CallOwner;
  readonly #deadlineMs: number;
  readonly #timers = new Map<Timer, (timer: never) => void>();
  #abort: ((reason: unknown) => void) | null = null;
  #asks: NativeAsks | null = null;
  #pending = 0;
  #isCancelled = false;
  /** Sends a streamed response body. */
  pump: BodyPump | null = null;
  /** Takes the host's credit for it. */
  credit: (bytes: number) => void = () => undefined;
  /** The host has its outcome. */
  isAnswered = false;
  /** Nothing more of it may be said. */
  isOver = false;
  logUnits = 0;

  constructor(
    id: number,
    meta: CallMeta,
    body: string | ArrayBuffer | null,
    source: BodySource | null,
    owner: CallOwner,
  ) {
    this.id = id;
    this.#deadlineMs = performance.now() + meta[2];
    this.method = meta[3];
    this.url = meta[4];
    this.headers = meta[5];
    this.reply = meta[6];
    this.clientAddress = meta[7];
    this.invocationId = meta[8];
    this.query = meta[9] ?? undefined;
    this.principal = meta[10];
    this.body = source?.stream ?? body;
    this.source = source;
    this.#owner = owner;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get isSettled(): boolean {
    return this.isAnswered && this.#pending === 0;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  remainingMs(): number {
    return Math.max(0, this.#deadlineMs - performance.now());
  }

  waitUntil(promise: unknown): void {
    if (this.isOver) throw new TypeError('waitUntil() was called after its invocation had ended');
    this.#pending++;
    const done = (): void => {
      this.#pending--;
      if (this.isSettled && !this.isOver) this.#owner.settled(this);
    };
    Promise.resolve(promise).then(done, done);
  }

  onCancel(abort: (reason: unknown) => void): void {
    this.#abort = abort;
    if (this.#isCancelled) abort(undefined);
  }

  ask(kind: string, meta: string, body: AskBody, listener: AskListener): Ask | null {
    if (this.isOver) return null;
    this.#asks ??= new NativeAsks(this.#owner.sender, this.id);
    return this.#asks.begin(kind, meta, body, listener);
  }

  /** One ask whose request is its kind, as a stream both ways; null once the invocation is over. */
  stream(kind: string): AskStream | null {
    if (this.isOver) return null;
    this.#asks ??= new NativeAsks(this.#owner.sender, this.id);
    return this.#asks.stream(kind);
  }

  /** Takes one ANSWER_… frame. */
  answer(type: number, payload: Buffer): void {
    this.#asks?.receive(type, payload);
  }

  addTimer(timer: Timer, clear: (timer: never) => void): void {
    this.#timers.set(timer, clear);
  }

  dropTimer(timer: Timer): void {
    this.#timers.delete(timer);
  }

  /** The handler is told that nobody waits for it any more. */
  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.source?.fail(new TypeError('The request was aborted'));
    this.pump?.cancel(new TypeError('The client went away'));
    this.#abort?.(undefined);
  }

  /** Ends what it asked for and started. */
  end(): void {
    this.isOver = true;
    this.#asks?.end();
    for (const [timer, clear] of this.#timers) clear(timer as never);
    this.#timers.clear();
  }
}
