/** Response, as the Fetch standard has it. */

import {
  Body,
  cloneContent,
  contentOf,
  fillBody,
  isBodyUsed,
  readBlob,
  readBuffer,
  readBytes,
  readForm,
  readJson,
  readText,
  setContent,
  streamOfBody,
  type BodyContent,
} from './body.ts';
import { copyHeaders, Headers, headersOf, immutable, listOf } from './headers.ts';
import type { FetchReply } from './host.ts';
import { nameInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { exec, isObject, setPrototypeOf, stringify, toNumber, TypeError, RangeError } from './primordials.ts';
import { canonicalUrl } from './url-text.ts';

interface ResponseInit {
  readonly status?: unknown;
  readonly statusText?: unknown;
  readonly headers?: unknown;
  /** Of a WebSocketPair: what a response with status 101 connects. */
  readonly webSocket?: unknown;
}

/**
 * A response, less its methods: what goes out, the body as it was given and not read. It inherits from nothing, since
 * a promise that is fulfilled with an object looks for `then` on `Object.prototype` too.
 */
export class ResponseParts {
  readonly status: number;
  /** Name, value, name, value … */
  readonly headers: string[];
  readonly body: BodyContent;

  constructor(status: number, headers: string[], body: BodyContent) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
Object.setPrototypeOf(ResponseParts.prototype, null);

export let isResponse: (value: unknown) => value is Response;
/** Throws a TypeError if the body was read. Text and bytes stay readable: one response may answer many requests. */
export let partsOf: (response: Response) => ResponseParts;
/** What a response says besides its body, whatever user code made of its properties. */
export let answerOf: (response: Response) => ResponseHead;
/** A response that came from the host. */
export let responseOf: (reply: FetchReply, body: BodyContent) => Response;
/** What it connects; null for all but those with status 101. */
export let webSocketOf: (response: Response) => object | null;
let contentTypeOf: (response: Response) => string | null;

export interface ResponseHead {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
}

export class Response extends Body {
  #status = 200;
  #statusText = '';
  /** Null until somebody asks; the content type of the body then goes into it. */
  #headers: Headers | null = null;
  #contentType: string | null = null;
  #url = '';
  #redirected = false;
  #type = 'default';
  #webSocket: object | null = null;

  static {
    isResponse = (value): value is Response => isObject(value) && #status in value;
    partsOf = (response) => {
      const type = response.#contentType;
      const headers =
        response.#headers === null ? (type === null ? [] : ['content-type', type]) : listOf(response.#headers);
      return new ResponseParts(response.#status, headers, contentOf(response));
    };
    webSocketOf = (response) => response.#webSocket;
    answerOf = (response) => ({
      status: response.#status,
      url: response.#url,
      headers: (response.#headers ??= withType(new Headers(), response.#contentType)),
    });
    contentTypeOf = (response) =>
      response.#headers === null ? response.#contentType : response.#headers.get('content-type');
    responseOf = (reply, body) => {
      const response = new Response();
      response.#status = reply.status;
      response.#statusText = reply.statusText;
      response.#headers = immutable(headersOf(reply.headers));
      response.#url = reply.url;
      response.#redirected = reply.redirected;
      response.#type = 'basic';
      setContent(response, body);
      return response;
    };
  }

  static error(): Response {
    const response = new Response();
    response.#status = 0;
    response.#headers = immutable(new Headers());
    response.#type = 'error';
    return response;
  }

  static json(data: unknown, init: ResponseInit | null | undefined = undefined): Response {
    requireArguments(arguments.length, 1, 'Response.json()');
    const text = stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError('Response.json() cannot hold this value');
    const response = new Response(null, init);
    response.#setBody(text, 'application/json');
    return response;
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    requireArguments(arguments.length, 1, 'Response.redirect()');
    const location = canonicalUrl(`${url as string}`);
    const code = unsignedShort(status);
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308)
      throw new RangeError(`${code} is not the status of a redirect`);
    const response = new Response();
    response.#status = code;
    response.#headers = immutable(headersOf(['location', location]));
    return response;
  }

  constructor(body: unknown = undefined, init: ResponseInit | null | undefined = undefined) {
    super();
    if (init !== undefined && init !== null) this.#initialize(init);
    if (body !== undefined && body !== null) this.#setBody(body, null);
  }

  get type(): string {
    return this.#type;
  }

  get url(): string {
    return this.#url;
  }

  get redirected(): boolean {
    return this.#redirected;
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get headers(): Headers {
    return (this.#headers ??= withType(new Headers(), this.#contentType));
  }

  get body(): unknown {
    return streamOfBody(this);
  }

  get bodyUsed(): boolean {
    return isBodyUsed(this);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return readBuffer(this);
  }

  blob(): Promise<object> {
    return readBlob(this, contentTypeOf);
  }

  bytes(): Promise<Uint8Array> {
    return readBytes(this);
  }

  formData(): Promise<object> {
    return readForm(this, contentTypeOf);
  }

  json(): Promise<unknown> {
    return readJson(this);
  }

  text(): Promise<string> {
    return readText(this);
  }

  clone(): Response {
    const content = cloneContent(this);
    const copy = new Response();
    setContent(copy, content);
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#headers = this.#headers === null ? null : copyHeaders(this.#headers);
    copy.#contentType = this.#contentType;
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    copy.#type = this.#type;
    return copy;
  }

  #initialize(init: ResponseInit): void {
    if (!isObject(init)) throw new TypeError('The second argument of Response must be an object');
    const { headers, status, statusText, webSocket } = init;
    if (webSocket !== undefined && webSocket !== null) this.#carry(webSocket, status);
    else if (status !== undefined) this.#status = statusOf(status);
    if (statusText !== undefined) this.#statusText = reasonOf(`${statusText as string}`);
    if (headers !== undefined) this.#headers = new Headers(headers);
  }

  #carry(webSocket: unknown, status: unknown): void {
    if (!isObject(webSocket) || !modules.webSocketServer().isWebSocketEnd(webSocket))
      throw new TypeError('The webSocket of a Response is the first of a WebSocketPair');
    if (status !== 101) throw new RangeError('A Response with a webSocket has the status 101');
    this.#status = 101;
    this.#webSocket = webSocket;
  }

  /** `type` instead of the one that the body brings along. */
  #setBody(body: unknown, type: string | null): void {
    if (this.#status === 204 || this.#status === 205 || this.#status === 304 || this.#status === 101)
      throw new TypeError(`A response with status ${this.#status} cannot have a body`);
    const own = fillBody(this, body);
    this.#contentType = type ?? own;
    if (this.#headers !== null) withType(this.#headers, this.#contentType);
  }
}

// The base class holds state alone.
setPrototypeOf(Response.prototype, Object.prototype);
nameInterface(Response, 'Response');

function withType(headers: Headers, type: string | null): Headers {
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
  return headers;
}

function statusOf(status: unknown): number {
  const code = unsignedShort(status);
  if (code >= 200 && code <= 599) return code;
  throw new RangeError(`The status of a response must be between 200 and 599, but it is ${code}`);
}

/** As Web IDL converts: less its fraction, and what 16 bits hold of it. */
const unsignedShort = (value: unknown): number => toNumber(value) & 0xffff;

function reasonOf(text: string): string {
  if (exec(/[^\t\x20-\x7e\x80-\xff]/, text) !== null)
    throw new TypeError('The statusText holds a character that it may not hold');
  return text;
}
