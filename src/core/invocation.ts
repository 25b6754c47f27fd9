/**
 * Invocation: one run of one version.
 *
 * The gateway describes it with a {@link Call} and a {@link ResponseSink}; an {@link Invoker} runs it and hands the sink
 * an {@link Exchange}, by which the caller can feed the body, resume reading, or cancel. All three are plain objects with
 * methods, not promises or streams: a warm request passes through here some 50,000 times a second.
 */

import type { Fault } from './faults.ts';
import type { FunctionVersion } from './function.ts';
import type { Principal } from './principal.ts';
import type { Place } from './tier.ts';

export type Cause = 'http' | 'execute' | 'invoke' | 'event' | 'cron' | 'health-check';

export interface Call {
  /** Public id: in the response's `cordon-invocation` header and in every log line. */
  readonly id: string;
  readonly cause: Cause;
  readonly principal: Principal;
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value …, as they came, less what a guest may not see. */
  readonly headers: readonly string[];
  readonly clientAddress: string;
  /** The whole body; `null` where there is none; `stream` when {@link Exchange.write} brings it. */
  readonly body: Uint8Array | 'stream' | null;
  /**
   * `http`: the result becomes a response. `value`: the sink's body is the JSON of `{ statusCode, headers, body }`. `load`:
   * the code is loaded and its handler found, but not called; the response is an empty 204.
   */
  readonly reply: 'http' | 'value' | 'load';
  /** The query as the caller gave it, where it is not the one in `url` (`POST /execute`). */
  readonly query?: unknown;
  /** Its sink can take a head with the status 101, after which either side sends what it likes. */
  readonly upgrades?: boolean;
  /** How often it was handed to a sandbox; the invoker counts, to retry only so often. */
  attempts: number;
  /** The sandbox was started for it; set by the invoker. */
  coldStart?: boolean;
  /** Where it runs, once it was handed to a sandbox; set by the invoker. */
  place?: Place;
  /** Told when nothing of it is left running; not where it never began. */
  settled?(): void;
}

/** Receives the outcome: `complete`, or `head` then `data`… then `end`; `fail` may take the place of any. */
export interface ResponseSink {
  /** Who runs the call now. Called again when a call that had not begun moves elsewhere. */
  attach(exchange: Exchange): void;
  complete(status: number, headers: readonly string[], body: Uint8Array): void;
  head(status: number, headers: readonly string[]): void;
  /** Takes one chunk. Returns false to hold the guest back until {@link Exchange.resume}. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  fail(fault: Fault): void;
  /** One line of the function's console, as it is written. */
  log?(entry: LogEntry): void;
}

export interface Exchange {
  /** False while the call waits for a sandbox: nothing but cancel() may be called then. */
  readonly running: boolean;
  /** Sends one chunk of a streamed request body. Returns false when the guest is behind: wait for `onDrain`. */
  write(chunk: Uint8Array, onDrain: () => void): boolean;
  endBody(): void;
  /** The sink has room again. */
  resume(): void;
  /** The caller no longer wants the outcome: the guest's signal aborts, and the sink hears nothing more. */
  cancel(): void;
}

export interface Invoker {
  /** Returns at once; what goes wrong, even before the call began, reaches the sink. */
  invoke(version: FunctionVersion, call: Call, sink: ResponseSink): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly timeMs: number;
}

/** Where a function's log lines go; `invocation` is null for lines written while the code loads. */
export interface LogSink {
  write(version: FunctionVersion, invocation: string | null, entry: LogEntry): void;
}
