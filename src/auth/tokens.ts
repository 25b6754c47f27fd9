/**
 * Tokens: the credentials of the operator API. All that are valid are held in memory under their hash, so that a request
 * waits for no database, and one that is revoked or has expired is refused at once.
 */

import { randomUUID } from 'node:crypto';
import { Fault } from '../core/faults.ts';
import type { Principal } from '../core/principal.ts';
import type { StoredToken, TokenRecord, TokenRole, TokenStore } from '../core/token.ts';
import { newTokenText, tokenHash, tokenShape } from './token-text.ts';

export interface NewToken {
  /** What it is for, 1 to 100 characters. */
  readonly name: string;
  /** Null: every tenant. */
  readonly tenant: string | null;
  readonly role: TokenRole;
  /** Null: it does not expire. */
  readonly ttlSeconds: number | null;
}

export interface TokensOptions {
  readonly store: TokenStore;
  /** Hears of what went wrong where nobody waits: uses that could not be written. */
  report(error: unknown): void;
  /** Unix time in ms. */
  now?(): number;
}

interface LiveToken {
  readonly id: string;
  readonly expiresMs: number;
  readonly principal: Principal;
}

const LOT_MS = 60_000;
const MINUTE_MS = 60_000;
/** Live ones; every one of them is held in memory. */
const MAX_TOKENS_PER_TENANT = 1_000;
const MAX_TTL_SECONDS = 10 * 366 * 86_400;
const NAME = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,100}$/u;

/** Opened on what the store holds; starts a timer, which {@link Tokens.close} ends. Rejects when the store does. */
export async function openTokens(options: TokensOptions): Promise<Tokens> {
  const tokens = new Tokens(options);
  await tokens.reload();
  return tokens;
}

export class Tokens {
  readonly #store: TokenStore;
  readonly #report: (error: unknown) => void;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #live: ReadonlyMap<string, LiveToken> = new Map();
  /** Being revoked: a list that was read before must not bring them back. */
  readonly #revoking = new Set<string>();
  #uses = new Map<string, number>();
  /** One change at a time, so that none overwrites what another has just done. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor({ store, report, now = Date.now }: TokensOptions) {
    this.#store = store;
    this.#report = report;
    this.#now = now;
    this.#timer = setInterval(() => void this.#writeUses(), LOT_MS).unref();
  }

  /** Who holds this token. Throws UNAUTHORIZED. */
  principalOf(text: string): Principal {
    if (tokenShape(text) === 'damaged')
      throw new Fault('UNAUTHORIZED', 'The token is damaged: its checksum is wrong, so it was cut short or mistyped');
    // Looking a digest up tells nothing of the token: who times it learns of digests that nobody can aim at.
    const token = this.#live.get(tokenHash(text));
    if (token === undefined) throw new Fault('UNAUTHORIZED', 'The token is not known, or it was revoked');
    const now = this.#now();
    if (now >= token.expiresMs) throw new Fault('UNAUTHORIZED', 'The token has expired');
    this.#uses.set(token.id, now - (now % MINUTE_MS));
    return token.principal;
  }

  /** `token` is shown this once, and can't be had again. Rejects with BAD_REQUEST and QUOTA_EXCEEDED. */
  create(wanted: NewToken): Promise<{ readonly token: string; readonly record: TokenRecord }> {
    const { name, ttlSeconds } = requireValid(wanted);
    return this.#alone(async () => {
      this.#requireRoom(wanted.tenant);
      const now = this.#now();
      const token = newTokenText();
      const stored: StoredToken = {
        id: randomUUID(),
        name,
        tenant: wanted.tenant,
        role: wanted.role,
        createdMs: now,
        expiresMs: ttlSeconds === null ? null : now + ttlSeconds * 1_000,
        revokedMs: null,
        lastUsedMs: null,
        hash: tokenHash(token),
      };
      await this.#store.add(stored);
      this.#live = new Map(this.#live).set(stored.hash, liveOf(stored));
      return { token, record: withoutHash(stored) };
    });
  }

  /** Revoked ones too, newest first; null: of every tenant. */
  async list(tenant: string | null): Promise<TokenRecord[]> {
    const stored = await this.#store.list(tenant);
    return stored.map((token) => withoutHash({ ...token, lastUsedMs: this.#uses.get(token.id) ?? token.lastUsedMs }));
  }

  /** Refused from this moment on. False where `tenant` (null: any) has no such token that is not revoked already. */
  async revoke(id: string, tenant: string | null): Promise<boolean> {
    const known = [...this.#live.values()].find((token) => token.id === id);
    if (known !== undefined && !owns(tenant, known.principal.tenant)) return false;
    this.#revoking.add(id);
    this.#forgetRevoked();
    try {
      return await this.#alone(async () => {
        const stored = known ?? (await this.#store.list(tenant)).find((token) => token.id === id);
        return stored !== undefined && (await this.#store.revoke(id, this.#now()));
      });
    } finally {
      this.#revoking.delete(id);
    }
  }

  /** After a change by another node, or of the tenants. */
  reload(): Promise<void> {
    return this.#alone(async () => {
      const now = this.#now();
      const valid = (await this.#store.list(null)).filter(
        ({ revokedMs, expiresMs }) => revokedMs === null && (expiresMs === null || expiresMs > now),
      );
      this.#live = new Map(valid.map((token) => [token.hash, liveOf(token)]));
      this.#forgetRevoked();
    });
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writeUses();
  }

  #writeUses(): Promise<void> {
    return this.#alone(async () => {
      if (this.#uses.size === 0) return;
      const uses = this.#uses;
      this.#uses = new Map();
      try {
        await this.#store.touch(uses);
      } catch (error) {
        this.#uses = new Map([...uses, ...this.#uses]);
        this.#report(error);
      }
    });
  }

  #forgetRevoked(): void {
    if (this.#revoking.size === 0) return;
    this.#live = new Map([...this.#live].filter(([, { id }]) => !this.#revoking.has(id)));
  }

  #requireRoom(tenant: string | null): void {
    const now = this.#now();
    let count = 0;
    for (const { principal, expiresMs } of this.#live.values())
      if (principal.tenant === tenant && expiresMs > now) count++;
    if (count >= MAX_TOKENS_PER_TENANT)
      throw new Fault('QUOTA_EXCEEDED', `A tenant may have ${MAX_TOKENS_PER_TENANT} tokens: revoke some first`);
  }

  #alone<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(task);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}

/** Throws BAD_REQUEST. */
function requireValid({ name, ttlSeconds }: NewToken): Pick<NewToken, 'name' | 'ttlSeconds'> {
  if (!NAME.test(name))
    throw new Fault('BAD_REQUEST', 'The name of a token must be 1 to 100 printable characters that say what it is for');
  if (ttlSeconds !== null && !(Number.isInteger(ttlSeconds) && ttlSeconds >= 1 && ttlSeconds <= MAX_TTL_SECONDS))
    throw new Fault('BAD_REQUEST', `A token expires after 1 to ${MAX_TTL_SECONDS} seconds, or never`);
  return { name, ttlSeconds };
}

const owns = (tenant: string | null, owner: string | null): boolean => tenant === null || tenant === owner;

function liveOf({ id, tenant, role, expiresMs }: StoredToken): LiveToken {
  const principal = Object.freeze({ role, tenant, id, email: null, roles: Object.freeze([]), claims: null });
  return { id, expiresMs: expiresMs ?? Infinity, principal };
}

function withoutHash({ hash: _, ...record }: StoredToken): TokenRecord {
  return record;
}
