/** Outbox drain: events that other transactions have left in the database become jobs. */

import type { NewEvent } from '../core/event.ts';
import type { Outbox, OutboxEvent } from '../core/outbox.ts';
import type { NewJob } from '../core/queue.ts';

export interface OutboxDrainOptions {
  readonly outbox: Outbox;
  /** Throws BAD_REQUEST. */
  jobsOf(event: NewEvent): NewJob[];
  report(error: unknown): void;
}

/** Events of one transaction. */
const LOT = 100;
/** It is told of every job that is added: after it found nothing it does not look again at once. */
const REST_MS = 250;
const AFTER_FAILURE_MS = 5_000;

export class OutboxDrain {
  readonly #options: OutboxDrainOptions;
  #isClosed = false;
  #isWoken = false;
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | null = null;

  constructor(options: OutboxDrainOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.outbox.onWork(() => this.#wake());
    this.#wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#draining;
  }

  #wake(): void {
    this.#isWoken = true;
    if (!this.#isClosed) this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    const { outbox, report } = this.#options;
    let restMs = REST_MS;
    this.#isWoken = false;
    try {
      while (!this.#isClosed && (await outbox.take(LOT, (events) => this.#expand(events))) > 0);
    } catch (error) {
      report(error);
      restMs = AFTER_FAILURE_MS;
      this.#isWoken = true;
    }
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#draining = null;
      if (this.#isWoken) this.#wake();
    }, restMs);
  }

  /** One that can't be an event is reported and dropped: it would hold up all that come after it. */
  #expand(events: readonly OutboxEvent[]): NewJob[] {
    return events.flatMap(({ id, tenant, channel, data }) => {
      try {
        return this.#options.jobsOf({ id, tenant, channel, data: JSON.parse(data) as unknown, source: '/database' });
      } catch (error) {
        this.#options.report(new Error(`The event ${id} that a transaction published is dropped`, { cause: error }));
        return [];
      }
    });
  }
}
