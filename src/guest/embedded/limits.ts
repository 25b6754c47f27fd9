/** What one run in an embedding host may use. */

export interface WasmLimits {
  /** Wall time. */
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Of a response. */
  readonly responseBytes: number;
  /** Of what one fetch sends, or receives. */
  readonly fetchBytes: number;
  readonly logBytes: number;
  readonly pendingTimers: number;
}

const DEFAULTS: WasmLimits = {
  timeoutMs: 5_000,
  memoryMb: 64,
  responseBytes: 10_000_000,
  fetchBytes: 10_000_000,
  logBytes: 100_000,
  pendingTimers: 1_000,
};

/** The built module's memory has this maximum. */
export const MAX_MEMORY_MB = 128;
const MOST: WasmLimits = {
  timeoutMs: 300_000,
  memoryMb: MAX_MEMORY_MB,
  responseBytes: 50_000_000,
  fetchBytes: 50_000_000,
  logBytes: 10_000_000,
  pendingTimers: 10_000,
};
const LEAST: Readonly<Partial<Record<keyof WasmLimits, number>>> = { memoryMb: 8, timeoutMs: 1 };

/** Throws a TypeError for a name that is no limit, and for a value out of bounds. */
export function limitsOf(given: Partial<WasmLimits>): WasmLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw new TypeError(`There is no limit ${JSON.stringify(name)}`);
    const key = name as keyof WasmLimits;
    const least = LEAST[key] ?? 0;
    if (typeof value !== 'number' || !(value >= least && value <= MOST[key]))
      throw new TypeError(`limits.${name} must be a number from ${least} to ${MOST[key]}, but it is ${String(value)}`);
  }
  return { ...DEFAULTS, ...given };
}
