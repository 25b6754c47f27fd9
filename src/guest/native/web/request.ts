/**
 * Request, cheap where a handler looks at little of it. It becomes one of Node's own as soon as somebody asks for more
 * than it keeps.
 */

import { delegate } from './delegate.ts';
import { isDisturbed, type BodyContent } from './body-init.ts';
import { headersOf, type Headers } from './headers.ts';

const NativeRequest: typeof globalThis.Request = globalThis.Request;
type NativeRequest = globalThis.Request;

/** What a request that came from outside is made of. */
interface RequestSource {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  onCancel(abort: (reason: unknown) => void): void;
}

/** Makes a request that is still to be filled. */
export const BLANK: unique symbol = Symbol('blank');

export let fillRequest: (request: Request, source: RequestSource, body: BodyContent) => void;
let nativeOf: (value: unknown) => unknown;

export class Request {
  #source: RequestSource | null = null;
  #content: BodyContent = null;
  #headers: Headers | null = null;
  #stream: ReadableStream | null = null;
  #signal: AbortSignal | null = null;
  #used = false;
  #native: NativeRequest | null = null;

  static {
    fillRequest = (request, source, body) => {
      request.#source = source;
      request.#content = body;
    };
    nativeOf = (value) => (typeof value === 'object' && value !== null && #source in value ? value.toNative() : value);
  }

  constructor(_blank: typeof BLANK) {
    void _blank;
  }

  get method(): string {
    return this.#native?.method ?? this.#sent().method;
  }

  get url(): string {
    const { url } = this.#sent();
    return canonicalUrl(url) ?? url;
  }

  get headers(): Headers {
    return this.#native?.headers ?? this.#ownHeaders();
  }

  get signal(): AbortSignal {
    return this.#native?.signal ?? this.#ownSignal();
  }

  get body(): unknown {
    return this.#native === null ? this.#ownStream() : this.#native.body;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? (this.#used || (this.#stream !== null && isDisturbed(this.#stream)));
  }

  async text(): Promise<string> {
    if (typeof this.#content === 'string' && this.#isWhole()) {
      this.#used = true;
      return withoutMark(this.#content);
    }
    return this.#message().text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#message().arrayBuffer();
  }

  async bytes(): Promise<Uint8Array> {
    return this.#message().bytes();
  }

  async blob(): Promise<Blob> {
    return this.#message().blob();
  }

  async formData(): Promise<FormData> {
    return this.#message().formData();
  }

  clone(): NativeRequest {
    return this.toNative().clone();
  }

  /** For whatever is not here. Its body goes with it. */
  toNative(): NativeRequest {
    if (this.#native !== null) return this.#native;
    const { method, url } = this.#sent();
    const isBare = method === 'GET' || method === 'HEAD';
    const body = isBare ? null : (this.#stream ?? this.#content);
    this.#native = new NativeRequest(canonicalUrl(url) ?? 'http://localhost/', {
      method,
      headers: this.#ownHeaders(),
      signal: this.#ownSignal(),
      ...(body === null ? {} : { body: body as string, duplex: 'half' }),
    });
    // Who has read it has read it here too.
    if (this.#used) void this.#native.body?.cancel();
    return this.#native;
  }

  #sent(): RequestSource {
    return this.#source as RequestSource;
  }

  #isWhole(): boolean {
    return this.#native === null && this.#stream === null && !this.#used;
  }

  #ownHeaders(): Headers {
    return (this.#headers ??= headersOf(this.#sent().headers));
  }

  #ownSignal(): AbortSignal {
    if (this.#signal !== null) return this.#signal;
    const controller = new AbortController();
    this.#sent().onCancel((reason) =>
      controller.abort(reason ?? new DOMException('The request was cancelled', 'AbortError')),
    );
    return (this.#signal = controller.signal);
  }

  #ownStream(): ReadableStream | null {
    const content = this.#content;
    if (content === null) return null;
    return (this.#stream ??=
      typeof content === 'string' || content instanceof Uint8Array
        ? (new Response(content as string).body as ReadableStream)
        : content);
  }

  /** What reads the body, wherever it is. */
  #message(): NativeRequest | Response {
    if (this.#native !== null) return this.#native;
    if (this.#used) throw new TypeError('The body has already been read, or is being read');
    const content = this.#stream ?? this.#content;
    const type = this.#ownHeaders().get('content-type');
    const message = new Response(content as string, type === null ? {} : { headers: { 'content-type': type } });
    if (this.#stream === null && content !== null) this.#used = true;
    return message;
  }
}

delegate(Request, NativeRequest, (request) => request.toNative());

/** Puts a constructor that takes such requests in the place of Node's. */
export function installRequest(): void {
  const Installed: typeof NativeRequest = new Proxy(NativeRequest, {
    construct: (target, [input, ...init]: unknown[], newTarget) =>
      Reflect.construct(target, [nativeOf(input), ...init], newTarget === Installed ? target : newTarget) as object,
  });
  globalThis.Request = Installed;
  NativeRequest.prototype.constructor = Installed;
}

export const isRequest = (value: unknown): value is NativeRequest => value instanceof NativeRequest;

/** What a request says besides its body. */
export const headOf = ({ headers }: NativeRequest): Pick<NativeRequest, 'headers'> => ({ headers });

/** As Node's own; what is no request stays as it is. */
export const toNativeRequest = (input: unknown, init: unknown): NativeRequest =>
  new NativeRequest(nativeOf(input) as string, init as RequestInit | undefined);

function canonicalUrl(url: string): string | null {
  const parsed = URL.parse(url.startsWith('/') ? `http://localhost${url}` : url);
  return parsed?.href ?? null;
}

const withoutMark = (text: string): string => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
