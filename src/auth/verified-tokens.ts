/** Verified tokens: JWTs whose signature need not be computed again for a while; the least used go first. */

import { hash } from 'node:crypto';
import type { Principal } from '../core/principal.ts';

interface Verified {
  readonly principal: Principal;
  readonly untilMs: number;
}

const MAX_TOKENS = 4_096;
/** A key that the provider withdraws is believed no longer than this beyond its own cache. */
const MAX_AGE_MS = 300_000;

export class VerifiedTokens {
  /** By SHA-256: what is kept in memory must not be of use to whoever reads it. */
  readonly #tokens = new Map<string, Verified>();

  find(token: string): Principal | undefined {
    if (this.#tokens.size === 0) return undefined;
    const key = keyOf(token);
    const found = this.#tokens.get(key);
    if (found === undefined) return undefined;
    this.#tokens.delete(key);
    if (Date.now() >= found.untilMs) return undefined;
    this.#tokens.set(key, found);
    return found.principal;
  }

  /** `expiresSeconds`: Unix time, null: never. */
  add(token: string, principal: Principal, expiresSeconds: number | null): void {
    const now = Date.now();
    const untilMs = Math.min(expiresSeconds === null ? Infinity : expiresSeconds * 1_000, now + MAX_AGE_MS);
    if (untilMs <= now) return;
    this.#tokens.set(keyOf(token), { principal, untilMs });
    if (this.#tokens.size > MAX_TOKENS) this.#tokens.delete(this.#tokens.keys().next().value as string);
  }
}

const keyOf = (token: string): string => hash('sha256', token, 'base64url');
