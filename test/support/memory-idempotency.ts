/** An idempotency store in memory. */

import type { IdempotencyStore, IdempotentAnswer } from '../../src/core/idempotency.ts';

export class MemoryIdempotency implements IdempotencyStore {
  readonly #rows = new Map<string, { readonly fingerprint: string; answer: IdempotentAnswer | null }>();

  claim(tenant: string, key: string, fingerprint: string): ReturnType<IdempotencyStore['claim']> {
    const row = this.#rows.get(`${tenant}/${key}`);
    if (row === undefined) {
      this.#rows.set(`${tenant}/${key}`, { fingerprint, answer: null });
      return Promise.resolve({ state: 'claimed' });
    }
    if (row.fingerprint !== fingerprint) return Promise.resolve({ state: 'mismatch' });
    return Promise.resolve(row.answer === null ? { state: 'running' } : { state: 'answered', answer: row.answer });
  }

  settle(tenant: string, key: string, answer: IdempotentAnswer | null): Promise<void> {
    const row = this.#rows.get(`${tenant}/${key}`);
    if (answer === null) this.#rows.delete(`${tenant}/${key}`);
    else if (row !== undefined) row.answer = answer;
    return Promise.resolve();
  }

  prune(): Promise<number> {
    return Promise.resolve(0);
  }
}
