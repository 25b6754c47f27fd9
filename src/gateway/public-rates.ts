/**
 * Public rates: how many requests one client may send to what anybody may ask for, or has to be looked at to be refused:
 * webhooks, whose signature is their credential, and the items of an application.
 */

import type { IncomingMessage } from 'node:http';
import { Fault, toFault } from '../core/faults.ts';
import { rateHeaders, type RateLimits, type RateRule } from '../core/rate-limit.ts';
import { clientKey } from './function-rates.ts';
import type { RequestHandler } from './gateway.ts';
import { sendFault } from './reply.ts';

export interface PublicRates {
  readonly limits: RateLimits;
  /** Requests of each client address. */
  readonly perAddress: RateRule;
  /** Whose request it is. */
  addressOf(request: IncomingMessage): string;
  /** Hears of errors that the client is told nothing about. */
  report(error: unknown): void;
}

/** Where the operator says nothing: more than a page or a shop needs, less than a flood is. */
export const PUBLIC_RATE: RateRule = { limit: 1_200, windowSeconds: 60 };

/** What `handle` gets is counted before anything of it is read; `scope` is counted apart from others. */
export function rationed(rates: PublicRates | undefined, scope: string, handle: RequestHandler): RequestHandler {
  if (rates === undefined) return handle;
  const { limits, perAddress, addressOf, report } = rates;
  return (request, response) => {
    const serve = async (): Promise<void> => {
      const decision = await limits.take(scope, clientKey(addressOf(request)), perAddress);
      if (response.destroyed) return;
      if (decision.allowed) return handle(request, response);
      const { 'retry-after': _, ...headers } = rateHeaders(decision);
      const text = `At most ${perAddress.limit} requests in ${perAddress.windowSeconds} s for one client`;
      const fault = new Fault('THROTTLED', text, { retryAfterSeconds: decision.resetSeconds });
      sendFault(request, response, fault, Object.entries(headers).flat());
    };
    void serve().catch((error: unknown) => {
      report(error);
      if (!response.headersSent && !response.destroyed) sendFault(request, response, toFault(error));
    });
  };
}
