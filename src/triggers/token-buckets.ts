/** Token buckets: how much each key may take in a while. A bucket is full at first, and fills evenly. */

import type { RateRule } from '../core/rate-limit.ts';

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** Above so many, those that are full again are forgotten. */
const MAX_BUCKETS = 10_000;

export class TokenBuckets {
  readonly #rule: RateRule;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** `nowMs` never goes back. */
  constructor(rule: RateRule, nowMs: () => number = () => performance.now()) {
    this.#rule = rule;
    this.#nowMs = nowMs;
  }

  /** Takes more than was there: what comes next waits for longer. */
  charge(key: string, count: number): void {
    this.#bucketOf(key).tokens -= count;
  }

  /** 0: one was taken. Else in how many ms there will be one. */
  take(key: string): number {
    const bucket = this.#bucketOf(key);
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.#perMs);
    bucket.tokens -= 1;
    return 0;
  }

  get #perMs(): number {
    return this.#rule.limit / (this.#rule.windowSeconds * 1000);
  }

  #bucketOf(key: string): Bucket {
    const nowMs = this.#nowMs();
    const found = this.#buckets.get(key);
    if (found !== undefined) {
      found.tokens = Math.min(this.#rule.limit, found.tokens + (nowMs - found.filledMs) * this.#perMs);
      found.filledMs = nowMs;
      return found;
    }
    if (this.#buckets.size >= MAX_BUCKETS) this.#forgetFull(nowMs);
    const bucket = { tokens: this.#rule.limit, filledMs: nowMs };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #forgetFull(nowMs: number): void {
    for (const [key, { tokens, filledMs }] of this.#buckets)
      if (tokens + (nowMs - filledMs) * this.#perMs >= this.#rule.limit) this.#buckets.delete(key);
  }
}
