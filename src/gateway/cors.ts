/**
 * CORS: the cross-origin rules of a version, applied by the gateway, so that its code need not.
 *
 * A version with rules has the last word over its code: two answers to one question make a browser refuse both.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CorsRule } from '../core/function.ts';

/** Whether a browser asks for permission, and no more than that. */
export function isPreflight(request: IncomingMessage): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined
  );
}

/** Answers 204; what is not allowed is not named in it, and the browser refuses by itself. */
export function answerPreflight(rule: CorsRule, origin: string | undefined, response: ServerResponse): void {
  const headers = corsHeaders(rule, origin);
  if (headers.includes('access-control-allow-origin')) {
    headers.push('access-control-allow-methods', rule.methods.join(', '));
    if (rule.headers.length > 0) headers.push('access-control-allow-headers', rule.headers.join(', '));
    headers.push('access-control-max-age', String(rule.maxAgeSeconds));
  }
  response.writeHead(204, headers);
  response.end();
}

/** What the response to a request of this origin carries: name, value, name, value … */
export function corsHeaders(rule: CorsRule, origin: string | undefined): string[] {
  const allowed = allowedOrigin(rule, origin);
  const headers: string[] = [];
  if (allowed !== null) headers.push('access-control-allow-origin', allowed);
  // With credentials, `*` would let every site act for its visitor, and browsers refuse it too.
  if (allowed !== null && allowed !== '*' && rule.credentials) headers.push('access-control-allow-credentials', 'true');
  if (!rule.origins.includes('*')) headers.push('vary', 'origin');
  return headers;
}

/** Whether the rules decide over this response header, in lower case; then the function's own is dropped. */
export const isCorsHeader = (name: string): boolean =>
  name === 'access-control-allow-origin' || name === 'access-control-allow-credentials';

/** An origin that is named is answered by its name, also beside `*`: credentials need that. */
function allowedOrigin(rule: CorsRule, origin: string | undefined): string | null {
  if (origin !== undefined && origin !== '*' && rule.origins.includes(origin)) return origin;
  return rule.origins.includes('*') ? '*' : null;
}
