/**
 * The two requests that handlers get: a plain Request, and one that also shows what the caller sent, as it was sent.
 *
 * The second serves `(req) => …`, whose authors read `req.body` as text and `req.query` as an object, as well as those
 * who treat it as the Request that it is. Nothing of it is made before it is read.
 */

import type { BodyContent } from '../web/body.ts';
import { headersOf, Headers } from '../web/headers.ts';
import { dictionary, hide, isArrayBuffer, ownKeys, put, toLowerCase, Uint8Array } from '../web/primordials.ts';
import { BLANK, fillRequest, Request } from '../web/request.ts';
import type { Incoming } from './incoming.ts';
import { pathOf, queryOf } from './query.ts';

export function requestOf(incoming: Incoming): Request {
  const request = new Request(BLANK);
  fillRequest(request, incoming, contentOf(incoming));
  return request;
}

export const sentRequestOf = (incoming: Incoming): SentRequest => new SentRequest(incoming);

/** Bytes instead of a buffer; an empty text is no body, but for methods that have one. */
function contentOf(incoming: Incoming): BodyContent {
  const { body, method } = incoming;
  if (body === '' && (method === 'GET' || method === 'HEAD')) return null;
  return isArrayBuffer(body) ? new Uint8Array(body) : (body as BodyContent);
}

class SentRequest extends Request {
  readonly #incoming: Incoming;
  #headers: Headers | null = null;
  #query: unknown = undefined;

  constructor(incoming: Incoming) {
    super(BLANK);
    this.#incoming = incoming;
    fillRequest(this, incoming, contentOf(incoming));
  }

  /** As it was sent: a path is fine. */
  override get url(): string {
    return this.#incoming.url;
  }

  /** A Headers with a property for each header beside its methods. */
  override get headers(): Headers {
    return (this.#headers ??= sentHeaders(this.#incoming));
  }

  /** The text as it was sent; bytes where it is no text; the stream where it is still arriving. */
  override get body(): unknown {
    const { body, reply } = this.#incoming;
    if (body === null || body === '') return reply === 'value' ? '' : null;
    return typeof body === 'string' ? body : isArrayBuffer(body) ? new Uint8Array(body) : super.body;
  }

  get query(): unknown {
    return (this.#query ??= this.#incoming.query ?? queryOf(this.#incoming.url));
  }

  get httpMethod(): string {
    return this.#incoming.method;
  }

  get path(): string {
    return pathOf(this.#incoming.url);
  }

  get queryStringParameters(): unknown {
    return this.query;
  }

  toJSON(): object {
    const { method, url, headers, body, query } = this;
    return { method, url, headers, body: typeof body === 'string' ? body : null, query };
  }
}

// Whoever asks for its class is told the one that they know.
hide(SentRequest.prototype, 'constructor', Request);

/** Names that mean something on the object already; and `__proto__` would not become a property. */
const { prototype: objectPrototype } = Object;
let takenByOthers: Readonly<Record<PropertyKey, true>> | null = null;
const takenNames = (): NonNullable<typeof takenByOthers> =>
  (takenByOthers ??= namesIn([Headers.prototype, objectPrototype]));

function namesIn(prototypes: readonly object[]): Record<PropertyKey, true> {
  const names = dictionary<true>();
  for (let p = 0; p < prototypes.length; p++) {
    const keys = ownKeys(prototypes[p] as object);
    for (let i = 0; i < keys.length; i++) if (typeof keys[i] === 'string') names[keys[i] as string] = true;
  }
  return names;
}

/** With the properties that a plain object of headers would have: of HTTP's in lower case, else as they were sent. */
function sentHeaders({ headers: list, reply }: Incoming): Headers {
  const headers = headersOf(list);
  const taken = takenNames();
  for (let i = 0; i < list.length; i += 2) {
    const sent = list[i] as string;
    const lower = toLowerCase(sent);
    const name = reply === 'http' ? lower : sent;
    if (taken[lower] === true || taken[name] === true) continue;
    const value = combined(list, lower);
    put(headers, name, value);
    if (name !== lower) hide(headers, lower, value);
  }
  return headers;
}

/** All the values of one header; not by `get`, since what was sent need not be a valid name. */
function combined(list: readonly string[], name: string): string {
  let value: string | null = null;
  for (let i = 0; i < list.length; i += 2) {
    if (toLowerCase(list[i] as string) === name)
      value = value === null ? (list[i + 1] as string) : `${value}, ${list[i + 1]}`;
  }
  return value ?? '';
}
