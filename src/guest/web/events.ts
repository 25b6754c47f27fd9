/** EventTarget, as the DOM standard has it where there is no tree. */

import { reportException } from './engine.ts';
import {
  begin,
  end,
  Event,
  isCanceled,
  isDispatching,
  isEvent,
  isPropagationStopped,
  isStopped,
  setPassive,
  setTrusted,
  typeOf,
} from './event.ts';
import { defineInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { apply, isObject, push, domString, TypeError } from './primordials.ts';

export { Event };

interface Listener {
  readonly type: string;
  readonly callback: object;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
}

/** A target that stands for `face`, whose own methods can't hold listeners: the global object. */
export let targetFor: (face: object) => EventTarget;
/** Dispatches an event of the platform's own; returns false if a listener canceled it. */
export let fireTrusted: (target: EventTarget, event: Event) => boolean;
export let hasListeners: (target: EventTarget, type: string) => boolean;

export class EventTarget {
  #listeners: Listener[] = [];
  #face: object = this;

  static {
    targetFor = (face) => {
      const target = new EventTarget();
      target.#face = face;
      return target;
    };
    fireTrusted = (target, event) => {
      setTrusted(event, true);
      return target.#dispatch(event);
    };
    hasListeners = (target, type) => {
      for (let i = 0; i < target.#listeners.length; i++)
        if ((target.#listeners[i] as Listener).type === type) return true;
      return false;
    };
  }

  addEventListener(type: unknown, callback: unknown, options: unknown = undefined): void {
    requireArguments(arguments.length, 2, 'EventTarget.addEventListener()');
    const name = domString(type);
    const listener = listenerOf(callback);
    const { capture, once, passive, signal } = optionsOf(options);
    const abort = signal === undefined ? null : modules.abort();
    const aborted = abort?.requireSignal(signal).aborted ?? false;
    const captures = Boolean(capture);
    if (listener === null || aborted || this.#find(name, listener, captures) !== null) return;
    const added: Listener = {
      type: name,
      callback: listener,
      capture: captures,
      once: Boolean(once),
      passive: Boolean(passive),
      removed: false,
    };
    push(this.#listeners, added);
    abort?.onAbort(signal, () => this.#drop(added));
  }

  removeEventListener(type: unknown, callback: unknown, options: unknown = undefined): void {
    requireArguments(arguments.length, 2, 'EventTarget.removeEventListener()');
    const name = domString(type);
    const listener = listenerOf(callback);
    const found = this.#find(name, listener, Boolean(optionsOf(options).capture));
    if (found !== null) this.#drop(found);
  }

  dispatchEvent(event: unknown): boolean {
    requireArguments(arguments.length, 1, 'EventTarget.dispatchEvent()');
    if (!isEvent(event)) throw new TypeError('dispatchEvent() needs an Event');
    if (isDispatching(event))
      throw new (modules.domException().DOMException)('The event is being dispatched', 'InvalidStateError');
    setTrusted(event, false);
    return this.#dispatch(event);
  }

  #dispatch(event: Event): boolean {
    begin(event, this.#face);
    if (!isPropagationStopped(event)) this.#tellAll(event, true);
    if (!isPropagationStopped(event)) this.#tellAll(event, false);
    end(event);
    return !isCanceled(event);
  }

  #tellAll(event: Event, capture: boolean): void {
    const listeners = this.#listeners;
    const count = listeners.length;
    const type = typeOf(event);
    for (let i = 0; i < count && !isStopped(event); i++) {
      const listener = listeners[i] as Listener;
      if (listener.type === type && listener.capture === capture && !listener.removed) this.#tell(listener, event);
    }
  }

  /** What a listener throws is reported; the others still hear the event. */
  #tell(listener: Listener, event: Event): void {
    if (listener.once) this.#drop(listener);
    setPassive(event, listener.passive);
    try {
      const { callback } = listener;
      if (typeof callback === 'function') apply(callback, this.#face, [event]);
      else callHandler(callback, event);
    } catch (error) {
      reportException(error);
    }
    setPassive(event, false);
  }

  #find(type: string, callback: object | null, capture: boolean): Listener | null {
    for (let i = 0; i < this.#listeners.length; i++) {
      const listener = this.#listeners[i] as Listener;
      if (listener.type === type && listener.callback === callback && listener.capture === capture) return listener;
    }
    return null;
  }

  /** The list is replaced, so that a dispatch under way goes on with the one it began with. */
  #drop(listener: Listener): void {
    listener.removed = true;
    const kept: Listener[] = [];
    for (let i = 0; i < this.#listeners.length; i++)
      if (this.#listeners[i] !== listener) push(kept, this.#listeners[i] as Listener);
    this.#listeners = kept;
  }
}
defineInterface(EventTarget, 'EventTarget');

function callHandler(listener: object, event: Event): void {
  const { handleEvent } = listener as { handleEvent?: unknown };
  if (typeof handleEvent !== 'function') throw new TypeError('The listener has no handleEvent()');
  apply(handleEvent, listener, [event]);
}

interface ListenerOptions {
  readonly capture?: unknown;
  readonly once?: unknown;
  readonly passive?: unknown;
  readonly signal?: unknown;
}

const optionsOf = (options: unknown): ListenerOptions =>
  isObject(options) ? options : ({ __proto__: null, capture: options } as ListenerOptions);

function listenerOf(callback: unknown): object | null {
  if (callback === null || callback === undefined) return null;
  if (!isObject(callback)) throw new TypeError('A listener must be a function or an object with handleEvent()');
  return callback;
}
