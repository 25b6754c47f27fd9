/** What a handler returned, as the response that goes out. */

import { extractBody, isStream, platformBody, type BodyInit } from '../web/body-init.ts';
import { Headers, isHeaders, listOf } from '../web/headers.ts';
import {
  bytesOf,
  bytesOfBase64,
  isArray,
  isInteger,
  isObject,
  keysOf,
  stringify,
  stringSlice,
  toText,
} from '../web/primordials.ts';
import * as modules from '../web/modules.ts';
import { isResponse, partsOf, ResponseParts, webSocketOf, type Response } from '../web/response.ts';
import { AdapterFault, badResponse } from './adapter-fault.ts';
import type { Incoming, Outgoing } from './incoming.ts';

/** `{ statusCode, … }`, as its handler made it. */
export interface Reply {
  readonly statusCode: number;
  readonly headers: unknown;
  readonly multiValueHeaders: unknown;
  readonly cookies: unknown;
  readonly body: unknown;
  readonly isBase64Encoded: boolean;
}

/** Throws an AdapterFault for what can't be a response; what the value's own getters throw is one too. */
export function outgoingOf(value: unknown): Outgoing {
  if (isResponse(value)) return responseParts(value);
  const reply = guarded(() => replyOf(value));
  return reply === null ? jsonReply(value) : guarded(() => outgoingOfReply(reply));
}

/** The same for a Response of status 101, whose WebSocket the client gets. */
export function upgraded(response: unknown, { tunnel }: Incoming, { headers }: Outgoing): Outgoing {
  const end = isResponse(response) ? webSocketOf(response) : null;
  if (end === null || tunnel === undefined || tunnel === null)
    throw badResponse('The handler returned a Response with the status 101 to a request that asks for no WebSocket');
  return new ResponseParts(
    101,
    headers,
    guarded(() => modules.webSocketServer().connect(end, tunnel)),
  );
}

/** A Response, not read. */
export function responseParts(response: Response): ResponseParts {
  let parts: ResponseParts;
  try {
    parts = partsOf(response);
  } catch {
    throw badResponse('The handler returned a Response whose body has already been read');
  }
  if (parts.status === 0) throw badResponse('The handler returned Response.error(), which is no response');
  return parts;
}

/** Null where the value is not of the form `{ statusCode, … }`. */
export function replyOf(value: unknown): Reply | null {
  if (typeof value !== 'object' || value === null || isArray(value) || !('statusCode' in value)) return null;
  const { statusCode, headers, multiValueHeaders, cookies, body, isBase64Encoded } = value as Record<string, unknown>;
  if (!isInteger(statusCode) || (statusCode as number) < 200 || (statusCode as number) > 599) {
    throw badResponse(
      `The handler returned the statusCode ${shown(statusCode)}, which is not an integer from 200 to 599`,
    );
  }
  requireMap('headers', headers);
  requireMap('multiValueHeaders', multiValueHeaders);
  return {
    statusCode: statusCode as number,
    headers,
    multiValueHeaders,
    cookies,
    body,
    isBase64Encoded: isBase64Encoded === true,
  };
}

function requireMap(name: string, part: unknown): void {
  const isMap = part === undefined || part === null || (typeof part === 'object' && !isArray(part));
  if (!isMap) throw badResponse(`The handler returned ${kindOf(part)} as ${name}, which must be an object`);
}

/** The value as JSON. Throws an AdapterFault that says why it has none. */
export function jsonOf(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
    throw badResponse(`The handler returned ${kindOf(value)}, which JSON cannot hold`);
  let text: string | undefined;
  try {
    text = stringify(value) as string | undefined;
  } catch (error) {
    throw badResponse(`The handler returned a value that JSON cannot hold: ${messageOf(error)}`);
  }
  return text ?? 'null';
}

/** Runs what reads a returned value; what it throws is blamed on the value. */
export function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AdapterFault) throw error;
    throw badResponse(`The handler returned a value that cannot be read: ${messageOf(error)}`);
  }
}

