/** Webhook: an event that somebody outside sends, signed as Standard Webhooks lays down, with a secret of the tenant's. */

import type { Published } from './event.ts';

export interface WebhookMessage {
  readonly tenant: string;
  /** Who sends it, as the tenant names it: `stripe`. */
  readonly source: string;
  /** `webhook-id`, `webhook-timestamp`, `webhook-signature`. */
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: Uint8Array;
}

export interface Webhooks {
  /**
   * Publishes it on `webhooks:<source>:<type>`. Rejects with UNAUTHORIZED, in the same words whatever is wrong with the
   * signature or the source; with BAD_REQUEST for a body that is no JSON object; and as publishing does.
   */
  receive(message: WebhookMessage): Promise<Published>;
}
