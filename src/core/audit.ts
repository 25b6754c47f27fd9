/** Audit: what operators did, and what egress refused, kept apart from logs because it answers another question. */

export interface AuditEntry {
  readonly timeMs: number;
  /** The principal's id, or `operator`, `system`. */
  readonly actor: string;
  /** A verb and a noun: `function.deploy`, `secret.set`, `token.revoke`, `egress.refused` … */
  readonly action: string;
  readonly tenant: string | null;
  /** What it was done to: a name or an id. */
  readonly target: string;
  readonly outcome: 'ok' | 'refused' | 'failed';
  /** JSON-compatible; never a secret. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditRecord extends AuditEntry {
  readonly id: number;
}

export interface AuditStore {
  append(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest first, those before `beforeId`; `tenant` null: of every tenant. */
  read(query: { tenant: string | null; beforeId: number | null; limit: number }): Promise<AuditRecord[]>;
  prune(beforeMs: number): Promise<number>;
}

/** Takes entries without making anybody wait; they are written in lots. */
export interface Audit {
  record(entry: Omit<AuditEntry, 'timeMs'>): void;
}
