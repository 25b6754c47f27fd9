/**
 * Outbox: events that a transaction of a user's own in PostgreSQL has published, with `cordon_publish`. They are there when
 * that transaction has committed, and leave in the transaction that adds the jobs they become.
 */

import type { NewJob } from './queue.ts';

export interface OutboxEvent {
  /** UUID. */
  readonly id: string;
  readonly tenant: string;
  readonly channel: string;
  /** JSON. */
  readonly data: string;
  readonly addedMs: number;
}

export interface Outbox {
  /**
   * Takes at most so many events, the oldest first, and adds the jobs that `expand` makes of them: both, or, where `expand`
   * or the database fails, neither. Returns how many events it took; 0 also while another node is taking some.
   */
  take(limit: number, expand: (events: readonly OutboxEvent[]) => readonly NewJob[]): Promise<number>;
  /** Told when there may be events, as a queue's `onWork` tells. The listener must not throw. */
  onWork(listener: () => void): void;
}
