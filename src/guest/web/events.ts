/** Event, EventTarget and CustomEvent, as the DOM standard has them where there is no tree. */

import { host } from './engine.ts';
import { apply, isObject, push, toText, TypeError } from './primordials.ts';
import * as modules from './modules.ts';

interface EventInit {
  readonly bubbles?: unknown;
  readonly cancelable?: unknown;
  readonly composed?: unknown;
}

/** What dispatching sets on an event; returns false once nothing more may hear it. */
let begin: (event: Event, target: EventTarget) => void;
let end: (event: Event) => void;
let isDispatching: (event: Event) => boolean;
let isStopped: (event: Event) => boolean;
let setPassive: (event: Event, passive: boolean) => void;
let isEvent: (value: unknown) => value is Event;

export class Event {
  static readonly NONE = 0;
  static readonly CAPTURING_PHASE = 1;
  static readonly AT_TARGET = 2;
  static readonly BUBBLING_PHASE = 3;
  readonly #type: string;
  readonly #init: EventInit;
  readonly #timeStamp: number = host.nowMs();
  #target: EventTarget | null = null;
  #dispatching = false;
  #stopped = false;
  #prevented = false;
  #passive = false;

  static {
    isEvent = (value): value is Event => isObject(value) && #type in value;
    begin = (event, target) => {
      event.#target = target;
      event.#dispatching = true;
    };
    end = (event) => {
      event.#dispatching = event.#stopped = false;
    };
    isDispatching = (event) => event.#dispatching;
    isStopped = (event) => event.#stopped;
    setPassive = (event, passive) => void (event.#passive = passive);
  }

  constructor(type: unknown, init?: EventInit | null) {
    this.#type = toText(type);
    const { bubbles, cancelable, composed } = init ?? {};
    this.#init = { bubbles: Boolean(bubbles), cancelable: Boolean(cancelable), composed: Boolean(composed) };
  }

  get type(): string {
    return this.#type;
  }

  get target(): EventTarget | null {
    return this.#target;
  }

  get srcElement(): EventTarget | null {
    return this.#target;
  }

  get currentTarget(): EventTarget | null {
    return this.#dispatching ? this.#target : null;
  }

  get eventPhase(): number {
    return this.#dispatching ? Event.AT_TARGET : Event.NONE;
  }

  get bubbles(): boolean {
    return this.#init.bubbles as boolean;
  }

  get cancelable(): boolean {
    return this.#init.cancelable as boolean;
  }

  get composed(): boolean {
    return this.#init.composed as boolean;
  }

  get defaultPrevented(): boolean {
    return this.#prevented;
  }

  get timeStamp(): number {
    return this.#timeStamp;
  }

  get isTrusted(): boolean {
    return false;
  }

  composedPath(): EventTarget[] {
    return this.#dispatching && this.#target !== null ? [this.#target] : [];
  }

  /** There is no tree to go up, so it has nothing to stop. */
  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#stopped = true;
  }

  preventDefault(): void {
    if (this.cancelable && !this.#passive) this.#prevented = true;
  }

  get [Symbol.toStringTag](): string {
    return 'Event';
  }
}

export class CustomEvent extends Event {
  readonly #detail: unknown;

  constructor(type: unknown, init?: (EventInit & { readonly detail?: unknown }) | null) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail(): unknown {
    return this.#detail;
  }

  override get [Symbol.toStringTag](): string {
    return 'CustomEvent';
  }
}

interface Listener {
  readonly type: string;
  readonly callback: object;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
}

export class EventTarget {
  #listeners: Listener[] = [];

  addEventListener(type: unknown, callback: unknown, options?: unknown): void {
    if (callback === null || callback === undefined) return;
    if (!isObject(callback)) throw new TypeError('A listener must be a function or an object with handleEvent()');
    const { capture, once, passive, signal } = optionsOf(options);
    const name = toText(type);
    if (signal !== undefined) {
      const { onAbort, requireSignal } = modules.abort();
      if (requireSignal(signal).aborted) return;
      onAbort(signal, () => this.removeEventListener(name, callback, { capture }));
    }
    if (this.#find(name, callback, Boolean(capture)) !== null) return;
    push(this.#listeners, {
      type: name,
      callback,
      capture: Boolean(capture),
      once: Boolean(once),
      passive: Boolean(passive),
      removed: false,
    });
  }

  removeEventListener(type: unknown, callback: unknown, options?: unknown): void {
    const listener = this.#find(toText(type), callback, Boolean(optionsOf(options).capture));
    if (listener !== null) this.#drop(listener);
  }

  dispatchEvent(event: unknown): boolean {
    if (!isEvent(event)) throw new TypeError('dispatchEvent() needs an Event');
    if (isDispatching(event))
      throw new (modules.domException().DOMException)('The event is being dispatched', 'InvalidStateError');
    const listeners = this.#listeners;
    const count = listeners.length;
    begin(event, this);
    for (let i = 0; i < count && !isStopped(event); i++) {
      const listener = listeners[i] as Listener;
      if (listener.type === event.type && !listener.removed) this.#tell(listener, event);
    }
    end(event);
    return !event.defaultPrevented;
  }

  get [Symbol.toStringTag](): string {
    return 'EventTarget';
  }

  /** What a listener throws is reported; the others still hear the event. */
  #tell(listener: Listener, event: Event): void {
    if (listener.once) this.#drop(listener);
    setPassive(event, listener.passive);
    try {
      const { callback } = listener;
      if (typeof callback === 'function') apply(callback, this, [event]);
      else (callback as { handleEvent(event: Event): void }).handleEvent(event);
    } catch (error) {
      host.reportError(error);
    }
    setPassive(event, false);
  }

  #find(type: string, callback: unknown, capture: boolean): Listener | null {
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

interface ListenerOptions {
  readonly capture?: unknown;
  readonly once?: unknown;
  readonly passive?: unknown;
  readonly signal?: unknown;
}

const optionsOf = (options: unknown): ListenerOptions => (isObject(options) ? options : { capture: options });

/** `ontype = listener`: at most one, heard in its turn. Defines the property on `prototype`. */
export function defineHandler(prototype: EventTarget, type: string): void {
  const handlers = new WeakMap<EventTarget, unknown>();
  const tell = function (this: EventTarget, event: Event): void {
    const handler = handlers.get(this);
    if (typeof handler === 'function') apply(handler, this, [event]);
  };
  Object.defineProperty(prototype, `on${type}`, {
    configurable: true,
    enumerable: true,
    get(this: EventTarget): unknown {
      return handlers.get(this) ?? null;
    },
    set(this: EventTarget, handler: unknown): void {
      handlers.set(this, typeof handler === 'function' ? handler : null);
      this.addEventListener(type, tell);
    },
  });
}
