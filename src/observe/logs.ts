/**
 * Logs: what functions write to their consoles, on its way to a table, to stdout and to whoever follows.
 *
 * A function may write as fast as it likes and nothing here may grow with it: each function has an allowance, a ring
 * of bounded size, and lines of bounded length; batches are written behind its back. Secrets are taken out of each line
 * before anything else sees it.
 */

import type { FunctionVersion } from '../core/function.ts';
import type { LogEntry, LogSink } from '../core/invocation.ts';
import { LogIds } from '../core/log-ids.ts';
import type { LogLine, LogQuery } from '../core/log-line.ts';
import { Allowance } from './allowance.ts';
import type { AllowanceRate } from './allowance.ts';
import type { Output } from './output.ts';
import { NEEDLE_CHARS, redact } from './redaction.ts';
import { Ring } from './ring.ts';

/** The table behind it. */
export interface LogStore {
  append(lines: readonly LogLine[]): Promise<void>;
  read(query: LogQuery): Promise<LogLine[]>;
  lastId(): Promise<number>;
  prune(retention: { readonly beforeMs: number; readonly maxLines: number }): Promise<number>;
}

export interface LogsOptions {
  readonly store: LogStore;
  readonly stdout: Output;
  readonly retentionDays: number;
  /** A stack in the lines of the version's author; default: as it is. */
  readStack?(version: FunctionVersion, text: string): string;
  /** Lines kept in memory for one function. */
  readonly ringSize?: number;
  /** What one function may write: a line costs 1, and 1 more for each KB of it. */
  readonly rate?: AllowanceRate;
}

export interface Logs extends LogSink {
  /** Includes lines that have not reached the table. */
  read(query: LogQuery): Promise<LogLine[]>;
  /** The lines after `afterId` (null: only those to come), then each as it is written; ends with the signal or with the logs. */
  follow(target: Omit<LogQuery, 'limit'>, signal: AbortSignal): AsyncIterableIterator<LogLine>;
  /** Drops what is held of a function that is deleted. */
  forget(target: { readonly tenant: string; readonly name: string }): void;
  /** Writes what is waiting to the table. */
  flush(): Promise<void>;
  /** Ends every follower and writes what is waiting. */
  close(): Promise<void>;
}

const FLUSH_MS = 100;
const FLUSH_LINES = 256;
const RING_SIZE = 512;
const RING_CHARS = 256 * 1024;
const MAX_RINGS = 2_000;
const MAX_MESSAGE_CHARS = 8 * 1024;
/** While the table can't take them, no more lines than this wait for it. */
const MAX_WAITING = 8_192;
const RATE: AllowanceRate = { perSecond: 200, burst: 4_000 };
const NOTICE_MS = 1_000;
const PRUNE_MS = 10 * 60_000;
const MAX_LINES_PER_FUNCTION = 50_000;
const FOLLOW_LINES = 256;

export async function createLogs(options: LogsOptions): Promise<Logs> {
  const logs = new FunctionLogs(options, await options.store.lastId());
  await logs.prune();
  return logs;
}

interface Stream {
  readonly ring: Ring;
  readonly allowance: Allowance;
  notice: NodeJS.Timeout | undefined;
}

