/** RemoteAddress: where an executor of another host answers. */

import { request as httpRequest, type ClientRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';

const MAX_HEADER_BYTES = 16 * 1024;

/** `base`: without a `/` at its end; `path` begins with one. Each request has a connection of its own. */
export function requestTo(base: string, path: string, options: RequestOptions): ClientRequest {
  const url = new URL(`${base}${path}`);
  const whole = { agent: false, maxHeaderSize: MAX_HEADER_BYTES, ...options } as const;
  return url.protocol === 'https:' ? httpsRequest(url, whole) : httpRequest(url, whole);
}

/** What went wrong on the way, for an operator. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
