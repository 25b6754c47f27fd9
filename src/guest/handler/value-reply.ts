/** What a handler returned, as the JSON of `{ statusCode, headers, body }`, which `POST /execute` answers with. */

import { platformBody } from '../web/body-init.ts';
import { isStream, readAll, type BodyContent } from '../web/body.ts';
import { chain } from '../web/engine.ts';
import { Headers, isHeaders } from '../web/headers.ts';
import * as modules from '../web/modules.ts';
import { bytesOf, isArray, isObject, keysOf, put, stringify, toBase64 } from '../web/primordials.ts';
import { isResponse, ResponseParts } from '../web/response.ts';
import { AdapterFault } from './adapter-fault.ts';
import type { Outgoing } from './incoming.ts';
import { guarded, jsonOf, replyOf, responseParts, type Reply } from './outgoing.ts';

/** Throws an AdapterFault, as `outgoingOf` does, or rejects with one if a stream must be read first. */
export function valueReplyOf(value: unknown, maxBytes: number): Outgoing | Promise<Outgoing> {
  if (isResponse(value)) {
    const { status, headers, body } = responseParts(value);
    return withText(body, maxBytes, (text) => envelope(status, jsonOf(objectOf(headers)), text));
  }
  const reply = guarded(() => replyOf(value));
  if (reply === null) return envelope(200, '{}', { json: jsonOf(value), isBase64: false });
  const headers = guarded(() => jsonOf(headersOfReply(reply)));
  const { statusCode, body, isBase64Encoded } = reply;
  const content = guarded(() => contentOf(body));
  if (content !== null) return withText(content, maxBytes, (text) => envelope(statusCode, headers, text));
  return envelope(statusCode, headers, { json: jsonOf(body), isBase64: isBase64Encoded });
}

/** Of what is sent as it is; null for what is written as JSON. */
function contentOf(body: unknown): BodyContent {
  const bytes = bytesOf(body);
  if (bytes !== null) return bytes;
  if (!isObject(body)) return null;
  return isStream(body) ? body : (platformBody(body)?.content ?? null);
}

/** A body as JSON, and whether it is the base64 of bytes that are no text. */
interface Text {
  readonly json: string;
  readonly isBase64: boolean;
}

function envelope(status: number, headers: string, { json, isBase64 }: Text): Outgoing {
  return new ResponseParts(
    200,
    [],
    `{"statusCode":${status},"headers":${headers},"body":${json}${isBase64 ? ',"isBase64Encoded":true' : ''}}`,
  );
}

function withText(body: BodyContent, maxBytes: number, use: (text: Text) => Outgoing): Outgoing | Promise<Outgoing> {
  if (body === null || typeof body === 'string') return use({ json: stringify(body ?? ''), isBase64: false });
  if (!isStream(body)) return use(textOfBytes(body));
  return chain(
    readAll(body, maxBytes, () => tooLarge(maxBytes)),
    (bytes) => use(textOfBytes(bytes)),
  );
}

function textOfBytes(bytes: Uint8Array): Text {
  const text = modules.encoding().decodeStrictUtf8(bytes);
  return text === null
    ? { json: stringify(toBase64(bytes)), isBase64: true }
    : { json: stringify(text), isBase64: false };
}

const tooLarge = (maxBytes: number): AdapterFault =>
  new AdapterFault('RESPONSE_TOO_LARGE', `The response body is larger than ${maxBytes} bytes`);

/** Several values of one name: combined as HTTP does it, but cookies listed. */
function objectOf(list: readonly string[]): object {
  const headers = new Headers();
  for (let i = 0; i < list.length; i += 2) headers.append(list[i], list[i + 1]);
  const object = {};
  headers.forEach((value, name) => put(object, name, name === 'set-cookie' ? headers.getSetCookie() : value));
  const cookies = headers.getSetCookie();
  if (cookies.length === 1) put(object, 'set-cookie', cookies[0]);
  return object;
}

/** As they were returned, with the lists beside them put in. */
function headersOfReply({ headers, multiValueHeaders, cookies }: Reply): object {
  const object = {};
  if (isHeaders(headers)) headers.forEach((value, name) => put(object, name, value));
  else copyInto(object, headers);
  copyInto(object, multiValueHeaders);
  if (isArray(cookies) && cookies.length > 0) put(object, 'set-cookie', cookies);
  return object;
}

function copyInto(target: object, from: unknown): void {
  if (!isObject(from)) return;
  const names = keysOf(from);
  for (let i = 0; i < names.length; i++)
    put(target, names[i] as string, (from as Record<string, unknown>)[names[i] as string]);
}
