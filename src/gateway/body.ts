/** Reads a request body whole, up to a limit. */

import type { IncomingMessage } from 'node:http';
import { bodyTooLarge } from './http-call.ts';
import type { Fault } from '../core/faults.ts';

/** Whether a body is announced at all; GET without one must not wait for an event. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  );
}

/** Whether the body says of itself that it is too large. */
export function announcesTooMuch(request: IncomingMessage, limit: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > limit;
}

/** Calls exactly one of the two, unless the client leaves before the end. */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (body: Buffer) => void,
  failed: (fault: Fault) => void,
): void {
  if (announcesTooMuch(request, limit)) return failed(bodyTooLarge(limit));
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limit) return void chunks.push(chunk);
    request.removeAllListeners('data');
    request.removeAllListeners('end');
    request.pause();
    failed(bodyTooLarge(limit));
  });
  request.on('end', () => done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)));
}
