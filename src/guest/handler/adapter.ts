/**
 * The adapter: every convention by which code may offer a handler, as one function.
 *
 * The convention is decided once, when the code has loaded. What the hot path then does for one invocation is a call
 * and a look at the result: a request that nobody reads is two objects, and a handler that answers at once costs no
 * promise.
 */

import { chain, resolved } from '../web/engine.ts';
import { apply, dictionary, getPrototypeOf, isObject, join, Promise, push } from '../web/primordials.ts';
import { isResponse, Response } from '../web/response.ts';
import { AdapterFault, badResponse } from './adapter-fault.ts';
import { eventOf, InvocationContext, LambdaContext, ScriptContext, withData } from './event.ts';
import { frozenCopy, installHandlerGlobals, removeFromScripts } from './globals.ts';
import type { HandlerSpec, Incoming, Outgoing, Registered } from './incoming.ts';
import { outgoingOf, upgraded } from './outgoing.ts';
import { requestOf, sentRequestOf } from './request.ts';
import { valueReplyOf } from './value-reply.ts';

export { installHandlerGlobals, removeFromScripts };

type Callable = (...args: unknown[]) => unknown;
/** Calls the user's handler for one invocation. */
type Call = (incoming: Incoming) => unknown;
type Named = Readonly<Record<string, unknown>>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * The handler among the exports, or the one that was registered. Throws an AdapterFault HANDLER_MISSING where there is
 * none. What it returns throws or rejects with the handler's own error, or with an AdapterFault for its result.
 */
export function resolveHandler(
  exports: unknown,
  registered: Registered,
  spec: HandlerSpec,
): (incoming: Incoming) => Promise<Outgoing> | Outgoing {
  const env = frozenCopy(spec.env);
  const call = spec.kind === 'script' ? scriptCall(exports, env) : moduleCall(exports, registered, spec, env);
  return (incoming) => settle(call(incoming), incoming, spec.responseBytes);
}

/** A result that is there is answered at once; one to come, when it comes. */
function settle(result: unknown, incoming: Incoming, maxBytes: number): Outgoing | Promise<Outgoing> {
  const answer = (value: unknown): Outgoing | Promise<Outgoing> => {
    if (incoming.reply !== 'http') return valueReplyOf(value, maxBytes);
    const outgoing = outgoingOf(value);
    return outgoing.status === 101 ? upgraded(value, incoming, outgoing) : outgoing;
  };
  if (isResponse(result) || !isObject(result)) return answer(result);
  const { then } = result as { then?: unknown };
  if (typeof then !== 'function') return answer(result);
  if (isPromise(result)) return chain(result, answer);
  return chain(new Promise((resolve, reject) => void apply(then, result, [resolve, reject])), answer);
}

/** A promise of the engine's own with nothing of the user's on it: one fewer is made. */
const promisePrototype = Promise.prototype;
const isPromise = (value: object): value is Promise<unknown> =>
  value instanceof Promise && getPrototypeOf(value) === promisePrototype;

function scriptCall(exports: unknown, env: object): Call {
  const body = isObject(exports) ? (exports as Named)['default'] : undefined;
  if (typeof body !== 'function') throw missing();
  return (incoming) => withData(incoming, ({ value }) => (body as Callable)(new ScriptContext(incoming, value, env)));
}

function moduleCall(exports: unknown, registered: Registered, spec: HandlerSpec, env: object): Call {
  const named = (isObject(exports) ? exports : {}) as Named;
  const standard = named['default'];
  const call =
    namedCall(named, standard, spec, env) ??
    fetchCall(standard, env) ??
    functionCall(standard, env) ??
    methodsCall(named, env) ??
    serveCall(registered) ??
    listenerCall(registered) ??
    fetchCall(exports, env) ??
    functionCall(exports, env);
  if (call === null) throw missing();
  return call;
}

function missing(): AdapterFault {
  return new AdapterFault(
    'HANDLER_MISSING',
    'The code has no handler: export a default function, export default { fetch }, export handler(event, context) or functions named GET, POST …, set module.exports, or call Deno.serve() or addEventListener("fetch")',
  );
}

