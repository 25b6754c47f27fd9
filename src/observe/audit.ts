/**
 * Audit: entries on their way to a table, in lots, without making anybody wait.
 *
 * An operator's action is never dropped while the table can take it, and waits where it can't. What a function can cause by
 * itself (refused outbound requests) has an allowance for each tenant: no function may fill the table, or hide in it.
 */

import type { Audit, AuditEntry, AuditRecord, AuditStore } from '../core/audit.ts';
import { oneLine } from '../lib/printable.ts';
import { Allowance, type AllowanceRate } from './allowance.ts';

export interface AuditOptions {
  readonly store: AuditStore;
  readonly retentionDays: number;
  /** A line for the operator. */
  report(line: string): void;
  /** Entries of outcome `refused` that one tenant may cause. */
  readonly refusals?: AllowanceRate;
}

export interface AuditTrail extends Audit {
  /** Includes entries that have not reached the table. */
  read(query: Parameters<AuditStore['read']>[0]): Promise<AuditRecord[]>;
  /** Writes what is waiting. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const FLUSH_MS = 200;
const RETRY_MS = 2_000;
const LOT = 500;
/** While the table can't take them, no more than this wait for it. */
const MAX_WAITING = 20_000;
const MAX_TENANTS = 1_000;
const REFUSALS: AllowanceRate = { perSecond: 1, burst: 100 };
const PRUNE_MS = 60 * 60_000;

export function createAudit(options: AuditOptions): AuditTrail {
  return new BatchedAudit(options);
}

class BatchedAudit implements AuditTrail {
  readonly #options: AuditOptions;
  readonly #pruning: NodeJS.Timeout;
  /** In the order of their last refusal, so that the quietest goes first. */
  readonly #allowances = new Map<string, Allowance>();
  #waiting: AuditEntry[] = [];
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#pruning = setInterval(() => void this.#prune(), PRUNE_MS).unref();
    void this.#prune();
  }

  record(entry: Omit<AuditEntry, 'timeMs'>): void {
    const timeMs = Date.now();
    if (entry.outcome === 'refused' && !this.#mayRefuse(entry, timeMs)) return;
    this.#keep({ ...entry, timeMs });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  async read(query: Parameters<AuditStore['read']>[0]): Promise<AuditRecord[]> {
    await this.flush();
    return this.#options.store.read(query);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One lot at a time, in order; a caller also waits for the lot that is on its way.
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async close(): Promise<void> {
    clearInterval(this.#pruning);
    await this.flush();
    clearTimeout(this.#timer);
    // The server's log is the last place where they can be kept.
    for (const entry of this.#waiting) this.#options.report(`audit entry that can't be kept: ${JSON.stringify(entry)}`);
  }

  #keep(entry: AuditEntry): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(storable(entry));
    else this.#lost += 1;
  }

  /** The first one that is let through after others were not says how many those were. */
  #mayRefuse({ tenant, actor }: Omit<AuditEntry, 'timeMs'>, timeMs: number): boolean {
    const allowance = this.#allowanceOf(tenant ?? `actor ${actor}`);
    if (!allowance.take(1, performance.now())) return false;
    const count = allowance.takeRefused();
    if (count > 0)
      this.#keep({
        timeMs,
        actor: 'system',
        action: 'audit.drop',
        tenant,
        target: 'refusals',
        outcome: 'ok',
        details: { count },
      });
    return true;
  }

  #allowanceOf(key: string): Allowance {
    const found = this.#allowances.get(key);
    const allowance = found ?? new Allowance(this.#options.refusals ?? REFUSALS, performance.now());
    if (found !== undefined) this.#allowances.delete(key);
    else if (this.#allowances.size >= MAX_TENANTS) this.#allowances.delete(this.#allowances.keys().next().value!);
    this.#allowances.set(key, allowance);
    return allowance;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lot = this.#waiting.slice(0, LOT);
      try {
        await this.#options.store.append(lot);
      } catch (error) {
        this.#options.report(`the audit log can't be written, and is tried again: ${(error as Error).message}`);
        this.#timer ??= setTimeout(() => void this.flush(), RETRY_MS).unref();
        return;
      }
      this.#waiting.splice(0, lot.length);
    }
    if (this.#lost > 0)
      this.#options.report(`${this.#lost} entries of the audit log were lost while it could not be written`);
    this.#lost = 0;
  }

  async #prune(): Promise<void> {
    try {
      await this.#options.store.prune(Date.now() - this.#options.retentionDays * 86_400_000);
    } catch (error) {
      this.#options.report(`old entries of the audit log can't be removed: ${(error as Error).message}`);
    }
  }
}

const MAX_CHARS = 500;

/** An entry that a database refuses would hold up all that come after it; NUL is one reason to. */
function storable({ actor, target, ...rest }: AuditEntry): AuditEntry {
  return { ...rest, actor: oneLine(actor.slice(0, MAX_CHARS)), target: oneLine(target.slice(0, MAX_CHARS)) };
}
