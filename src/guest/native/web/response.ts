/**
 * Response, cheap where it is made and sent without a look at it: Node's own takes 20 µs for a text, as it makes a stream
 * of it. It becomes Node's own as soon as somebody asks for more than it keeps.
 */

import { bytesOf, extractBody, type BodyContent } from './body-init.ts';
import { Headers, listOf } from './headers.ts';
import { delegate } from './delegate.ts';

const NativeResponse = globalThis.Response;
type NativeResponse = globalThis.Response;

/** A response, less its methods: what goes out, the body as it was given and not read. */
export class ResponseParts {
  readonly status: number;
  readonly headers: string[];
  readonly body: BodyContent;

  constructor(status: number, headers: string[], body: BodyContent) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

interface ResponseInit {
  readonly status?: unknown;
  readonly statusText?: unknown;
  readonly headers?: ConstructorParameters<typeof Headers>[0] | null;
}

let isQuick: (value: object) => value is QuickResponse;
let quickParts: (response: QuickResponse) => ResponseParts;

/** Its prototype is a child of Node's, so that it is an `instanceof` it. */
class QuickResponse {
  readonly #status: number;
  /** Name, value … until somebody asks for the object. */
  #list: string[];
  #headers: Headers | null = null;
  #content: string | Uint8Array | null;
  #used = false;
  #native: NativeResponse | null = null;

  static {
    isQuick = (value): value is QuickResponse => #status in value;
    quickParts = (response) => {
      if (response.#native !== null) return nativeParts(response.#native);
      if (response.#used) throw new TypeError('The body has already been read');
      const list = response.#headers === null ? response.#list : listOf(response.#headers);
      return new ResponseParts(response.#status, list, response.#content);
    };
  }

  constructor(status: number, list: string[], content: string | Uint8Array | null) {
    this.#status = status;
    this.#list = list;
    this.#content = content;
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status <= 299;
  }

  get statusText(): string {
    return '';
  }

  get headers(): Headers {
    if (this.#native !== null) return this.#native.headers;
    return (this.#headers ??= new Headers(pairsOf(this.#list)));
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? this.#used;
  }

  text(): Promise<string> {
    if (this.#native !== null || typeof this.#content !== 'string' || this.#used) return this.toNative().text();
    this.#used = true;
    return Promise.resolve(this.#content.toWellFormed());
  }

  /** For whatever is not here. */
  toNative(): NativeResponse {
    if (this.#native !== null) return this.#native;
    const headers = this.#headers ?? pairsOf(this.#list);
    this.#native = new NativeResponse(this.#content as string, { status: this.#status, headers });
    // One that was read stays so.
    if (this.#used) void this.#native.body?.cancel();
    return this.#native;
  }
}

delegate(QuickResponse, NativeResponse, (response) => response.toNative());

/** The class as user code has it. */
export const Response: typeof globalThis.Response = new Proxy(NativeResponse, {
  construct: (target, args: unknown[], newTarget) =>
    newTarget === Response
      ? (quickOf(args[0], args[1] as ResponseInit | undefined) ?? new target(args[0] as string, args[1] as object))
      : (Reflect.construct(target, args, newTarget) as object),
});
export type Response = globalThis.Response;

/** Null where it takes Node's own. */
function quickOf(body: unknown, init: ResponseInit | null | undefined): object | null {
  const { status = 200, statusText = '', headers } = init ?? {};
  if (!isQuickStatus(status) || statusText !== '') return null;
  const hasBody = body !== null && body !== undefined;
  if (hasBody && (status === 204 || status === 205 || status === 304)) return null;
  const isPlain = hasBody && (typeof body !== 'object' || bytesOf(body) !== null || body instanceof URLSearchParams);
  if (hasBody && (!isPlain || typeof body === 'symbol')) return null;
  const { content, type } = extractBody(body);
  const list = headers === undefined || headers === null ? [] : listOf(new Headers(headers));
  if (type !== null && !hasType(list)) list.push('content-type', type);
  return new QuickResponse(status, list, content as string | Uint8Array | null);
}

const isQuickStatus = (status: unknown): status is number =>
  typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599;

function hasType(list: readonly string[]): boolean {
  for (let i = 0; i < list.length; i += 2) if (list[i] === 'content-type') return true;
  return false;
}

function pairsOf(list: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as string]);
  return pairs;
}

/** Puts the class in the place of Node's. */
export function installResponse(): void {
  globalThis.Response = Response;
  NativeResponse.json = (data: unknown, init?: ResponseInit | null): Response => {
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError('Response.json() cannot hold this value');
    const headers = new Headers(init?.headers as Record<string, string> | undefined);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(text, { ...(init as object), headers });
  };
  NativeResponse.prototype.constructor = Response;
}

export const isResponse = (value: unknown): value is Response => value instanceof NativeResponse;

/** Throws a TypeError if the body was read. Text and bytes stay readable: one response may answer many requests. */
export function partsOf(response: Response): ResponseParts {
  return isQuick(response) ? quickParts(response) : nativeParts(response);
}

function nativeParts({ status, headers, body, bodyUsed }: NativeResponse): ResponseParts {
  if (bodyUsed || body?.locked === true) throw new TypeError('The body has already been read, or is being read');
  return new ResponseParts(status, listOf(headers), body);
}

/** The socket of an upgrade: Node’s responses have none. */
export const webSocketOf = (): null => null;

/** What a response says besides its body. */
export const answerOf = ({ status, url, headers }: Response): Pick<Response, 'status' | 'url' | 'headers'> => ({
  status,
  url,
  headers,
});