/** `handler(event, context)`, also where a bundler put all of module.exports under `default`. */
function namedCall(named: Named, standard: unknown, spec: HandlerSpec, env: object): Call | null {
  if (spec.name === 'default') return null;
  let handler = named[spec.name];
  if (typeof handler !== 'function' && typeof standard === 'object' && standard !== null)
    handler = (standard as Named)[spec.name];
  if (typeof handler !== 'function') return null;
  return (incoming) => {
    const context = new LambdaContext(incoming, spec, env);
    if (incoming.reply === 'value') return (handler as Callable)(sentRequestOf(incoming), context);
    return withData(incoming, (data) => (handler as Callable)(eventOf(incoming, data), context));
  };
}

/** `{ fetch(request, env, ctx) }`, looked up at each call, so that it keeps its `this`. */
function fetchCall(owner: unknown, env: object): Call | null {
  if (!isObject(owner) || typeof (owner as { fetch?: unknown }).fetch !== 'function') return null;
  return (incoming) =>
    (owner as { fetch: Callable }).fetch(requestOf(incoming), env, new InvocationContext(incoming, env));
}

function functionCall(handler: unknown, env: object): Call | null {
  if (typeof handler !== 'function') return null;
  return (incoming) => (handler as Callable)(sentRequestOf(incoming), new InvocationContext(incoming, env));
}

/** `GET`, `POST` …; HEAD is answered by GET where it has no function of its own. */
function methodsCall(named: Named, env: object): Call | null {
  const handlers = dictionary<Callable>();
  const offered: string[] = [];
  for (let i = 0; i < METHODS.length; i++) {
    const method = METHODS[i] as string;
    if (typeof named[method] !== 'function') continue;
    handlers[method] = named[method] as Callable;
    push(offered, method);
  }
  if (offered.length === 0) return null;
  handlers['HEAD'] ??= handlers['GET'] as Callable;
  const allow = join(offered, ', ');
  return (incoming) => {
    const handler = handlers[incoming.method];
    if (handler === undefined) return new Response(null, { status: 405, headers: { allow } });
    return handler(requestOf(incoming), new InvocationContext(incoming, env));
  };
}

function serveCall({ serve }: Registered): Call | null {
  return serve === null ? null : (incoming) => serve(requestOf(incoming), new ServeInfo(incoming));
}

class ServeInfo {
  readonly #incoming: Incoming;

  constructor(incoming: Incoming) {
    this.#incoming = incoming;
  }

  get remoteAddr(): object {
    return { transport: 'tcp', hostname: this.#incoming.clientAddress, port: 0 };
  }

  /** The response's fate is the host's to know. */
  get completed(): Promise<void> {
    return resolved(undefined);
  }
}

function listenerCall({ fetchListeners }: Registered): Call | null {
  if (fetchListeners.length === 0) return null;
  return (incoming) => {
    const event = new FetchEvent(incoming);
    for (let i = 0; i < fetchListeners.length && !hasResponded(event); i++) (fetchListeners[i] as Callable)(event);
    return responseOf(event);
  };
}

let hasResponded: (event: FetchEvent) => boolean;
let responseOf: (event: FetchEvent) => unknown;

class FetchEvent {
  readonly type = 'fetch';
  readonly request: object;
  readonly #incoming: Incoming;
  #response: { readonly value: unknown } | null = null;

  static {
    hasResponded = (event) => event.#response !== null;
    responseOf = (event) => {
      if (event.#response === null) throw badResponse('No listener for fetch called event.respondWith()');
      return event.#response.value;
    };
  }

  constructor(incoming: Incoming) {
    this.#incoming = incoming;
    this.request = requestOf(incoming);
  }

  respondWith(response: unknown): void {
    this.#response = { value: response };
  }

  waitUntil(promise: unknown): void {
    this.#incoming.waitUntil(promise);
  }
}