class FunctionLogs implements Logs {
  readonly #store: LogStore;
  readonly #stdout: Output;
  readonly #options: LogsOptions;
  readonly #read: (version: FunctionVersion, text: string) => string;
  /** In the order of their last line, so that the quietest goes first. */
  readonly #streams = new Map<string, Stream>();
  readonly #wakers = new Map<string, Set<() => void>>();
  readonly #closed = new AbortController();
  readonly #pruning: NodeJS.Timeout;
  readonly #ids: LogIds;
  #waiting: LogLine[] = [];
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LogsOptions, lastId: number) {
    this.#store = options.store;
    this.#stdout = options.stdout;
    this.#options = options;
    this.#read = options.readStack ?? ((_, text) => text);
    this.#ids = new LogIds(lastId);
    this.#pruning = setInterval(() => void this.prune(), PRUNE_MS).unref();
  }

  write(version: FunctionVersion, invocation: string | null, entry: LogEntry): void {
    const key = streamKey(version);
    const stream = this.#stream(key);
    const chars = Math.min(entry.message.length, MAX_MESSAGE_CHARS);
    if (!stream.allowance.take(1 + chars / 1024, performance.now())) {
      stream.notice ??= setTimeout(() => this.#tellRefused(version, stream), NOTICE_MS).unref();
      return;
    }
    this.#keep(version, stream, invocation, { ...entry, message: shown(version, this.#read(version, entry.message)) });
  }

  async read(query: LogQuery): Promise<LogLine[]> {
    const lines = this.#streams.get(streamKey(query))?.ring.read(query);
    if (lines) return lines;
    await this.flush();
    return this.#store.read(query);
  }

  /**
   * A follower is a cursor and a wake-up call, with no queue of its own: one that is slow reads from the table what the
   * ring no longer has, and can neither miss a line nor hold memory.
   */
  async *follow(target: Omit<LogQuery, 'limit'>, signal: AbortSignal): AsyncIterableIterator<LogLine> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const key = streamKey(target);
    let afterId = target.afterId ?? this.#ids.last;
    while (!ended.aborted) {
      // Asked for before the read, so that no line falls between the two.
      const written = this.#nextLine(key, ended);
      try {
        const lines = await this.read({ ...target, afterId, limit: FOLLOW_LINES });
        for (const line of lines) {
          if (ended.aborted) return;
          afterId = line.id;
          yield line;
        }
        if (lines.length < FOLLOW_LINES) await written.promise;
      } finally {
        written.forget();
      }
    }
  }

  forget({ tenant, name }: { readonly tenant: string; readonly name: string }): void {
    const key = streamKey({ tenant, name });
    clearTimeout(this.#streams.get(key)?.notice);
    this.#streams.delete(key);
    this.#waiting = this.#waiting.filter((line) => line.tenant !== tenant || line.name !== name);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One batch at a time, in order; a caller also waits for the batch that is on its way.
    this.#writing = this.#writing.then(() => this.#append());
    await this.#writing;
  }

  async close(): Promise<void> {
    clearInterval(this.#pruning);
    for (const { notice } of this.#streams.values()) clearTimeout(notice);
    this.#closed.abort();
    await this.flush();
  }

  async prune(): Promise<void> {
    const beforeMs = Date.now() - this.#options.retentionDays * 86_400_000;
    try {
      await this.#store.prune({ beforeMs, maxLines: MAX_LINES_PER_FUNCTION });
    } catch (error) {
      this.#stdout.line(`[cordon] old lines of functions can't be removed: ${(error as Error).message}`);
    }
  }

  #keep(
    version: FunctionVersion,
    stream: Stream,
    invocation: string | null,
    { level, message, timeMs }: LogEntry,
  ): void {
    this.#stdout.line(`[Function] ${version.key} ${invocation ?? '-'} ${level}: ${message}`);
    // What ran once has no name to read its lines by; its caller gets them with the result.
    if (version.ephemeral) return;
    const { tenant, name, number } = version;
    const line: LogLine = { id: this.#ids.next(), tenant, name, version: number, invocation, level, message, timeMs };
    stream.ring.push(line);
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(line);
    if (this.#waiting.length === FLUSH_LINES) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
    for (const wake of this.#wakers.get(streamKey(version)) ?? []) wake();
  }

  #tellRefused(version: FunctionVersion, stream: Stream): void {
    stream.notice = undefined;
    const refused = stream.allowance.takeRefused();
    const message = `${refused} ${refused === 1 ? 'line was' : 'lines were'} dropped: this function logs faster than its allowance`;
    this.#keep(version, stream, null, { level: 'warn', message, timeMs: Date.now() });
  }

  #stream(key: string): Stream {
    const found = this.#streams.get(key);
    const stream = found ?? this.#newStream();
    if (found !== undefined) this.#streams.delete(key);
    else if (this.#streams.size >= MAX_RINGS) this.#streams.delete(this.#streams.keys().next().value!);
    this.#streams.set(key, stream);
    return stream;
  }

  #newStream(): Stream {
    return {
      ring: new Ring(this.#options.ringSize ?? RING_SIZE, RING_CHARS, this.#ids.last),
      allowance: new Allowance(this.#options.rate ?? RATE, performance.now()),
      notice: undefined,
    };
  }

  async #append(): Promise<void> {
    const lines = this.#waiting;
    if (lines.length === 0) return;
    this.#waiting = [];
    try {
      await this.#store.append(lines);
    } catch (error) {
      this.#stdout.line(`[cordon] ${lines.length} lines of functions can't be kept: ${(error as Error).message}`);
    }
  }

  #nextLine(key: string, ended: AbortSignal): { readonly promise: Promise<void>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wakers = this.#wakers.get(key) ?? new Set();
    this.#wakers.set(key, wakers.add(resolve));
    const wake = (): void => resolve();
    ended.addEventListener('abort', wake);
    return {
      promise,
      forget: () => {
        ended.removeEventListener('abort', wake);
        wakers.delete(resolve);
        if (wakers.size === 0) this.#wakers.delete(key);
      },
    };
  }
}

/** Names have no slash, so that no two functions share a key; all executions of a tenant share one. */
const streamKey = ({ tenant, name, ephemeral }: { tenant: string; name: string; ephemeral?: boolean }): string =>
  ephemeral === true ? `${tenant}/` : `${tenant}/${name}`;

/**
 * A level and time from a guest are checked by the wire; the length is a matter of what this host keeps. No line leaves
 * this file with a secret of its version, and none is cut before it was looked through: half a secret is not found.
 */
function shown(version: FunctionVersion, message: string): string {
  if (message.length <= MAX_MESSAGE_CHARS) return redact(version, message);
  const start = redact(version, message.slice(0, MAX_MESSAGE_CHARS + NEEDLE_CHARS));
  // The last of them may be the beginning of a secret, and they move to the front when one before them is taken out.
  const end = Math.min(MAX_MESSAGE_CHARS, start.length - NEEDLE_CHARS);
  return `${start.slice(0, end)}… (${message.length - MAX_MESSAGE_CHARS} more characters)`;
}
