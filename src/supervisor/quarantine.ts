/**
 * Quarantine: versions that misbehaved. The first time, a version is moved to an executor of its own; what happens there
 * is its own doing beyond doubt, and there it is refused for a while that grows each time. Ten minutes of good behaviour
 * free it. Nobody is refused at the first misdeed: in a shared executor it may have been a neighbour's.
 */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { QuarantineCause, QuarantinedVersion, QuarantineEvent } from '../core/quarantine.ts';

const PROBATION_MS = 10 * 60_000;
const FIRST_REFUSAL_MS = 5_000;
const GROWTH = 3;
const MAX_REFUSAL_MS = 10 * 60_000;
/** Whoever makes up names or code can only push out what is the same tenant's. */
const MAX_OF_TENANT = 200;
const MAX_TENANTS = 1_000;

/** Ended cleanly by its executor, it harms nobody but itself: it stays alone, and is not refused. */
const TOLERATED: ReadonlySet<QuarantineCause> = new Set<QuarantineCause>(['spin']);

interface Entry {
  readonly version: Pick<FunctionVersion, 'tenant' | 'name' | 'number'>;
  readonly sinceMs: number;
  cause: QuarantineCause;
  refusals: number;
  refusedUntilMs: number;
  freeMs: number;
}

export interface QuarantineCounts {
  readonly alone: number;
  readonly refused: number;
}

export class Quarantine {
  readonly #hear: (event: QuarantineEvent) => void;
  /** By tenant, then by the version's key; the one that was quiet longest comes first. */
  readonly #tenants = new Map<string, Map<string, Entry>>();

  constructor(hear: (event: QuarantineEvent) => void) {
    this.#hear = hear;
  }

  /** `isCertain`: it was alone in its executor, so that nobody else can have done it. */
  strike(version: FunctionVersion, cause: QuarantineCause, isCertain: boolean): void {
    const nowMs = performance.now();
    const known = this.#find(version, nowMs);
    const entry = known ?? newEntry(version, cause, nowMs);
    this.#keep(version, entry);
    entry.cause = cause;
    entry.freeMs = Math.max(entry.freeMs, nowMs + PROBATION_MS);
    if (known === null) return this.#hear({ version, state: 'alone', cause, refusedMs: 0 });
    // Runs that had begun when it was refused may still go wrong: they are the same misdeed.
    if (!isCertain || TOLERATED.has(cause) || nowMs < entry.refusedUntilMs) return;
    const refusedMs = Math.min(FIRST_REFUSAL_MS * GROWTH ** entry.refusals, MAX_REFUSAL_MS);
    entry.refusals++;
    entry.refusedUntilMs = nowMs + refusedMs;
    entry.freeMs = entry.refusedUntilMs + PROBATION_MS;
    this.#hear({ version, state: 'refused', cause, refusedMs });
  }

  /** Whether it runs in an executor of its own, if at all. */
  holds(version: FunctionVersion): boolean {
    return this.#find(version, performance.now()) !== null;
  }

  /** What a call of it is refused with now; null: it may run. */
  refusal(version: FunctionVersion): Fault | null {
    const nowMs = performance.now();
    const entry = this.#find(version, nowMs);
    if (entry === null || nowMs >= entry.refusedUntilMs) return null;
    const retryAfterSeconds = Math.ceil((entry.refusedUntilMs - nowMs) / 1000);
    return new Fault(
      'QUARANTINED',
      `This version of the function is refused for ${retryAfterSeconds} s, because it misbehaved (${entry.cause}) in an executor of its own; a new version runs at once`,
      { retryAfterSeconds },
    );
  }

  /** The versions of one function, the one that misbehaved last at the end. */
  of(tenant: string, name: string): QuarantinedVersion[] {
    const nowMs = performance.now();
    const epochMs = Date.now() - nowMs;
    return [...(this.#tenants.get(tenant)?.values() ?? [])]
      .filter(({ version, freeMs }) => version.name === name && freeMs > nowMs)
      .map(({ version, cause, refusals, sinceMs, refusedUntilMs, freeMs }) => ({
        tenant,
        name,
        version: version.number,
        state: refusedUntilMs > nowMs ? 'refused' : 'alone',
        cause,
        refusals,
        sinceMs: Math.round(epochMs + sinceMs),
        refusedUntilMs: refusedUntilMs > nowMs ? Math.round(epochMs + refusedUntilMs) : null,
        freeMs: Math.round(epochMs + freeMs),
      }));
  }

  counts(): QuarantineCounts {
    const nowMs = performance.now();
    let alone = 0;
    let refused = 0;
    for (const entries of this.#tenants.values()) {
      for (const { refusedUntilMs, freeMs } of entries.values()) {
        if (refusedUntilMs > nowMs) refused++;
        else if (freeMs > nowMs) alone++;
      }
    }
    return { alone, refused };
  }

  #find({ tenant, key }: FunctionVersion, nowMs: number): Entry | null {
    const entries = this.#tenants.get(tenant);
    const entry = entries?.get(key);
    if (entries === undefined || entry === undefined) return null;
    if (entry.freeMs > nowMs) return entry;
    entries.delete(key);
    if (entries.size === 0) this.#tenants.delete(tenant);
    return null;
  }

  #keep({ tenant, key }: FunctionVersion, entry: Entry): void {
    const entries = this.#tenants.get(tenant) ?? new Map<string, Entry>();
    moveToEnd(this.#tenants, tenant, entries, MAX_TENANTS);
    moveToEnd(entries, key, entry, MAX_OF_TENANT);
  }
}

function newEntry({ tenant, name, number }: FunctionVersion, cause: QuarantineCause, nowMs: number): Entry {
  const version = { tenant, name, number };
  return { version, sinceMs: nowMs, cause, refusals: 0, refusedUntilMs: 0, freeMs: nowMs + PROBATION_MS };
}

/** What is first then goes where there would be too many. */
function moveToEnd<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  const [first] = map.keys();
  if (first !== undefined) map.delete(first);
}
