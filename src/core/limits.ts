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
  /** CPU time of one invocation. */
  readonly cpuMs: number;
  /**
   * What its executor may use as a whole, beyond what an empty one takes. Where several functions share one, the largest
   * of theirs holds for all of them.
   */
  readonly processMemoryMb: number;
  /** Calls of host services (`fetch`, `ctx.*`) that one invocation may begin. */
  readonly subrequests: number;
  /** Of these, how many may be open at a time. */
  readonly openStreams: number;
  /** What one invocation may send and receive by them, together. */
  readonly egressBytes: number;
  /** Timers of one sandbox that may be waiting. */
  readonly pendingTimers: number;
  /** Sandboxes of it that stand ready whether or not it is called; none by default. */
  readonly minReplicas?: number;
  /** Sandboxes of it that there are at the most, by load. */
  readonly maxReplicas?: number;
  /** Its share of the CPU where it has an executor to itself and others want it too: 1024 is everybody's. */
  readonly cpuShares?: number;
}

/** What a function may choose besides its time and its memory. */
export type ChosenLimits = Pick<
  Limits,
  'cpuMs' | 'processMemoryMb' | 'subrequests' | 'openStreams' | 'egressBytes' | 'pendingTimers'
>;

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

export const MB: number = 1024 * 1024;

/** Where neither the function nor the operator says anything; also of versions that were kept before there were these. */
export const DEFAULT_CHOSEN: ChosenLimits = {
  cpuMs: 30_000,
  // The operator's measure for an executor is smaller, and holds.
  processMemoryMb: 1_048_576,
  subrequests: 1_000,
  openStreams: 64,
  egressBytes: 256 * MB,
  pendingTimers: 10_000,
};

interface ChoiceRule {
  readonly least: number;
  readonly unit: string;
}

export const CHOICES: Readonly<Record<keyof ChosenLimits, ChoiceRule>> = {
  cpuMs: { least: 10, unit: 'ms' },
  processMemoryMb: { least: 64, unit: 'MB' },
  subrequests: { least: 0, unit: 'calls' },
  openStreams: { least: 1, unit: 'calls at a time' },
  egressBytes: { least: 0, unit: 'bytes' },
  pendingTimers: { least: 1, unit: 'timers' },
};

const CHOICE_NAMES = Object.keys(CHOICES) as readonly (keyof ChosenLimits)[];

/** What is not wanted is the default, or the largest where that is less. Throws BAD_REQUEST for what lies outside. */
export function chooseLimits(wanted: Partial<ChosenLimits>, largest: ChosenLimits): ChosenLimits {
  const chosen = CHOICE_NAMES.map((name) => {
    const { least, unit } = CHOICES[name];
    const value = wanted[name] ?? Math.min(DEFAULT_CHOSEN[name], largest[name]);
    requireWithin(`limits.${name}`, value, [Math.min(least, largest[name]), largest[name]], unit);
    if (!Number.isInteger(value))
      throw new Fault('BAD_REQUEST', `limits.${name} must be a whole number of ${unit}, but it is ${value}`);
    return [name, value];
  });
  return Object.fromEntries(chosen) as ChosenLimits;
}

/** Bounds of `POST /execute` (seed 001). */
export const EXECUTE_BOUNDS: LimitBounds = { timeoutMs: [1_000, 30_000], memoryMb: [64, 512] };

/** No function may ask for more, whatever the operator's default is (seed 003). */
export const MAX_TIMEOUT_MS = 300_000;

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
const LIMIT_OF: Readonly<Partial<Record<FaultCode, keyof Limits>>> = {
  TIMED_OUT: 'timeoutMs',
  OUT_OF_MEMORY: 'memoryMb',
  BODY_TOO_LARGE: 'requestBytes',
  RESPONSE_TOO_LARGE: 'responseBytes',
};

/** Which limit a fault comes from and what it was, as `<name>=<value>`; null where it comes from none. */
export function limitHit(fault: Fault, limits: Limits): string | null {
  if (fault.details.limit !== undefined) return fault.details.limit;
  const name = LIMIT_OF[fault.code];
  return name === undefined ? null : limitText(name, limits);
}

/** As headers and logs say it: `cpu-ms=30000`. */
export const limitText = (name: keyof Limits, limits: Limits): string =>
  `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}=${limits[name]}`;
