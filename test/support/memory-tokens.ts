/** A TokenStore in memory. */

import type { StoredToken, TokenStore } from '../../src/core/token.ts';

export class MemoryTokens implements TokenStore {
  #tokens: readonly StoredToken[] = [];
  /** Rejects every write while it is set. */
  broken = false;

  async add(token: StoredToken): Promise<void> {
    this.#requireWorking();
    this.#tokens = [token, ...this.#tokens];
  }

  async list(tenant: string | null): Promise<StoredToken[]> {
    return this.#tokens.filter((token) => tenant === null || token.tenant === tenant);
  }

  async revoke(id: string, timeMs: number): Promise<boolean> {
    this.#requireWorking();
    const found = this.#tokens.some((token) => token.id === id && token.revokedMs === null);
    this.#change(id, { revokedMs: timeMs });
    return found;
  }

  async touch(uses: ReadonlyMap<string, number>): Promise<void> {
    this.#requireWorking();
    for (const [id, lastUsedMs] of uses) this.#change(id, { lastUsedMs });
  }

  #change(id: string, change: Partial<StoredToken>): void {
    this.#tokens = this.#tokens.map((token) => (token.id === id ? { ...token, ...change } : token));
  }

  #requireWorking(): void {
    if (this.broken) throw new Error('the disk is full');
  }
}
