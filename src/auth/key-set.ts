/**
 * Key set: the public keys of an identity provider (JWKS), fetched when they are needed and kept for a while.
 *
 * A token that names an unknown key has the set fetched again, so that rotation needs no restart; but only once in
 * {@link COOLDOWN_MS}, also when it fails: anybody can send such tokens.
 */

import { createRemoteJWKSet, customFetch, errors } from 'jose';
import type { JWTVerifyGetKey } from 'jose';
import { Fault } from '../core/faults.ts';

export interface KeySetOptions {
  readonly url: URL;
  /** Hears why the keys could not be had. */
  report(error: unknown): void;
  readonly cooldownMs?: number;
}

const COOLDOWN_MS = 30_000;
const FAILURE_COOLDOWN_MS = 5_000;
/** A key that the provider withdraws is believed no longer than this. */
const MAX_AGE_MS = 600_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;

/** Rejects with an error of jose for a token that names no key of the set, with OVERLOADED where the set can't be had. */
export function createKeySet({ url, report, cooldownMs = COOLDOWN_MS }: KeySetOptions): JWTVerifyGetKey {
  let failedMs = -Infinity;

  async function load(
    href: string,
    init: { readonly signal: AbortSignal; readonly headers: Headers },
  ): Promise<Response> {
    if (performance.now() < failedMs + FAILURE_COOLDOWN_MS) throw new Error('The last attempt has just failed');
    try {
      const response = await fetch(href, { ...init, method: 'GET', redirect: 'manual' });
      const set = requireKeySet(await boundedText(response));
      return Response.json(set);
    } catch (error) {
      failedMs = performance.now();
      report(new Error(`The keys of ${url.origin}${url.pathname} can't be fetched: ${reasonOf(error)}`));
      throw error;
    }
  }

  const keys = createRemoteJWKSet(url, {
    cooldownDuration: cooldownMs,
    cacheMaxAge: MAX_AGE_MS,
    timeoutDuration: TIMEOUT_MS,
    [customFetch]: load,
  });
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new Fault('OVERLOADED', 'The keys that verify this token can’t be had from the identity provider now', {
        retryAfterSeconds: FAILURE_COOLDOWN_MS / 1_000,
      });
    }
  };
}

async function boundedText(response: Response): Promise<string> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function requireKeySet(text: string): { readonly keys: readonly unknown[] } {
  const value: unknown = JSON.parse(text);
  const keys: unknown = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (!Array.isArray(keys)) throw new Error('it is no JSON object with "keys"');
  return { keys };
}

/** The message of `fetch` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
