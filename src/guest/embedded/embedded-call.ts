/**
 * EmbeddedCall: one run's messages in and records out, in the place of an executor: its timers, its fetches, its logs and
 * its outcome. Whatever the records say concerns this run alone; what is not well-formed ends it.
 */

import type { CallMeta } from '../../wire/frames.ts';
import { In, Out } from '../isolate/mailbox.ts';
import { readRecords, type RecordReader } from '../executor/records.ts';
import type { Guest } from '../quickjs/program.ts';
import { EmbeddedFetches } from './embedded-fetches.ts';
import type { WasmLimits } from './limits.ts';
import type { WasmLogLine, WasmResponse, WasmRun } from './runtime.ts';
import type { Stopwatch } from './stopwatch.ts';

export type CallOutcome =
  | { readonly response: WasmResponse }
  | { readonly fault: readonly [code: string, message: string, stack: string | null] };

/** The one call of an instance. */
const CALL = 1;
const MAX_LOG_LINES = 10_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const OUT_OF_MEMORY = /^\["(?:HANDLER_THREW|LOAD_FAILED)","InternalError: out of memory"/;

export class EmbeddedCall {
  readonly logs: WasmLogLine[] = [];
  readonly #run: WasmRun;
  readonly #limits: WasmLimits;
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  readonly #fetches: EmbeddedFetches;
  #messages: string[] = [];
  #beside: (string | Uint8Array)[] = [];
  #wake: () => void = () => undefined;
  #head: readonly [status: number, headers: readonly string[]] | null = null;
  #chunks: Uint8Array[] = [];
  #bodyBytes = 0;
  #answered = false;
  #settled = false;
  #fault: Extract<CallOutcome, { fault: unknown }> | null = null;

  constructor(run: WasmRun, limits: WasmLimits) {
    this.#run = run;
    this.#limits = limits;
    this.#fetches = new EmbeddedFetches(run.fetch ?? null, limits.fetchBytes, {
      post: (message) => this.#post(message),
      beside: (bytes) => this.#beside.push(bytes) - 1,
    });
  }

  /** Resolves when the run has its outcome and nothing is left that it waits for. */
  async serve(guest: Guest, stopwatch: Stopwatch): Promise<CallOutcome> {
    this.#begin(stopwatch.leftMs);
    while (this.#fault === null && !(this.#answered && this.#settled)) {
      if (this.#messages.length === 0 && !(await this.#nextMessage(stopwatch.leftMs))) return this.#timedOut();
      const messages = `[${this.#messages.join(',')}]`;
      const beside = this.#beside;
      this.#messages = [];
      this.#beside = [];
      guest.turn(messages, beside);
      readRecords(guest.drain(), (record) => this.#hear(record));
    }
    return this.#fault ?? { response: this.#response() };
  }

  end(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#fetches.end();
  }

  #begin(leftMs: number): void {
    const { request, data, user } = this.#run;
    const { method = 'GET', url = 'http://localhost/', headers = {}, body = null } = request ?? {};
    const content = request === undefined ? JSON.stringify(data ?? null) : body;
    const list = Object.entries(request === undefined ? { 'content-type': 'application/json' } : headers).flat();
    const meta: CallMeta = [
      1,
      content === null ? 0 : 1,
      leftMs,
      request === undefined ? 'POST' : method.toUpperCase(),
      new URL(url, 'http://localhost/').href,
      list,
      request === undefined ? 'value' : 'http',
      '',
      crypto.randomUUID(),
      null,
      user === undefined ? null : [user.id, user.email, user.roles, 'user'],
    ];
    const reference =
      content === null
        ? 'null'
        : typeof content === 'string'
          ? JSON.stringify(content)
          : this.#beside.push(content) - 1;
    this.#post(`[${In.CALL},${CALL},${reference},${JSON.stringify(meta)}]`);
  }

  #post(message: string): void {
    this.#messages.push(message);
    this.#wake();
  }

  /** False where the time is over before. */
  #nextMessage(leftMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), leftMs);
      this.#wake = () => {
        clearTimeout(late);
        resolve(true);
      };
    });
  }

  #timedOut(): CallOutcome {
    return { fault: ['TIMED_OUT', `Execution timed out after ${this.#limits.timeoutMs / 1000}s`, null] };
  }

  #hear(record: RecordReader): void {
    const { kind, id, meta, body } = record;
    switch (kind) {
      case Out.LOG:
      case Out.SANDBOX_LOG:
        return this.#log(meta);
      case Out.TIMER:
        return this.#startTimer(id, Number(meta));
      case Out.TIMER_CLEAR:
        clearTimeout(this.#timers.get(id));
        this.#timers.delete(id);
        return;
      case Out.AGAIN:
        return this.#post(`[${In.TIMER},0]`);
      case Out.SERVICE:
        return this.#refuseService(meta);
    }
    if (kind >= Out.ASK && kind <= Out.ASK_CREDIT) return this.#fetches.hear(CALL, record);
    this.#hearOutcome(kind, meta, body);
  }

  #hearOutcome(kind: number, meta: string, body: RecordReader['body']): void {
    switch (kind) {
      case Out.REPLY:
      case Out.HEAD: {
        const [status, headers, settled] = JSON.parse(meta) as [number, string[], 0 | 1];
        this.#head ??= [status, headers];
        this.#add(body);
        this.#answered ||= kind === Out.REPLY;
        this.#settled ||= kind === Out.REPLY && settled === 1;
        return;
      }
      case Out.DATA:
        this.#add(body);
        if (body !== null) this.#post(`[${In.CREDIT},${CALL},${body.length}]`);
        return;
      case Out.END:
        this.#answered = true;
        return;
      case Out.SETTLED:
        this.#settled = true;
        return;
      case Out.FAULT:
        this.#fault ??= { fault: this.#faultOf(meta) };
    }
  }

  #faultOf(meta: string): readonly [code: string, message: string, stack: string | null] {
    if (OUT_OF_MEMORY.test(meta))
      return ['OUT_OF_MEMORY', `The function used more than its ${this.#limits.memoryMb} MB of memory`, null];
    const [code, message, stack] = JSON.parse(meta) as [string, string, string | null];
    return [code, message, stack];
  }

  #add(body: RecordReader['body']): void {
    if (body === null) return;
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    this.#bodyBytes += bytes.length;
    if (this.#bodyBytes <= this.#limits.responseBytes) this.#chunks.push(bytes);
    else
      this.#fault ??= {
        fault: ['RESPONSE_TOO_LARGE', `The response body is larger than ${this.#limits.responseBytes} bytes`, null],
      };
  }

  #log(meta: string): void {
    if (this.logs.length >= MAX_LOG_LINES) return;
    const [level, message] = JSON.parse(meta) as [string, string];
    this.logs.push({ level, message });
  }

  #startTimer(id: number, delayMs: number): void {
    if (this.#timers.size >= this.#limits.pendingTimers) return;
    const fire = (): void => {
      this.#timers.delete(id);
      this.#post(`[${In.TIMER},${id}]`);
    };
    clearTimeout(this.#timers.get(id));
    this.#timers.set(id, setTimeout(fire, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS)));
  }

  #refuseService(meta: string): void {
    const request = Number(/^\[(\d+),/.exec(meta)?.[1]);
    const refusal = JSON.stringify([0, 'NotSupportedError', 'crypto.subtle and compression are not available here']);
    if (Number.isInteger(request)) this.#post(`[${In.SERVICE},${request},[],${refusal}]`);
  }

  #response(): WasmResponse {
    const body = new Uint8Array(this.#bodyBytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    const [status, headers] = this.#head ?? [204, []];
    return { status, headers, body };
  }
}
