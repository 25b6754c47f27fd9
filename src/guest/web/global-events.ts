/**
 * The global object as an EventTarget, and what it is told: an `error` for whatever nobody caught, the promises that were
 * rejected, and `beforeunload` with its reason.
 *
 * Whoever listens shares the isolate with the code that failed, so it hears nothing that is not its own function's.
 */

import { hearExceptions, setScopeEvents } from './engine.ts';
import { defineHandler } from './event-handler.ts';
import { CustomEvent, ErrorEvent, PromiseRejectionEvent } from './event-kinds.ts';
import { fireTrusted, hasListeners, targetFor, type EventTarget } from './events.ts';
import { apply, exec, isObject, split, stringIndexOf, toNumber, toText } from './primordials.ts';

export const scope: EventTarget = targetFor(globalThis);

const handlers = {};
for (const type of ['unhandledrejection', 'rejectionhandled', 'beforeunload'])
  defineHandler(handlers, type, { targetOf: () => scope });
defineHandler(handlers, 'error', {
  targetOf: () => scope,
  call(handler, _owner, event) {
    const { message, filename, lineno, colno, error } = event as ErrorEvent;
    if (apply(handler, globalThis, [message, filename, lineno, colno, error]) === true) event.preventDefault();
  },
});

type Handlers = Record<string, unknown>;
/** `onerror` and its like, read and assigned. */
export const readHandler = (name: string): unknown => (handlers as Handlers)[name];
export const setHandler = (name: string, value: unknown): void => void ((handlers as Handlers)[name] = value);

let reporting = false;

hearExceptions((error) => {
  // What an error listener throws goes to the host at once, else it would be told of it again.
  if (reporting || !hasListeners(scope, 'error')) return false;
  reporting = true;
  try {
    return !fireTrusted(
      scope,
      new ErrorEvent('error', { __proto__: null, ...placeOf(error), cancelable: true, error }),
    );
  } finally {
    reporting = false;
  }
});

setScopeEvents({
  rejected: (promise, reason) => !fireRejection('unhandledrejection', promise, reason),
  handledLater: (promise, reason) => void fireRejection('rejectionhandled', promise, reason),
  beforeUnload: (reason) => {
    if (!hasListeners(scope, 'beforeunload')) return;
    const detail = { reason };
    fireTrusted(scope, new CustomEvent('beforeunload', { __proto__: null, cancelable: true, detail }));
  },
});

/** Returns false if a listener canceled it. */
function fireRejection(type: string, promise: object, reason: unknown): boolean {
  if (!hasListeners(scope, type)) return true;
  const cancelable = type === 'unhandledrejection';
  return fireTrusted(scope, new PromiseRejectionEvent(type, { __proto__: null, cancelable, promise, reason }));
}

/** What a browser says of an error beside the error itself; the place is that of the first frame of user code. */
function placeOf(error: unknown): Record<string, unknown> {
  const place = { message: 'Uncaught error', filename: '', lineno: 0, colno: 0 };
  try {
    place.message = `Uncaught ${toText(error)}`;
    const stack = isObject(error) ? (error as { stack?: unknown }).stack : undefined;
    const lines = typeof stack === 'string' ? split(stack, '\n') : [];
    for (let i = 1; i < lines.length; i++) {
      const frame = exec(/^ {4}at (?:.* \()?([^()]+):(\d+):(\d+)\)?$/, lines[i] as string);
      if (frame === null || stringIndexOf(lines[i] as string, 'cordon:') !== -1) continue;
      place.filename = frame[1] as string;
      place.lineno = toNumber(frame[2]);
      place.colno = toNumber(frame[3]);
      break;
    }
  } catch {
    // An error that can't be read is reported without a place.
  }
  return place;
}