const jsonReply = (value: unknown): Outgoing =>
  new ResponseParts(200, ['content-type', 'application/json'], jsonOf(value));

function outgoingOfReply(reply: Reply): Outgoing {
  const { content, type } = contentOfReply(reply);
  const hasNoBody = reply.statusCode === 204 || reply.statusCode === 205 || reply.statusCode === 304;
  return new ResponseParts(reply.statusCode, listOfReply(reply, type), hasNoBody ? null : content);
}

/** The headers of a reply, with the content type of its body where it names none itself. */
function listOfReply(reply: Reply, type: string | null): string[] {
  const { headers, multiValueHeaders, cookies } = reply;
  if (headers === undefined && multiValueHeaders === undefined && cookies === undefined) {
    return type === null ? [] : ['content-type', type];
  }
  const all = headersOfReply(reply);
  if (type !== null && !all.has('content-type')) all.set('content-type', type);
  return listOf(all);
}

function contentOfReply({ body, isBase64Encoded }: Reply): BodyInit {
  if (body === undefined || body === null) return { content: null, type: null };
  if (typeof body === 'string')
    return isBase64Encoded ? { content: decodeBase64(body), type: BINARY_TYPE } : extractBody(body);
  if (isStream(body) || bytesOf(body) !== null) return { content: extractBody(body).content, type: BINARY_TYPE };
  const { content, type } = (isObject(body) && platformBody(body)) || {
    content: jsonOf(body),
    type: 'application/json',
  };
  return { content, type: type ?? BINARY_TYPE };
}

const BINARY_TYPE = 'application/octet-stream';

function decodeBase64(text: string): Uint8Array {
  try {
    return bytesOfBase64(text);
  } catch {
    throw badResponse('The handler returned a body that isBase64Encoded, but it is not base64');
  }
}

function headersOfReply(reply: Reply): Headers {
  const headers = new Headers();
  if (isHeaders(reply.headers)) copyHeaders(reply.headers, headers);
  else addHeaders(headers, reply.headers);
  addHeaders(headers, reply.multiValueHeaders);
  if (isArray(reply.cookies))
    for (let i = 0; i < reply.cookies.length; i++) addHeader(headers, 'set-cookie', reply.cookies[i]);
  return headers;
}

function copyHeaders(from: Headers, to: Headers): void {
  const list = listOf(from);
  for (let i = 0; i < list.length; i += 2) to.append(list[i], list[i + 1]);
}

function addHeaders(headers: Headers, from: unknown): void {
  if (!isObject(from)) return;
  const names = keysOf(from);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = (from as Record<string, unknown>)[name];
    if (!isArray(value)) addHeader(headers, name, value);
    else for (let v = 0; v < value.length; v++) addHeader(headers, name, value[v]);
  }
}

/** Absent values are left out, numbers and booleans written; anything else is a mistake. */
function addHeader(headers: Headers, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (isObject(value) || typeof value === 'symbol')
    throw badResponse(`The handler returned ${kindOf(value)} as the value of the header ${shown(name)}`);
  try {
    headers.append(name, value);
  } catch (error) {
    throw badResponse(`The handler returned a header that cannot be sent: ${messageOf(error)}`);
  }
}

/** As a sentence has it: "an array". */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'undefined';
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Short, and without a call into the value. */
function shown(value: unknown): string {
  if (isObject(value)) return kindOf(value);
  if (typeof value === 'string') return stringify(value.length > 40 ? `${stringSlice(value, 0, 40)}…` : value);
  return toText(value);
}

function messageOf(error: unknown): string {
  try {
    const message = isObject(error) ? (error as { message?: unknown }).message : error;
    return typeof message === 'string' ? stringSlice(message, 0, 500) : 'it threw while it was read';
  } catch {
    return 'it threw while it was read';
  }
}
