/** Answers that the host gives itself: JSON, and faults as problems (RFC 9457). */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from '../core/faults.ts';
import { problemOf } from '../core/problem.ts';

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** `added`: name, value, name, value … */
export function sendFault(
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault,
  added: readonly string[] = [],
): void {
  const { status, headers, body } = problemOf(fault);
  const own = { ...headers, 'content-length': Buffer.byteLength(body), ...closing(request) };
  response.writeHead(status, [...Object.entries(own).flat(), ...added].map(String));
  response.end(body);
}

/** A body that nobody read must not be taken for the next request. */
export function closing(request: IncomingMessage): { readonly connection?: string } {
  return request.complete ? {} : { connection: 'close' };
}
