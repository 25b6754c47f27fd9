/** Rate limit: so many in so many seconds, for each key. */

export interface RateRule {
  readonly limit: number;
  readonly windowSeconds: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  readonly rule: RateRule;
  readonly remaining: number;
  /** Until the window is over. */
  readonly resetSeconds: number;
}

export interface RateLimits {
  /** Counts one; `scope` keeps the keys of different rules apart. */
  take(scope: string, key: string, rule: RateRule): RateDecision | Promise<RateDecision>;
}

/** `RateLimit-*` of draft-ietf-httpapi-ratelimit-headers-06, and Retry-After where it was refused. */
export function rateHeaders({ allowed, rule, remaining, resetSeconds }: RateDecision): Record<string, string> {
  return {
    'ratelimit-limit': String(rule.limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetSeconds),
    'ratelimit-policy': `${rule.limit};w=${rule.windowSeconds}`,
    ...(allowed ? {} : { 'retry-after': String(Math.max(1, resetSeconds)) }),
  };
}
