/** Event request: the event of a test invocation (seed 003) as the request that brings a function this event. */

import { z } from '@hono/zod-openapi';
import { Fault } from '../core/faults.ts';
import type { InvocationRequest } from '../core/whole-invocation.ts';

/** What a function gets over HTTP, so that no test shows it what production never would. */
export const eventSchema: z.ZodType<InvokeEvent> = z
  .strictObject({
    httpMethod: z
      .string()
      .regex(/^[A-Za-z]{1,20}$/, { error: 'expected a method' })
      .optional(),
    path: z
      .string()
      .max(8192)
      .regex(/^\/(?!\/)[^\s?#\\]*$/, { error: 'expected a path that begins with one /, without a query' })
      .optional(),
    queryStringParameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).nullish(),
    headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullish(),
    body: z.unknown().optional().openapi({ description: 'Text as it is sent, or any JSON' }),
    isBase64Encoded: z.boolean().optional(),
  })
  .openapi('InvokeEvent');

type Scalar = string | number | boolean;

export interface InvokeEvent {
  readonly httpMethod?: string | undefined;
  readonly path?: string | undefined;
  readonly queryStringParameters?: Readonly<Record<string, Scalar | null>> | null | undefined;
  readonly headers?: Readonly<Record<string, Scalar>> | null | undefined;
  readonly body?: unknown;
  readonly isBase64Encoded?: boolean | undefined;
}

const ORIGIN = 'http://localhost';
/** The transport's, or the host's alone. */
const DROPPED = /^(?:host|content-length|connection|transfer-encoding|x-cordon-.*)$/;

/** Throws BAD_REQUEST. */
export function requestOfEvent(
  event: InvokeEvent,
  functionName: string,
): Pick<InvocationRequest, 'method' | 'url' | 'headers' | 'body'> {
  const body = bodyOf(event);
  const method = event.httpMethod?.toUpperCase() ?? (body === null ? 'GET' : 'POST');
  const headers = headersOf(event);
  if (body !== null && typeof event.body !== 'string' && !headers.some((name, i) => i % 2 === 0 && name === TYPE))
    headers.push(TYPE, 'application/json');
  return { method, url: urlOf(event, functionName), headers, body };
}

const TYPE = 'content-type';

function bodyOf({ body, isBase64Encoded }: InvokeEvent): Uint8Array | null {
  if (body === undefined || body === null) return null;
  if (typeof body !== 'string') return Buffer.from(JSON.stringify(body));
  return Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8');
}

function urlOf({ path, queryStringParameters }: InvokeEvent, functionName: string): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(queryStringParameters ?? {})) {
    if (value !== null) query.append(name, String(value));
  }
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  const url = URL.parse(`${ORIGIN}${path ?? `/fn/${functionName}`}${search}`);
  if (url === null) throw new Fault('BAD_REQUEST', 'event.path: no URL can be made of it');
  return url.href;
}

function headersOf({ headers }: InvokeEvent): string[] {
  const list: string[] = [];
  for (const [given, value] of Object.entries(headers ?? {})) {
    const name = given.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,200}$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(String(value)))
      throw new Fault(
        'BAD_REQUEST',
        `event.headers: ${JSON.stringify(given.slice(0, 80))} is not a header that HTTP allows`,
      );
    if (!DROPPED.test(name)) list.push(name, String(value));
  }
  return list;
}
