/** `POST /hooks/<tenant>/<source>`: webhooks that others send. Their signature is their credential. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault, toFault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import type { WebhookMessage, Webhooks } from '../core/webhook.ts';
import { readBody } from './body.ts';
import { sendFault, sendJson } from './reply.ts';

export interface HookRouteOptions {
  readonly webhooks: Webhooks;
  /** Hears of errors that the sender is told nothing about. */
  report(error: unknown): void;
}

export const HOOKS_PREFIX = '/hooks/';

const MAX_BODY_BYTES = MB;

/** `path`: without the query and a last slash. */
export function handleHook(
  options: HookRouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): void {
  const refuse = (error: unknown): void => {
    const fault = toFault(error);
    if (fault.code === 'INTERNAL') options.report(error);
    if (!response.headersSent && !response.destroyed) sendFault(request, response, fault);
  };
  if (request.method !== 'POST')
    return refuse(new Fault('METHOD_NOT_ALLOWED', `A webhook is a POST, not a ${request.method}`));
  const [tenant = '', source = '', ...rest] = path.slice(HOOKS_PREFIX.length).split('/');
  if (rest.length > 0) return refuse(new Fault('NOT_FOUND', 'Webhooks are taken at /hooks/<tenant>/<source>'));
  const take = async (body: Uint8Array): Promise<void> => {
    const { id, duplicate } = await options.webhooks.receive({ tenant, source, ...signatureOf(request), body });
    if (!response.destroyed) sendJson(response, 202, { id, duplicate });
  };
  readBody(request, MAX_BODY_BYTES, (body) => void take(body).catch(refuse), refuse);
}

function signatureOf({ headers }: IncomingMessage): Pick<WebhookMessage, 'id' | 'timestamp' | 'signature'> {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return { id: text('webhook-id'), timestamp: text('webhook-timestamp'), signature: text('webhook-signature') };
}
