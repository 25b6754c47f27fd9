/** Rate limits: counters in memory, or in PostgreSQL where several nodes count together. */

import { hash } from 'node:crypto';
import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import type { RateDecision, RateLimits, RateRule } from '../core/rate-limit.ts';

const TABLE = 'rate_limits';
/** Callers choose their keys. Above so many in one window, those that are new share {@link SHARED_KEYS} counters. */
const MAX_KEYS = 100_000;
const SHARED_KEYS = 4_096;

/**
 * With a pool, counters are a table there, which is made when it is missing; while the database can't be reached, each
 * node counts for itself. Rejects where the table can't be made.
 */
export async function createRateLimits(pool: Pool | null): Promise<RateLimits> {
  if (pool !== null) await makeTable(pool);
  const counters = new Map<string, Counter>();
  return {
    async take(scope, key, rule) {
      const name = `${scope}:${rule.limit}/${rule.windowSeconds}`;
      let counter = counters.get(name);
      if (counter === undefined) counters.set(name, (counter = new Counter(name, rule, pool)));
      return counter.take(key);
    },
  };
}

/** One rule, and a number for each key. */
class Counter {
  readonly #rule: RateRule;
  readonly #limiter: RateLimiterAbstract;
  #seen = new Set<string>();
  #seenSinceMs = performance.now();

  constructor(name: string, rule: RateRule, pool: Pool | null) {
    this.#rule = rule;
    const options = { keyPrefix: name, points: rule.limit, duration: rule.windowSeconds };
    this.#limiter =
      pool === null
        ? new RateLimiterMemory(options)
        : new RateLimiterPostgres({
            ...options,
            storeClient: pool,
            storeType: 'pool',
            tableName: TABLE,
            tableCreated: true,
            clearExpiredByTimeout: false,
            // Whoever is over the limit costs no query until the window is over.
            inMemoryBlockOnConsumed: rule.limit,
            insuranceLimiter: new RateLimiterMemory(options),
          });
  }

  async take(key: string): Promise<RateDecision> {
    try {
      return this.#decision(true, await this.#limiter.consume(this.#bounded(key)));
    } catch (refusal) {
      // Both ways the library tells of a count; anything else is an error.
      if (refusal instanceof RateLimiterRes) return this.#decision(false, refusal);
      throw refusal;
    }
  }

  #decision(allowed: boolean, { remainingPoints, msBeforeNext }: RateLimiterRes): RateDecision {
    return {
      allowed,
      rule: this.#rule,
      remaining: Math.max(0, remainingPoints),
      resetSeconds: Math.max(0, Math.ceil(msBeforeNext / 1_000)),
    };
  }

  /** The key itself, unless so many others came before it that memory has to be spared. */
  #bounded(key: string): string {
    const now = performance.now();
    if (now - this.#seenSinceMs > this.#rule.windowSeconds * 1_000) {
      this.#seen = new Set();
      this.#seenSinceMs = now;
    }
    const digest = hash('sha256', key, 'base64url');
    if (this.#seen.has(digest)) return digest;
    if (this.#seen.size >= MAX_KEYS) return `shared-${hash('sha256', key, 'buffer').readUInt32LE(0) % SHARED_KEYS}`;
    this.#seen.add(digest);
    return digest;
  }
}

/** By the library, which then also removes what has expired from it, every few minutes. */
function makeTable(pool: Pool): Promise<void> {
  return new Promise((resolve, reject) => {
    new RateLimiterPostgres(
      { storeClient: pool, storeType: 'pool', tableName: TABLE, points: 1, duration: 1, clearExpiredByTimeout: true },
      (error?: Error | null) => (error == null ? resolve() : reject(error)),
    );
  });
}
