/**
 * installWeb: the web-standard API on a bare engine's global object.
 *
 * A sandbox pays for what it touches. Requests, responses, headers and timers are here from the start; everything
 * heavier is a getter that loads its module at first touch and then becomes an ordinary property.
 */

import { newTurn } from './clock.ts';
import { host, reportException, scopeEvents, setEngine } from './engine.ts';
import { requireArguments } from './interface.ts';
import type { WebHost } from './host.ts';
import { headersInterface, requestInterface, responseInterface } from './messages.ts';
import * as modules from './modules.ts';
import { defineAccessor, getOwnPropertyDescriptor, hide, rename } from './primordials.ts';
import { clearTimer, dropTimer, fireTimer, limitTimers, queueMicrotask, setInterval, setTimeout } from './timers.ts';
import { encodeUtf8 } from './utf8.ts';

/** What an engine's bootstrap needs of the API it has installed. */
export interface WebControls {
  /** A delay asked for with `setTimer` has passed. */
  fireTimer(id: number): void;
  /** The host has forgotten a timer of its own accord. Returns whether there was one. */
  dropTimer(id: number): boolean;
  /** How many may wait; 10,000 until it is said. */
  limitTimers(max: number): void;
  makeStream(source: object, strategy: object): ReadableStream;
  /** The clock goes on. */
  newTurn(): void;
  encode(text: string): Uint8Array;
  /** Tells who listens of a rejection that nobody handled. Returns true if no more should come of it. */
  rejected(promise: object, reason: unknown): boolean;
  /** Tells who listens that such a one has been handled after all. */
  handledLater(promise: object, reason: unknown): void;
  /** Tells who listens that the end comes, and why. */
  beforeUnload(reason: string): void;
}

/** Puts the API on `target`. Call it after the engine has replaced `Promise.prototype.then`, before any user code. */
export function installWeb(target: object, services: WebHost): WebControls {
  setEngine(services);
  const eager: Record<string, unknown> = {
    self: target,
    setTimeout,
    setInterval,
    clearTimeout: clearTimer,
    clearInterval: clearTimer,
    queueMicrotask,
    reportError(error: unknown): void {
      requireArguments(arguments.length, 1, 'reportError()');
      reportException(error);
    },
  };
  for (const name of Object.keys(eager)) expose(target, name, eager[name]);
  for (const [load, names] of LAZY) defineLazy(target, names, load);
  installGlobalEvents(target);
  return {
    fireTimer,
    dropTimer,
    limitTimers,
    newTurn,
    makeStream: (source, strategy) => modules.streams().makeStream(source, strategy),
    encode: encodeUtf8,
    rejected: (promise, reason) => scopeEvents?.rejected(promise, reason) ?? false,
    handledLater: (promise, reason) => scopeEvents?.handledLater(promise, reason),
    beforeUnload: (reason) => scopeEvents?.beforeUnload(reason),
  };
}

const navigator = { navigator: { userAgent: 'Cordon' } };

const LAZY: readonly (readonly [load: () => object, names: readonly string[]])[] = [
  [headersInterface, ['Headers']],
  [requestInterface, ['Request']],
  [responseInterface, ['Response']],
  [modules.console, ['console']],
  [modules.url, ['URL', 'URLSearchParams']],
  [modules.urlPattern, ['URLPattern']],
  [modules.encoding, ['TextEncoder', 'TextDecoder']],
  [modules.encodingStreams, ['TextEncoderStream', 'TextDecoderStream']],
  [modules.events, ['Event', 'EventTarget']],
  [modules.eventKinds, ['CustomEvent', 'ErrorEvent', 'MessageEvent', 'PromiseRejectionEvent']],
  [modules.messageChannel, ['MessageChannel', 'MessagePort']],
  [modules.abort, ['AbortController', 'AbortSignal']],
  [modules.domException, ['DOMException']],
  [modules.crypto, ['crypto', 'Crypto']],
  [modules.subtle, ['SubtleCrypto', 'CryptoKey']],
  [modules.compression, ['CompressionStream', 'DecompressionStream']],
  [modules.base64, ['atob', 'btoa']],
  [modules.cloning, ['structuredClone']],
  [
    modules.performance,
    [
      'performance',
      'Performance',
      'PerformanceEntry',
      'PerformanceMark',
      'PerformanceMeasure',
      'PerformanceObserver',
      'PerformanceObserverEntryList',
    ],
  ],
  [modules.fetching, ['fetch']],
  [modules.webSocket, ['WebSocket', 'CloseEvent']],
  [modules.webSocketServer, ['WebSocketPair']],
  [modules.eventSource, ['EventSource']],
  [modules.blob, ['Blob', 'File']],
  [modules.formData, ['FormData']],
  [modules.fileReader, ['FileReader', 'ProgressEvent']],
  [() => navigator, ['navigator']],
  [
    () => modules.streams().standard,
    [
      'ReadableStream',
      'ReadableStreamDefaultReader',
      'ReadableStreamBYOBReader',
      'ReadableStreamDefaultController',
      'ReadableByteStreamController',
      'ReadableStreamBYOBRequest',
      'WritableStream',
      'WritableStreamDefaultWriter',
      'WritableStreamDefaultController',
      'TransformStream',
      'TransformStreamDefaultController',
      'ByteLengthQueuingStrategy',
      'CountQueuingStrategy',
    ],
  ],
];

/**
 * Read, each loads the module, and those of `names` that nobody has replaced become its values; assigned, one becomes
 * what was assigned.
 */
function defineLazy(target: object, names: readonly string[], load: () => object): void {
  const getters: Record<string, unknown> = {};
  const read = (name: string): unknown => {
    const values = load() as Record<string, unknown>;
    for (let i = 0; i < names.length; i++) {
      const other = names[i] as string;
      const isWaiting = getOwnPropertyDescriptor(target, other)?.get === getters[other];
      if (isWaiting && values[other] !== undefined) expose(target, other, values[other]);
    }
    return values[name];
  };
  for (const name of names) {
    const get = (): unknown => read(name);
    const set = (value: unknown): void => hide(target, name, value);
    getters[name] = get;
    // No user code has run yet, and the engine takes a plain object in half the time.
    Object.defineProperty(target, name, { get, set, enumerable: false, configurable: true });
  }
}

/** The methods of an EventTarget and the `on…` of the global scope, whose listeners are loaded with the first of them. */
function installGlobalEvents(target: object): void {
  const scope = (): import('./events.ts').EventTarget => modules.globalEvents().scope;
  const methods = {
    addEventListener: (type: unknown, listener: unknown, options: unknown = undefined) => {
      scope().addEventListener(type, listener, options);
      if (type === 'beforeunload') host.heedUnload?.();
    },
    removeEventListener: (type: unknown, listener: unknown, options: unknown = undefined) =>
      scope().removeEventListener(type, listener, options),
    dispatchEvent: (event: unknown) => scope().dispatchEvent(event),
  };
  for (const name of Object.keys(methods)) expose(target, name, methods[name as 'dispatchEvent']);
  for (const name of ['onerror', 'onunhandledrejection', 'onrejectionhandled', 'onbeforeunload']) {
    const get = (): unknown => modules.globalEvents().readHandler(name);
    const set = (value: unknown): void => {
      modules.globalEvents().setHandler(name, value);
      if (name === 'onbeforeunload') host.heedUnload?.();
    };
    defineAccessor(target, name, get, set, false);
  }
}

/** Under its own name, whatever the bundler has called it. */
function expose(target: object, name: string, value: unknown): void {
  if (typeof value === 'function' && value.name !== name) rename(value, name);
  hide(target, name, value);
}
