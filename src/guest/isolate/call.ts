/** GuestCall: one invocation on the far side, from the CALL message until nothing of it is left running. */

import type { Incoming } from '../handler/incoming.ts';
import type { CallMeta, PrincipalMeta, ReplyKind } from '../../wire/frames.ts';
import { GuestAsks, type AskEngine } from './asks.ts';
import type { BodyPump } from './body-pump.ts';
import type { BodySource } from './body-source.ts';
import { turnTimeMs } from '../web/clock.ts';
import { resolved } from '../web/engine.ts';
import type { Ask, AskBody, AskListener } from '../web/host.ts';
import { afterwards } from './context-promise.ts';

/** Null where the call is over. */
export type AskFor = (call: GuestCall, kind: string, meta: string, body: AskBody, listener: AskListener) => Ask | null;

export class GuestCall implements Incoming {
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
  readonly tunnel: ReadableStream | null;
  readonly #startedMs: number;
  readonly #remainingMs: number;
  readonly #onSettled: (call: GuestCall) => void;
  readonly #askFor: AskFor;
  #abort: ((reason: unknown) => void) | null = null;
  #pending = 0;
  #answered = false;
  #asks: GuestAsks | null = null;
  /** Sends a streamed response body. */
  pump: BodyPump | null = null;
  cancelled = false;
  logUnits = 0;
  /** The drain that its end leaves with; -1 while it lasts. */
  overIn = -1;
  /** The timers it started that have not fired. */
  readonly timers: Record<number, true> = { __proto__: null } as unknown as Record<number, true>;

  constructor(
    id: number,
    meta: CallMeta,
    body: string | ArrayBuffer | ReadableStream | null,
    source: BodySource | null,
    onSettled: (call: GuestCall) => void,
    askFor: AskFor,
  ) {
    this.id = id;
    this.method = meta[3];
    this.url = meta[4];
    this.headers = meta[5];
    this.reply = meta[6];
    this.clientAddress = meta[7];
    this.invocationId = meta[8];
    this.query = meta[9] ?? undefined;
    this.principal = meta[10];
    const isUpgrade = source !== null && asksForUpgrade(meta[5]);
    this.body = isUpgrade ? null : body;
    this.tunnel = isUpgrade ? (body as ReadableStream) : null;
    this.source = source;
    this.#startedMs = turnTimeMs();
    this.#remainingMs = meta[2];
    this.#onSettled = onSettled;
    this.#askFor = askFor;
  }

  /** Whether the response is out and nothing that was to be waited for is left. */
  get settled(): boolean {
    return this.#answered && this.#pending === 0;
  }

  remainingMs(): number {
    const left = this.#remainingMs - (turnTimeMs() - this.#startedMs);
    return left > 0 ? left : 0;
  }

  waitUntil(promise: unknown): void {
    if (this.settled) throw new TypeError('waitUntil() was called after its invocation had ended');
    this.#pending++;
    const done = (): void => {
      this.#pending--;
      if (this.settled) this.#onSettled(this);
    };
    afterwards(resolved(promise), done);
  }

  onCancel(abort: (reason: unknown) => void): void {
    this.#abort = abort;
    if (this.cancelled) abort(undefined);
  }

  ask(kind: string, meta: string, body: AskBody, listener: AskListener): Ask | null {
    return this.#askFor(this, kind, meta, body, listener);
  }

  /** What it asks of the host, if it has asked. */
  get asks(): GuestAsks | null {
    return this.#asks;
  }

  asksWith(engine: AskEngine): GuestAsks {
    return (this.#asks ??= new GuestAsks(this, engine));
  }

  /** The outcome is out. Returns true when that settles the call; else `onSettled` is called later. */
  answered(): boolean {
    this.#answered = true;
    return this.#pending === 0;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.source?.fail(new TypeError('The request was aborted'));
    this.pump?.cancel(new TypeError('The client went away'));
    this.#abort?.(undefined);
  }
}

/** The host says so: it passes on no such header of a client's. */
function asksForUpgrade(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'upgrade') return true;
  return false;
}

const { TypeError } = globalThis;
