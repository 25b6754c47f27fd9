/** An audit table in memory, which fails when it is told to. */

import type { AuditEntry, AuditRecord, AuditStore } from '../../src/core/audit.ts';

export class MemoryAudit implements AuditStore {
  readonly records: AuditRecord[] = [];
  /** How often something was appended. */
  appends = 0;
  /** What the next appends fail with. */
  readonly failures: Error[] = [];

  append(entries: readonly AuditEntry[]): Promise<void> {
    this.appends += 1;
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    for (const entry of entries) this.records.push({ ...entry, id: this.records.length + 1 });
    return Promise.resolve();
  }

  read({ tenant, beforeId, limit }: Parameters<AuditStore['read']>[0]): Promise<AuditRecord[]> {
    const found = this.records.filter(
      (record) => (tenant === null || record.tenant === tenant) && (beforeId === null || record.id < beforeId),
    );
    return Promise.resolve(found.reverse().slice(0, limit));
  }

  prune(beforeMs: number): Promise<number> {
    const kept = this.records.filter(({ timeMs }) => timeMs >= beforeMs);
    return Promise.resolve(this.records.splice(0, this.records.length, ...kept).length - kept.length);
  }
}
