/** Event: something that happened, on a channel, for every function of the tenant whose pattern matches it. */

export interface NewEvent {
  readonly tenant: string;
  /** `items:posts:created`. */
  readonly channel: string;
  /** Any JSON. */
  readonly data: unknown;
  /**
   * For idempotency: another event of the tenant with this id and this source, within a day, is not published again.
   * Default: a new one.
   */
  readonly id?: string;
  /** Events of one key reach each function one after the other, in the order of their publication. */
  readonly key?: string;
  /** Not before then; default 0: at once. */
  readonly delayMs?: number;
  /** How many events lie behind this one: a function that publishes while it handles one adds 1. */
  readonly hops?: number;
  /** Where it came from, as a CloudEvents `source` has it. */
  readonly source?: string;
}

export interface Published {
  readonly id: string;
  /** How many functions it was queued for; 0 where nobody listens. */
  readonly deliveries: number;
  /** It had been published before, and nothing was queued. */
  readonly duplicate: boolean;
}

export interface Events {
  /** What resolves is durable. Rejects with BAD_REQUEST, QUOTA_EXCEEDED, THROTTLED, TENANT_SUSPENDED. */
  publish(event: NewEvent): Promise<Published>;
}

/** Whoever listens: a function that is active and has a live version. */
export interface Subscription {
  readonly tenant: string;
  readonly name: string;
  readonly pattern: string;
}

/** The body of the invocation of an event, which a script sees as `ctx.data`. */
export interface EventPayload {
  readonly event: string;
  readonly data: unknown;
}

/** Of a tick: what a script sees as `ctx.data`. */
export interface CronPayload {
  /** ISO time of the tick that was due. */
  readonly firedAt: string;
  readonly pattern: string;
}
