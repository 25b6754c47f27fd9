/** Limits: what one version may use. Resolved when a version is made, stored with it, and never read from config again. */

import { Fault, type FaultCode } from './faults.ts';

export interface Limits {
  /** Wall time of one invocation. */
  readonly timeoutMs: number;
  /** Heap of one sandbox. */
  readonly memoryMb: number;
  /** Largest request body. */
  readonly requestBytes: number;
  /** Largest buffered response body; a streamed response is unbounded. */
  readonly responseBytes: number;
  /** Log text kept for one invocation; the rest is dropped with a notice. */
  readonly logBytes: number;
  /** Invocations that one sandbox serves side by side. */
  readonly concurrency: number;
}

/** What an operator may lower or raise; a function's own value must lie within. Seed 001 and 003 give the numbers. */
export interface LimitBounds {
  readonly timeoutMs: readonly [min: number, max: number];
  readonly memoryMb: readonly [min: number, max: number];
}

/** Default limits by entry point (CONTRACTS.md, "Default limits by entry"). */
export const DEFAULT_LIMITS = {
  execute: { timeoutMs: 10_000, memoryMb: 128 },
  function: { timeoutMs: 30_000, memoryMb: 128 },
  /** Handler kind `script`, whatever starts it. */
  script: { timeoutMs: 5_000, memoryMb: 64 },
} as const;

/** Bounds of `POST /execute` (seed 001). */
export const EXECUTE_BOUNDS: LimitBounds = { timeoutMs: [1_000, 30_000], memoryMb: [64, 512] };

/** No function may ask for more, whatever the operator's default is (seed 003). */
export const MAX_TIMEOUT_MS = 300_000;

export const MB: number = 1024 * 1024;

export function requireWithin(
  name: string,
  value: number,
  [min, max]: readonly [number, number],
  unit: string,
): number {
  if (Number.isFinite(value) && value >= min && value <= max) return value;
  throw new Fault('BAD_REQUEST', `${name} must be between ${min} and ${max} ${unit}, but it is ${value}`);
}

/** The limit whose excess a code means. */
const LIMIT_OF: Readonly<Partial<Record<FaultCode, readonly [name: string, of: keyof Limits]>>> = {
  TIMED_OUT: ['timeout-ms', 'timeoutMs'],
  OUT_OF_MEMORY: ['memory-mb', 'memoryMb'],
  BODY_TOO_LARGE: ['request-bytes', 'requestBytes'],
  RESPONSE_TOO_LARGE: ['response-bytes', 'responseBytes'],
};

/** Which limit a fault comes from and what it was, as `<name>=<value>`; null where it comes from none. */
export function limitHit(fault: Fault, limits: Limits): string | null {
  if (fault.details.limit !== undefined) return fault.details.limit;
  const found = LIMIT_OF[fault.code];
  return found === undefined ? null : `${found[0]}=${limits[found[1]]}`;
}
