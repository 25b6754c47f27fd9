/**
 * Fleet: the executors on other hosts that there are, which of them answer, and which has least to do.
 *
 * One that fails is taken out at once, and comes back when it says that it is healthy.
 */

import { Fault } from '../../core/faults.ts';
import { reasonOf } from './address.ts';
import { Misdirected } from './dial.ts';
import { readHealth } from './health.ts';
import type { RemoteExecutor } from './remote-executor.ts';

export interface Remote {
  /** Without a `/` at its end. */
  readonly base: string;
  /** The life of it that was last seen. Null: it was not seen, or has failed since then. */
  instance: string | null;
  /** The operator was told that it can't be used. */
  isOut: boolean;
  /** Why it can't be used. */
  reason: string;
  readonly executors: Set<RemoteExecutor>;
}

export interface FleetOptions {
  readonly bases: readonly string[];
  /** Opens a stream on it. */
  connect(remote: Remote, instance: string): Promise<RemoteExecutor>;
  /** For the operator. */
  report(line: string): void;
}

const CHECK_MS = 2_000;
/** One that waits in the pool and says nothing for so long is not there any more. */
const SILENCE_MS = 10_000;

export class Fleet {
  readonly remotes: readonly Remote[];
  readonly #options: FleetOptions;
  #timer: NodeJS.Timeout | null = null;
  /** Checks under way, so that many who wait for one start one. */
  readonly #checks = new Map<Remote, Promise<void>>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.remotes = options.bases.map((base) => ({
      base,
      instance: null,
      isOut: false,
      reason: 'it was not asked yet',
      executors: new Set(),
    }));
  }

  /** A new stream, on the executor that has least to do. Rejects where none can be had. */
  async open(): Promise<RemoteExecutor> {
    this.#timer ??= setInterval(() => this.#look(), CHECK_MS).unref();
    if (this.remotes.every(({ instance }) => instance === null)) await this.checkAll();
    const tried = new Set<Remote>();
    for (let remote = this.#best(tried); remote !== null; remote = this.#best(tried)) {
      tried.add(remote);
      try {
        return await this.#connect(remote);
      } catch (error) {
        if (error instanceof Fault && tried.size === this.remotes.length) throw error;
        this.fail(remote, reasonOf(error));
      }
    }
    throw new Error(this.remotes.map(({ base, reason }) => `${base}: ${reason}`).join('; '));
  }

  /** It takes no more streams until it is seen healthy again. */
  fail(remote: Remote, reason: string): void {
    if (!remote.isOut) this.#options.report(`remote ${remote.base} is out: ${reason}`);
    remote.isOut = true;
    remote.instance = null;
    remote.reason = reason;
  }

  async checkAll(): Promise<void> {
    await Promise.all(this.remotes.map((remote) => this.#check(remote)));
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** The fewest calls under way, then the fewest streams. */
  #best(tried: ReadonlySet<Remote>): Remote | null {
    let best: Remote | null = null;
    for (const remote of this.remotes)
      if (remote.instance !== null && !tried.has(remote) && (best === null || isLess(remote, best))) best = remote;
    return best;
  }

  /** One that was started anew since it was last seen is asked who it is, once. */
  async #connect(remote: Remote): Promise<RemoteExecutor> {
    try {
      return await this.#options.connect(remote, remote.instance as string);
    } catch (error) {
      if (!(error instanceof Misdirected)) throw error;
      await this.#check(remote);
      if (remote.instance === null) throw error;
      return this.#options.connect(remote, remote.instance);
    }
  }

  #check(remote: Remote): Promise<void> {
    let check = this.#checks.get(remote);
    if (check !== undefined) return check;
    check = readHealth(remote.base)
      .then(
        ({ instance }) => {
          if (remote.isOut) this.#options.report(`remote ${remote.base} is healthy`);
          remote.isOut = false;
          remote.instance = instance;
        },
        (error: unknown) => this.fail(remote, reasonOf(error)),
      )
      .finally(() => this.#checks.delete(remote));
    this.#checks.set(remote, check);
    return check;
  }

  #look(): void {
    const nowMs = performance.now();
    for (const remote of this.remotes) {
      void this.#check(remote);
      for (const executor of remote.executors)
        if (executor.isIdle && executor.tick(nowMs) > SILENCE_MS) void executor.kill('it gave no sign of life');
    }
  }
}

function isLess(a: Remote, b: Remote): boolean {
  const difference = callsOf(a) - callsOf(b);
  return difference === 0 ? a.executors.size < b.executors.size : difference < 0;
}

function callsOf({ executors }: Remote): number {
  let sum = 0;
  for (const { inFlight } of executors) sum += inFlight;
  return sum;
}
