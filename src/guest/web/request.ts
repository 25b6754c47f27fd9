/** Request, as the Fetch standard has it, less what only a browser can give a meaning to. */

import {
  Body,
  cloneContent,
  fillBody,
  hasContent,
  isBodyUsed,
  isMessageStream,
  isStream,
  readBlob,
  readBuffer,
  readBytes,
  readForm,
  readJson,
  readText,
  setContent,
  streamOfBody,
  takeContent,
  type BodyContent,
} from './body.ts';
import { host } from './engine.ts';
import { copyHeaders, Headers, headersOf } from './headers.ts';
import { nameInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { exec, isObject, setPrototypeOf, toUpperCase, TypeError } from './primordials.ts';
import { DEFAULT_OPTIONS, optionsOf, type Redirect, type RequestInit, type RequestOptions } from './request-options.ts';
import { canonicalUrl } from './url-text.ts';

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
let contentTypeOf: (request: Request) => string | null;

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
  /** What it follows: a signal that was given, or that of the request it was made of. */
  #followed: object | null = null;
  /** Its own, once somebody has asked for it. */
  #signal: object | null = null;
  #options: RequestOptions = DEFAULT_OPTIONS;

  static {
    isRequest = (value): value is Request => isObject(value) && #method in value;
    signalOf = (request) => request.#signal ?? request.#followed;
    headOf = (request) => ({
      method: request.#method,
      url: request.#ownUrl(),
      headers: request.#ownHeaders(),
      redirect: request.#options.redirect,
    });
    contentTypeOf = (request) => request.#ownHeaders().get('content-type');
    fillRequest = (request, source, body) => {
      request.#method = source.method;
      request.#url = source.url;
      request.#source = source;
      setContent(request, body);
    };
  }

  constructor(input: unknown, init: RequestInit | null | undefined = undefined) {
    super();
    if (input === BLANK) return;
    requireArguments(arguments.length, 1, 'new Request()');
    const from = isRequest(input) ? input : null;
    if (from !== null) {
      this.#copy(from);
      // What was sent may be a path alone, which is no URL to send anything to.
      if (from.#source !== null) this.#url = canonicalUrl(from.#source.url);
    } else this.#url = withoutCredentials(canonicalUrl(`${input as string}`));
    const hasBody = init !== undefined && init !== null && this.#initialize(init);
    if (from === null || hasBody || !hasContent(from)) return;
    this.#requireBodyMethod();
    setContent(this, takeContent(from));
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#ownUrl();
  }

  get headers(): Headers {
    return this.#ownHeaders();
  }

  get destination(): string {
    void this.#options;
    return '';
  }

  get referrer(): string {
    return this.#options.referrer;
  }

  get referrerPolicy(): string {
    return this.#options.referrerPolicy;
  }

  get mode(): string {
    return this.#options.mode;
  }

  get credentials(): string {
    return this.#options.credentials;
  }

  get cache(): string {
    return this.#options.cache;
  }

  get redirect(): Redirect {
    return this.#options.redirect;
  }

  get integrity(): string {
    return this.#options.integrity;
  }

  get keepalive(): boolean {
    return this.#options.keepalive;
  }

  get isReloadNavigation(): boolean {
    void this.#options;
    return false;
  }

  get isHistoryNavigation(): boolean {
    void this.#options;
    return false;
  }

  get signal(): object {
    return (this.#signal ??= this.#makeSignal());
  }

  get duplex(): string {
    void this.#options;
    return 'half';
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

  clone(): Request {
    const content = cloneContent(this);
    const copy = new Request(BLANK);
    copy.#copy(this);
    setContent(copy, content);
    return copy;
  }

  #ownUrl(): string {
    const source = this.#source;
    if (source === null) return this.#url;
    return canonicalUrl(source.url[0] === '/' ? `http://localhost${source.url}` : source.url);
  }

  /** Not `this.headers`, which a subclass or user code may have replaced. */
  #ownHeaders(): Headers {
    return (this.#headers ??= this.#source === null ? new Headers() : headersOf(this.#source.headers));
  }

  /** Only a request that can be cancelled from outside has a signal that anybody could wait for. */
  #makeSignal(): object {
    const { AbortController, AbortSignal, abortError } = modules.abort();
    if (this.#followed !== null) return AbortSignal.any([this.#followed]);
    const controller = new AbortController();
    this.#source?.onCancel(
      host.bindContext((reason: unknown) => controller.abort(reason ?? abortError('The request was cancelled'))),
    );
    return controller.signal;
  }

  #copy(from: Request): void {
    this.#method = from.#method;
    this.#url = from.#ownUrl();
    this.#headers = copyHeaders(from.#ownHeaders());
    this.#options = from.#options;
    if (from.#source !== null || from.#signal !== null || from.#followed !== null)
      this.#followed = from.#signal ??= from.#makeSignal();
  }

  /** Returns whether it has given a body. */
  #initialize(init: RequestInit): boolean {
    if (!isObject(init)) throw new TypeError('The second argument of Request must be an object');
    const { body, duplex, headers, method, signal, window } = init;
    this.#options = optionsOf(init, this.#options);
    if (window !== undefined && window !== null) throw new TypeError('window can only be null');
    if (method !== undefined) this.#method = methodOf(`${method as string}`);
    if (this.#options.mode === 'no-cors' && exec(SAFELISTED, this.#method) === null)
      throw new TypeError(`A request of mode "no-cors" cannot have the method ${this.#method}`);
    if (signal !== undefined) this.#followed = signal === null ? null : modules.abort().requireSignal(signal);
    if (headers !== undefined) this.#headers = new Headers(headers);
    if (body === undefined || body === null) return false;
    this.#requireBodyMethod();
    if (isStream(body)) this.#requireStreaming(body, duplex);
    const type = fillBody(this, body);
    if (type !== null && !this.#ownHeaders().has('content-type')) this.#ownHeaders().set('content-type', type);
    return true;
  }

  #requireStreaming(body: ReadableStream, duplex: unknown): void {
    if (this.#options.mode === 'no-cors')
      throw new TypeError('A request of mode "no-cors" cannot have a stream as body');
    // Code that passes on what it was sent says nothing of duplex where nothing asks it to.
    if (duplex === undefined && !isMessageStream(body))
      throw new TypeError('A request with a stream as body needs duplex: "half"');
  }

  #requireBodyMethod(): void {
    if (this.#method === 'GET' || this.#method === 'HEAD')
      throw new TypeError(`A ${this.#method} request cannot have a body`);
  }
}

// The base class holds state alone.
setPrototypeOf(Request.prototype, Object.prototype);
nameInterface(Request, 'Request');

const NOT_A_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const STANDARD = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/;
const SAFELISTED = /^(?:GET|HEAD|POST)$/;
const FORBIDDEN = /^(?:CONNECT|TRACE|TRACK)$/;

/** The methods everybody knows are written in capitals; others stay as they are. */
function methodOf(text: string): string {
  const upper = toUpperCase(text);
  if (text === '' || exec(NOT_A_TOKEN, text) !== null || exec(FORBIDDEN, upper) !== null)
    throw new TypeError(`${upper} is not a method that a request may have`);
  return exec(STANDARD, upper) === null ? text : upper;
}

function withoutCredentials(url: string): string {
  if (exec(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/, url) !== null)
    throw new TypeError('The URL of a request may not hold a user name or password');
  return url;
}
