/** Idempotency: a create that is sent twice with one `Idempotency-Key` happens once, and both get its answer. */

export interface IdempotentAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface IdempotencyStore {
  /**
   * Claims a key for a request with this fingerprint. `claimed`: go on, and settle it. `running`: another has it. `answered`:
   * this was its answer. `mismatch`: it was used for another request.
   */
  claim(
    tenant: string,
    key: string,
    fingerprint: string,
    nowMs: number,
  ): Promise<
    | { readonly state: 'claimed' | 'running' | 'mismatch' }
    | { readonly state: 'answered'; readonly answer: IdempotentAnswer }
  >;
  /** Null gives the key back: the request did not happen. */
  settle(tenant: string, key: string, answer: IdempotentAnswer | null): Promise<void>;
  prune(beforeMs: number): Promise<number>;
}
