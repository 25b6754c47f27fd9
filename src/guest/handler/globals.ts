/** The globals through which code registers a handler while it loads, and what it expects beside them. */

import { chain, resolved } from '../web/engine.ts';
import * as modules from '../web/modules.ts';
import { freeze, hasOwn, hide, isObject, keysOf, Promise, push, put, toText, TypeError } from '../web/primordials.ts';
import { headOf, isRequest } from '../web/request.ts';
import type { Incoming, Registered } from './incoming.ts';

type Serve = NonNullable<Registered['serve']>;

/**
 * Puts `Deno`, `EdgeRuntime`, `env` and the listeners of the global scope on `target`. `currentCall` tells which
 * invocation the code that runs now belongs to, null where it belongs to none.
 */
export function installHandlerGlobals(
  target: object,
  given: Readonly<Record<string, string>>,
  currentCall: () => Pick<Incoming, 'waitUntil'> | null,
): Registered {
  const registered: Registered = { serve: null, fetchListeners: [] };
  const env = frozenCopy(given);
  hide(target, 'env', env);
  hide(target, 'Deno', denoOf(env, registered));
  hide(target, 'EdgeRuntime', freeze({ waitUntil: (promise: unknown) => waitUntilOf(currentCall())(promise) }));
  installListeners(target, registered);
  return registered;
}

/** What a script body has no global for: it reaches the outside by its `ctx`. */
const NOT_FOR_SCRIPTS = ['fetch', 'WebSocket', 'EventSource', 'process', 'Bun', 'require', 'module'];

export function removeFromScripts(target: object): void {
  for (let i = 0; i < NOT_FOR_SCRIPTS.length; i++)
    delete (target as Record<string, unknown>)[NOT_FOR_SCRIPTS[i] as string];
}

/** The function's environment; what one invocation could change, another would see. */
export function frozenCopy(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const copy = {};
  const names = keysOf(env);
  for (let i = 0; i < names.length; i++) put(copy, names[i] as string, env[names[i] as string]);
  return freeze(copy);
}

function denoOf(env: Readonly<Record<string, string>>, registered: Registered): object {
  return {
    serve(first: unknown, second?: unknown): object {
      registered.serve = serveHandlerOf(first, second);
      const onListen = optionOf(first, 'onListen') ?? optionOf(second, 'onListen');
      onListen?.(SERVER.addr);
      return SERVER;
    },
    upgradeWebSocket: (request: unknown, options?: object) =>
      modules.webSocketServer().upgrade(asksForWebSocket(request), options),
    // What packages look at to tell runtimes apart.
    version: { deno: '2.0.0 (compatible, by Cordon)' },
    env: {
      get: (name: unknown) => (hasOwn(env, toText(name)) ? env[toText(name)] : undefined),
      has: (name: unknown) => hasOwn(env, toText(name)),
      toObject: () => ({ ...env }),
    },
  };
}

function asksForWebSocket(request: unknown): boolean {
  return isRequest(request) && headOf(request).headers.get('upgrade') === 'websocket';
}

/** Of `serve(handler)`, `serve(options, handler)`, `serve({ handler })`. */
function serveHandlerOf(first: unknown, second: unknown): Serve {
  const handler = handlerIn(first) ?? handlerIn(second);
  if (handler === null) throw new TypeError('Deno.serve() needs a handler');
  const onError = optionOf(first, 'onError') ?? optionOf(second, 'onError');
  return onError === null ? handler : answeringErrors(handler, onError);
}

const handlerIn = (argument: unknown): Serve | null =>
  typeof argument === 'function' ? (argument as Serve) : optionOf(argument, 'handler');

type Callback = (...args: unknown[]) => unknown;

function optionOf(options: unknown, name: 'handler' | 'onError' | 'onListen'): Callback | null {
  if (!isObject(options) || typeof options === 'function') return null;
  const option = (options as Record<string, unknown>)[name];
  return typeof option === 'function' ? (option as Callback) : null;
}

/** What `handler` throws or rejects with is for `onError` to answer. */
function answeringErrors(handler: Serve, onError: Callback): Serve {
  return (request, info) => {
    let result: unknown;
    try {
      result = handler(request, info);
    } catch (error) {
      return onError(error);
    }
    return result instanceof Promise ? chain(result, (value) => value, onError) : result;
  };
}

/** There is no listening socket here; what is asked of one answers as if it stood there for good. */
const SERVER = {
  addr: { transport: 'tcp', hostname: '0.0.0.0', port: 8000 },
  finished: new Promise<never>(() => undefined),
  shutdown: (): Promise<void> => resolved(undefined),
  ref: (): void => undefined,
  unref: (): void => undefined,
};

function waitUntilOf(call: Pick<Incoming, 'waitUntil'> | null): (promise: unknown) => void {
  if (call === null) throw new TypeError('EdgeRuntime.waitUntil() can be called while a request is handled only');
  return (promise) => call.waitUntil(promise);
}

/** Listeners for `fetch` are handlers; the others are the web API's own. */
function installListeners(target: object, registered: Registered): void {
  const { addEventListener: listen } = target as { readonly addEventListener: Listen };
  hide(target, 'addEventListener', (type: unknown, listener: unknown, options?: unknown) => {
    if (type !== 'fetch') return listen(type, listener, options);
    push(registered.fetchListeners, fetchListenerOf(listener));
  });
}

type Listen = (type: unknown, listener: unknown, options?: unknown) => void;

function fetchListenerOf(listener: unknown): (event: unknown) => unknown {
  if (typeof listener === 'function') return listener as (event: unknown) => unknown;
  if (!isObject(listener)) throw new TypeError("addEventListener('fetch') needs a function");
  return (event) => (listener as { handleEvent(event: unknown): unknown }).handleEvent(event);
}
