/**
 * Webhooks: messages that are signed by Standard Webhooks become events. Who may send is whoever has the secret that the
 * tenant keeps for the source; a source that isn't there looks like a wrong signature, in words and in time.
 *
 * The package `standardwebhooks` signs the messages of the tests. Here Node's own HMAC takes its place: anybody may send a
 * megabyte, and the package, which is JavaScript, takes 17 ms for it against 1.3; it also reads bytes that are no UTF-8 as
 * if they were.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Events, Published } from '../core/event.ts';
import { Fault } from '../core/faults.ts';
import type { WebhookMessage, Webhooks } from '../core/webhook.ts';

export interface WebhooksOptions {
  readonly events: Pick<Events, 'publish'>;
  /** The value of a variable of the tenant; null where there is none, or no such tenant. */
  secretOf(tenant: string, variable: string): Promise<string | null>;
  readonly nowMs?: () => number;
}

const TOLERANCE_SECONDS = 300;
const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;
/** While a sender changes its key it signs with both. */
const MAX_SIGNATURES = 8;
/** While a tenant changes the secret it may keep both, with a blank between them. */
const MAX_SECRETS = 4;
const MIN_KEY_BYTES = 16;
/** What is compared where there is no secret, and never matches. */
const NO_KEYS: readonly Buffer[] = [Buffer.alloc(32)];

export function createWebhooks({ events, secretOf, nowMs = Date.now }: WebhooksOptions): Webhooks {
  return {
    async receive(message) {
      const secret = isNamed(message) ? await secretOf(message.tenant, secretName(message.source)) : null;
      const keys = keysOf(secret ?? '');
      const isSigned = isSignedBy(keys.length === 0 ? NO_KEYS : keys, message, nowMs());
      if (!isSigned || keys.length === 0) throw new Fault('UNAUTHORIZED', 'The signature of this webhook is not valid');
      return publish(events, message);
    },
  };
}

/** `WEBHOOK_STRIPE_SECRET`: `whsec_` and base64. */
function secretName(source: string): string {
  return `WEBHOOK_${source.toUpperCase().replaceAll('-', '_')}_SECRET`;
}

const isNamed = ({ tenant, source }: WebhookMessage): boolean => NAME.test(tenant) && NAME.test(source);

function keysOf(secret: string): Buffer[] {
  return secret
    .split(/\s+/)
    .slice(0, MAX_SECRETS)
    .map((text) => text.replace(/^whsec_/, ''))
    .filter((text) => /^[A-Za-z0-9+/]+={0,2}$/.test(text))
    .map((text) => Buffer.from(text, 'base64'))
    .filter((key) => key.length >= MIN_KEY_BYTES);
}

function isSignedBy(keys: readonly Buffer[], message: WebhookMessage, nowMs: number): boolean {
  const { id = '', timestamp = '', signature = '', body } = message;
  const given = signature
    .split(' ', MAX_SIGNATURES)
    .flatMap((one) => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []));
  const isTimely = /^\d{1,12}$/.test(timestamp) && Math.abs(nowMs / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS;
  let isSigned = false;
  for (const key of keys) {
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
    for (const one of given) if (one.length === expected.length && timingSafeEqual(one, expected)) isSigned = true;
  }
  return isSigned && isTimely && id !== '';
}

function publish(events: Pick<Events, 'publish'>, { tenant, source, id, body }: WebhookMessage): Promise<Published> {
  const data = objectOf(body);
  const channel = `webhooks:${source}:${segmentOf(data['type'])}`;
  return events.publish({ tenant, channel, data, id: id as string, source: `/webhooks/${source}` });
}

function objectOf(body: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new Fault('BAD_REQUEST', 'The body of a webhook must be JSON in UTF-8');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Fault('BAD_REQUEST', 'The body of a webhook must be a JSON object');
}

/** Some senders name their types as no channel can be named. */
function segmentOf(type: unknown): string {
  const text = typeof type === 'string' ? type.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 128) : '';
  return text === '' ? 'message' : text;
}
