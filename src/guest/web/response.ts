/** Response, as the Fetch standard has it. */

import { Body, cloneContent, contentOf, contentTypeOf, extractContent, setContent, type BodyContent } from './body.ts';
import { Headers, headersOf, immutable, listOf } from './headers.ts';
import type { FetchReply } from './host.ts';
import { exec, isObject, stringify, toNumber, toText, TypeError, RangeError } from './primordials.ts';
import { canonicalUrl } from './url-text.ts';

interface ResponseInit {
  readonly status?: unknown;
  readonly statusText?: unknown;
  readonly headers?: unknown;
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

export interface ResponseHead {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
}

/** A response that came from the host. */
export let responseOf: (reply: FetchReply, body: BodyContent) => Response;

export class Response extends Body {
  #status = 200;
  #statusText = '';
  /** Null until somebody asks; the content type of the body then goes into it. */
  #headers: Headers | null = null;
  #contentType: string | null = null;
  #url = '';
  #redirected = false;
  #type = 'default';

  static {
    isResponse = (value): value is Response => isObject(value) && #status in value;
    partsOf = (response) => {
      const type = response.#contentType;
      const headers =
        response.#headers === null ? (type === null ? [] : ['content-type', type]) : listOf(response.#headers);
      return new ResponseParts(response.#status, headers, contentOf(response));
    };
    answerOf = (response) => ({
      status: response.#status,
      url: response.#url,
      headers: (response.#headers ??= withType(new Headers(), response.#contentType)),
    });
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

  static json(data: unknown, init?: ResponseInit): Response {
    const text = stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError('Response.json() cannot hold this value');
    const response = new Response(text, init);
    response.#contentType = 'application/json';
    if (init?.headers === undefined) response.#headers = null;
    else response.#headers = withType(new Headers(init.headers), 'application/json');
    return response;
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    const code = toNumber(status);
    const location = canonicalUrl(toText(url));
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308)
      throw new RangeError(`${code} is not the status of a redirect`);
    return new Response(null, { status: code, headers: { __proto__: null, location } });
  }

  static error(): Response {
    const response = new Response();
    response.#status = 0;
    response.#type = 'error';
    return response;
  }

  constructor(body?: unknown, init?: ResponseInit | null) {
    super();
    if (init !== undefined && init !== null) this.#initialize(init);
    if (body === undefined || body === null) return;
    if (this.#status === 204 || this.#status === 205 || this.#status === 304)
      throw new TypeError(`A response with status ${this.#status} cannot have a body`);
    setContent(this, extractContent(body));
    this.#contentType = contentTypeOf(body);
    if (this.#headers !== null) withType(this.#headers, this.#contentType);
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
    return answerOf(this).headers;
  }

  get url(): string {
    return this.#url;
  }

  get redirected(): boolean {
    return this.#redirected;
  }

  get type(): string {
    return this.#type;
  }

  clone(): Response {
    const copy = new Response();
    setContent(copy, cloneContent(this));
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#headers = this.#headers === null ? null : new Headers(this.#headers);
    copy.#contentType = this.#contentType;
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    copy.#type = this.#type;
    if (this.#type === 'basic' && copy.#headers !== null) immutable(copy.#headers);
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return 'Response';
  }

  #initialize(init: ResponseInit): void {
    if (!isObject(init)) throw new TypeError('The second argument of Response must be an object');
    const { status, statusText, headers } = init;
    if (status !== undefined) this.#status = statusOf(status);
    if (statusText !== undefined) this.#statusText = reasonOf(statusText);
    if (headers !== undefined) this.#headers = new Headers(headers);
  }
}

function withType(headers: Headers, type: string | null): Headers {
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
  return headers;
}

function statusOf(status: unknown): number {
  const number = toNumber(status);
  if (number >= 200 && number <= 599) return number - (number % 1);
  throw new RangeError(`The status of a response must be between 200 and 599, but it is ${number}`);
}

function reasonOf(statusText: unknown): string {
  const text = toText(statusText);
  if (exec(/[^\t\x20-\x7e\x80-\xff]/, text) !== null)
    throw new TypeError('The statusText holds a character that it may not hold');
  return text;
}
