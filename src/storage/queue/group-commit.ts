/**
 * Group commit: writes that come while one is on its way wait for it and then go together, because what a commit costs is
 * the disk's time, and it costs that once for all of them.
 */

import { setImmediate } from 'node:timers/promises';
import { Fault } from '../../core/faults.ts';

export interface GroupCommitOptions<Item> {
  /** All or nothing. In the order of the items: what came of each, or the error of this one alone. */
  readonly commit: (items: readonly Item[]) => Promise<readonly unknown[]>;
  readonly bytesOf: (item: Item) => number;
  /** Whether one item is wrong, and the others may succeed without it. */
  readonly isOfItem: (error: unknown) => boolean;
}

const MAX_ITEMS = 500;
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_WAITING_ITEMS = 50_000;
const MAX_WAITING_BYTES = 128 * 1024 * 1024;

interface Waiting<Item> {
  readonly item: Item;
  readonly bytes: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export class GroupCommit<Item> {
  readonly #options: GroupCommitOptions<Item>;
  #waiting: Waiting<Item>[] = [];
  #waitingBytes = 0;
  #isRunning = false;

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options;
  }

  /** Rejects with OVERLOADED where too much waits already. */
  submit(item: Item): Promise<unknown> {
    const bytes = this.#options.bytesOf(item);
    if (this.#waiting.length >= MAX_WAITING_ITEMS || this.#waitingBytes + bytes > MAX_WAITING_BYTES)
      return Promise.reject(new Fault('OVERLOADED', 'The queue takes no more: too much waits to be written'));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ item, bytes, resolve, reject });
    this.#waitingBytes += bytes;
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // Whoever has just heard of the last commit may have the next write ready.
      await setImmediate();
      await this.#commit(this.#take());
    }
    this.#isRunning = false;
  }

  #take(): Waiting<Item>[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (count === MAX_ITEMS || (count > 0 && bytes + waiting.bytes > MAX_BYTES)) break;
      count += 1;
      bytes += waiting.bytes;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #commit(group: readonly Waiting<Item>[]): Promise<void> {
    try {
      const results = await this.#options.commit(group.map(({ item }) => item));
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index];
        if (result instanceof Error) reject(result);
        else resolve(result);
      }
    } catch (error) {
      if (group.length > 1 && this.#options.isOfItem(error)) {
        for (const each of group) await this.#commit([each]);
      } else for (const { reject } of group) reject(error);
    }
  }
}
