/**
 * installWeb: the web-standard API on a bare engine's global object.
 *
 * A sandbox pays for what it touches. Requests, responses, headers and timers are here from the start; everything
 * heavier is a getter that loads its module at first touch and then becomes an ordinary property.
 */

import { host, setEngine } from './engine.ts';
import { Headers } from './headers.ts';
import type { WebHost } from './host.ts';
import * as modules from './modules.ts';
import { hide, rename } from './primordials.ts';
import { Request } from './request.ts';
import { Response } from './response.ts';
import { clearTimer, dropTimer, fireTimer, queueMicrotask, setInterval, setTimeout } from './timers.ts';
import { encodeUtf8 } from './utf8.ts';

/** What an engine's bootstrap needs of the API it has installed. */
export interface WebControls {
  /** A delay asked for with `setTimer` has passed. */
  fireTimer(id: number): void;
  /** The host has forgotten a timer of its own accord. Returns whether there was one. */
  dropTimer(id: number): boolean;
  makeStream(source: object, strategy: object): ReadableStream;
  encode(text: string): Uint8Array;
}

/** Puts the API on `target`. Call it after the engine has replaced `Promise.prototype.then`, before any user code. */
export function installWeb(target: object, services: WebHost): WebControls {
  setEngine(services);
  const eager: Record<string, unknown> = {
    self: target,
    Headers,
    Request,
    Response,
    setTimeout,
    setInterval,
    clearTimeout: clearTimer,
    clearInterval: clearTimer,
    queueMicrotask,
    reportError: (error: unknown) => host.reportError(error),
  };
  for (const name of Object.keys(eager)) expose(target, name, eager[name]);
  for (const [load, names] of LAZY) for (const name of names) defineLazy(target, name, load);
  return {
    fireTimer,
    dropTimer,
    makeStream: (source, strategy) => modules.streams().makeStream(source, strategy),
    encode: encodeUtf8,
  };
}

const navigator = { navigator: { userAgent: 'Cordon' } };

const LAZY: readonly (readonly [load: () => object, names: readonly string[]])[] = [
  [modules.console, ['console']],
  [modules.url, ['URL', 'URLSearchParams']],
  [modules.encoding, ['TextEncoder', 'TextDecoder', 'TextEncoderStream', 'TextDecoderStream']],
  [modules.events, ['Event', 'EventTarget', 'CustomEvent']],
  [modules.abort, ['AbortController', 'AbortSignal']],
  [modules.domException, ['DOMException']],
  [modules.crypto, ['crypto', 'Crypto']],
  [modules.base64, ['atob', 'btoa']],
  [modules.cloning, ['structuredClone']],
  [modules.performance, ['performance', 'Performance']],
  [modules.fetching, ['fetch']],
  [() => navigator, ['navigator']],
  [
    modules.streams,
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

/** Read, it loads its module and becomes the value; assigned, it becomes what was assigned. */
function defineLazy(target: object, name: string, load: () => object): void {
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: false,
    get(): unknown {
      const value = (load() as Record<string, unknown>)[name];
      if (value !== undefined) expose(target, name, value);
      return value;
    },
    set(value: unknown): void {
      hide(target, name, value);
    },
  });
}

/** Under its own name, whatever the bundler has called it. */
function expose(target: object, name: string, value: unknown): void {
  if (typeof value === 'function' && value.name !== name) rename(value, name);
  hide(target, name, value);
}
