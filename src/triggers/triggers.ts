/** Triggers: what runs functions besides requests: events, times, and what is left in the database, on one queue. */

import type { CronStore } from '../core/cron.ts';
import type { Outbox } from '../core/outbox.ts';
import type { Queue } from '../core/queue.ts';
import type { RateRule } from '../core/rate-limit.ts';
import { CronService } from './cron.ts';
import { createDeliver, type DeliveryOptions } from './delivery.ts';
import { createEvents, type EventPublisher } from './events.ts';
import { OutboxDrain } from './outbox-drain.ts';
import { QueueWorker } from './queue-worker.ts';
import { TriggerBook } from './trigger-book.ts';

/** As the operator has set it. */
interface TriggersConfig {
  readonly eventConcurrency: number;
  readonly functionEventConcurrency: number;
  readonly eventRate: RateRule;
  readonly eventBacklog: number;
  readonly eventAttempts: number;
  readonly cronAttempts: number;
  readonly deadLetterDays: number;
  readonly cron: 'internal' | 'external';
}

export interface TriggersOptions extends Omit<DeliveryOptions, 'cron' | 'report'> {
  readonly config: TriggersConfig;
  readonly queue: Queue;
  readonly outbox: Outbox;
  readonly cron: CronStore;
  report(error: unknown): void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export class Triggers {
  /** To be told of every change of the routes. */
  readonly book: TriggerBook = new TriggerBook();
  readonly events: EventPublisher;
  readonly cron: CronService;
  readonly #options: TriggersOptions;
  readonly #worker: QueueWorker;
  readonly #outbox: OutboxDrain;
  #pruner: NodeJS.Timeout | undefined;

  constructor(options: TriggersOptions) {
    const { config, queue, report, isSuspended } = options;
    const { eventBacklog: maxJobs } = config;
    this.#options = options;
    this.events = createEvents({
      queue,
      subscriptions: this.book,
      rate: config.eventRate,
      maxJobs,
      maxAttempts: config.eventAttempts,
      isSuspended,
    });
    this.cron = new CronService({
      queue,
      store: options.cron,
      triggers: this.book,
      mode: config.cron,
      maxAttempts: config.cronAttempts,
      maxJobs,
      isSuspended,
      report,
    });
    this.#worker = new QueueWorker({
      queue,
      deliver: createDeliver(options),
      concurrency: config.eventConcurrency,
      functionConcurrency: config.functionEventConcurrency,
      report,
    });
    this.#outbox = new OutboxDrain({ outbox: options.outbox, jobsOf: (event) => this.events.jobsOf(event), report });
  }

  /** When the routes are loaded: a job of a function that nobody knows would be in vain. */
  start(): void {
    this.#worker.start();
    this.cron.start();
    this.#outbox.start();
    this.#prune();
    this.#pruner = setInterval(() => this.#prune(), HOUR_MS).unref();
  }

  /** What runs has this long to end; all else is given back. */
  async close(drainMs: number): Promise<void> {
    clearInterval(this.#pruner);
    await Promise.all([this.cron.close(), this.#outbox.close(), this.#worker.close(drainMs)]);
  }

  #prune(): void {
    const { queue, config, report } = this.#options;
    const nowMs = Date.now();
    queue.prune({ ids: nowMs - DAY_MS, dead: nowMs - config.deadLetterDays * DAY_MS }).catch(report);
  }
}
