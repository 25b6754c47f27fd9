/** The arguments of `handler(event, context)` and of a script body, made of one invocation. */

import { readAll } from '../web/body.ts';
import { chain, host } from '../web/engine.ts';
import * as modules from '../web/modules.ts';
import {
  hasOwn,
  isArrayBuffer,
  parse,
  put,
  rename,
  toBase64,
  toLowerCase,
  toText,
  Uint8Array,
} from '../web/primordials.ts';
import { sentRequestOf } from './request.ts';
import type { HandlerSpec, Incoming } from './incoming.ts';
import { Capabilities } from './capabilities.ts';
import { pathOf, queryOf } from './query.ts';
import { rpcCallOf } from './rpc-call.ts';
import { scriptFetch } from './script-fetch.ts';

/** A body as an event has it. */
interface Data {
  readonly value: unknown;
  readonly isBase64: boolean;
}

/** Calls `use` with the body, when it is there: at once, unless it is still arriving. */
export function withData<R>(incoming: Incoming, use: (data: Data) => R): R | Promise<R> {
  const { body } = incoming;
  if (typeof body === 'string') return use({ value: jsonOrText(body), isBase64: false });
  if (body === null) return use({ value: null, isBase64: false });
  if (isArrayBuffer(body)) return use(dataOfBytes(new Uint8Array(body)));
  return chain(readAll(body), (bytes) => use(dataOfBytes(bytes)));
}

/** JSON is parsed, whatever its Content-Type says: most callers forget it. Nothing is null. */
function jsonOrText(text: string): unknown {
  if (text === '') return null;
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}

function dataOfBytes(bytes: Uint8Array): Data {
  const text = modules.encoding().decodeStrictUtf8(bytes);
  return text === null ? { value: toBase64(bytes), isBase64: true } : { value: jsonOrText(text), isBase64: false };
}

export function eventOf(incoming: Incoming, { value, isBase64 }: Data): object {
  const path = pathOf(incoming.url);
  return {
    httpMethod: incoming.method,
    path,
    rawPath: path,
    headers: plainHeaders(incoming.headers),
    queryStringParameters: incoming.query ?? queryOf(incoming.url),
    body: value,
    isBase64Encoded: isBase64,
  };
}

/** Host and Content-Length are the transport's. */
function plainHeaders(list: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < list.length; i += 2) {
    const name = toLowerCase(list[i] as string);
    const value = list[i + 1] as string;
    if (name === 'host' || name === 'content-length') continue;
    put(headers, name, hasOwn(headers, name) ? `${headers[name]}, ${value}` : value);
  }
  return headers;
}

/** Who calls, as a function sees it: for every invocation an object of its own. */
interface User {
  readonly id: string | null;
  readonly email: string | null;
  readonly roles: readonly string[];
}

function userOf({ principal }: Incoming): User {
  if (principal === null) return { id: null, email: null, roles: [] };
  return { id: principal[0], email: principal[1], roles: principal[2] };
}

interface WithConsole {
  readonly console: { info(...args: unknown[]): void };
}

/**
 * The second argument of `fetch`'s kin. What can be called is made when it is read, and can be called without its object;
 * so are the host's services, of which most invocations read none.
 */
export class InvocationContext {
  readonly #incoming: Incoming;
  readonly env: object;
  #user: User | null = null;
  #capabilities: Capabilities | null = null;

  constructor(incoming: Incoming, env: object) {
    this.#incoming = incoming;
    this.env = env;
  }

  get waitUntil(): (promise: unknown) => void {
    return (promise) => this.#incoming.waitUntil(promise);
  }

  /** There is no origin behind a function to pass on to. */
  passThroughOnException(): void {}

  get user(): User {
    return (this.#user ??= userOf(this.#incoming));
  }

  get invocationId(): string {
    return this.#incoming.invocationId;
  }

  get kv(): object {
    return this.#services().kv;
  }

  get db(): object {
    return this.#services().db;
  }

  get email(): object {
    return this.#services().email;
  }

  get publish(): Capabilities['publish'] {
    return this.#services().publish;
  }

  get vm(): object {
    return this.#services().vm;
  }

  /** Whatever console the function has made of its own. */
  get log(): (...args: unknown[]) => void {
    return (...args) => (globalThis as unknown as WithConsole).console.info(...args);
  }

  #services(): Capabilities {
    return (this.#capabilities ??= new Capabilities(rpcCallOf(this.#incoming)));
  }
}

rename(InvocationContext, 'ExecutionContext');

/** The second argument of `handler`. */
export class LambdaContext extends InvocationContext {
  readonly #incoming: Incoming;
  readonly functionName: string;
  readonly awsRequestId: string;
  readonly memoryLimitInMB: string;

  constructor(incoming: Incoming, spec: HandlerSpec, env: object) {
    super(incoming, env);
    this.#incoming = incoming;
    this.functionName = spec.functionName;
    this.awsRequestId = incoming.invocationId;
    this.memoryLimitInMB = toText(spec.memoryMb);
  }

  get getRemainingTimeInMillis(): () => number {
    return () => this.#incoming.remainingMs();
  }
}

rename(LambdaContext, 'Context');

/** `ctx` of a script body. */
export class ScriptContext extends InvocationContext {
  readonly data: unknown;
  readonly request: object;
  readonly fetch: typeof scriptFetch;

  constructor(incoming: Incoming, data: unknown, env: object) {
    super(incoming, env);
    this.data = data;
    this.request = sentRequestOf(incoming);
    this.fetch = host.bindContext(scriptFetch);
  }
}

rename(ScriptContext, 'Context');
