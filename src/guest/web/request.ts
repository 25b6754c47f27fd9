/** Request, as the Fetch standard has it, less what only a browser can give a meaning to. */

import {
  Body,
  cloneContent,
  contentTypeOf,
  extractContent,
  setContent,
  takeContent,
  type BodyContent,
} from './body.ts';
import { host } from './engine.ts';
import { Headers, headersOf } from './headers.ts';
import * as modules from './modules.ts';
import { exec, isObject, stringify, toText, toUpperCase, TypeError } from './primordials.ts';
import { canonicalUrl } from './url-text.ts';

interface RequestInit {
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: unknown;
  readonly redirect?: unknown;
}

export type Redirect = 'follow' | 'manual' | 'error';

/** What a request is made of when it comes from the engine. */
export interface RequestSource {
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value …; names in any case. */
  readonly headers: readonly string[];
  onCancel(abort: (reason: unknown) => void): void;
}

/** In the place of the constructor's first argument: the fields are set otherwise. */
export const BLANK: unique symbol = Symbol('blank');

export let isRequest: (value: unknown) => value is Request;
/** Fills a blank request. A URL that begins with `/` is put on `http://localhost`, so that it is one. */
export let fillRequest: (request: Request, source: RequestSource, body: BodyContent) => void;
/** The signal, if anybody has asked for one or given one. */
export let signalOf: (request: Request) => object | null;

/** What is sent of it besides its body, whatever user code made of its properties. */
export let headOf: (request: Request) => RequestHead;

export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: Redirect;
}

export class Request extends Body {
  #method = 'GET';
  /** In its final form, or as it came (then `#source` says so). */
  #url = '';
  #source: RequestSource | null = null;
  #headers: Headers | null = null;
  #signal: object | null = null;
  #redirect: Redirect = 'follow';

  static {
    isRequest = (value): value is Request => isObject(value) && #method in value;
    signalOf = (request) => request.#signal;
    headOf = (request) => ({
      method: request.#method,
      url: request.#ownUrl(),
      headers: request.#ownHeaders(),
      redirect: request.#redirect,
    });
    fillRequest = (request, source, body) => {
      request.#method = source.method;
      request.#url = source.url;
      request.#source = source;
      setContent(request, body);
    };
  }

  constructor(input: unknown, init?: RequestInit | null) {
    super();
    if (input === BLANK) return;
    if (isRequest(input)) this.#copy(input);
    else this.#url = withoutCredentials(canonicalUrl(toText(input)));
    if (init !== undefined && init !== null) this.#initialize(init);
    if (isRequest(input) && (init?.body ?? null) === null) setContent(this, takeContent(input));
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#ownUrl();
  }

  get headers(): Headers {
    return (this.#headers ??= this.#source === null ? new Headers() : headersOf(this.#source.headers));
  }

  get signal(): object {
    if (this.#signal !== null) return this.#signal;
    const { AbortController, abortError } = modules.abort();
    const controller = new AbortController();
    this.#source?.onCancel(
      host.bindContext((reason: unknown) => controller.abort(reason ?? abortError('The request was cancelled'))),
    );
    return (this.#signal = controller.signal);
  }

  get redirect(): Redirect {
    return this.#redirect;
  }

  clone(): Request {
    const copy = new Request(BLANK);
    setContent(copy, cloneContent(this));
    copy.#method = this.#method;
    copy.#url = this.url;
    copy.#headers = new Headers(this.#ownHeaders());
    copy.#signal = this.signal;
    copy.#redirect = this.#redirect;
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return 'Request';
  }

  #ownUrl(): string {
    const source = this.#source;
    return source === null
      ? this.#url
      : canonicalUrl(source.url[0] === '/' ? `http://localhost${source.url}` : source.url);
  }

  /** Not `this.headers`, which a subclass or user code may have replaced. */
  #ownHeaders(): Headers {
    return (this.#headers ??= this.#source === null ? new Headers() : headersOf(this.#source.headers));
  }

  #copy(from: Request): void {
    this.#method = from.#method;
    this.#url = from.#source === null ? from.#url : canonicalUrl(from.#source.url);
    this.#headers = new Headers(from.#ownHeaders());
    this.#signal = from.signal;
    this.#redirect = from.#redirect;
  }

  #initialize(init: RequestInit): void {
    if (!isObject(init)) throw new TypeError('The second argument of Request must be an object');
    const { method, headers, body, signal, redirect } = init;
    if (method !== undefined) this.#method = methodOf(method);
    if (headers !== undefined) this.#headers = new Headers(headers);
    if (signal !== undefined) this.#signal = signal === null ? null : modules.abort().requireSignal(signal);
    if (redirect !== undefined) this.#redirect = redirectOf(redirect);
    if (body === undefined || body === null) return;
    if (this.#method === 'GET' || this.#method === 'HEAD')
      throw new TypeError(`A ${this.#method} request cannot have a body`);
    setContent(this, extractContent(body));
    const type = contentTypeOf(body);
    if (type !== null && !this.#ownHeaders().has('content-type')) this.#ownHeaders().set('content-type', type);
  }
}

const NOT_A_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const STANDARD = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/;
const FORBIDDEN = /^(?:CONNECT|TRACE|TRACK)$/;

/** The methods everybody knows are written in capitals; others stay as they are. */
function methodOf(method: unknown): string {
  const text = toText(method);
  const upper = toUpperCase(text);
  if (text === '' || exec(NOT_A_TOKEN, text) !== null || exec(FORBIDDEN, upper) !== null)
    throw new TypeError(`${upper} is not a method that a request may have`);
  return exec(STANDARD, upper) === null ? text : upper;
}

function redirectOf(redirect: unknown): Redirect {
  const text = toText(redirect);
  if (text === 'follow' || text === 'manual' || text === 'error') return text;
  throw new TypeError(`redirect must be "follow", "manual" or "error", not ${stringify(text)}`);
}

function withoutCredentials(url: string): string {
  if (exec(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/, url) !== null)
    throw new TypeError('The URL of a request may not hold a user name or password');
  return url;
}
