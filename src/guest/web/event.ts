/** Event, as the DOM standard has it where there is no tree. */

import { elapsedTimeMs } from './clock.ts';
import { defineConstant, defineInterface, requireArguments } from './interface.ts';
import { defineProperty, dictionary, getOwnPropertyDescriptor, isObject, domString, TypeError } from './primordials.ts';

interface EventInit {
  readonly bubbles?: unknown;
  readonly cancelable?: unknown;
  readonly composed?: unknown;
}

/** What dispatching does to an event. */
export let begin: (event: Event, target: object) => void;
export let end: (event: Event) => void;
export let isDispatching: (event: Event) => boolean;
/** Nothing more may hear it: not at all, or not after the listeners of this phase. */
export let isStopped: (event: Event) => boolean;
export let isPropagationStopped: (event: Event) => boolean;
export let setPassive: (event: Event, passive: boolean) => void;
export let isEvent: (value: unknown) => value is Event;
/** It comes from the platform and not from user code. */
export let setTrusted: (event: Event, trusted: boolean) => void;
/** `defaultPrevented`, whatever a subclass says. */
export let isCanceled: (event: Event) => boolean;
export let typeOf: (event: Event) => string;

const NO_MEMBERS: object = dictionary();

/** The members of an options argument. Throws a TypeError for what is no object. */
export function dictionaryOf<T extends object>(value: unknown): Partial<T> {
  if (value === undefined || value === null) return NO_MEMBERS;
  if (!isObject(value)) throw new TypeError('The options are not an object');
  return value;
}

export class Event {
  #type: string;
  #bubbles: boolean;
  #cancelable: boolean;
  readonly #composed: boolean;
  readonly #timeStamp: number = elapsedTimeMs();
  #target: object | null = null;
  #dispatching = false;
  #propagationStopped = false;
  #stopped = false;
  #canceled = false;
  #passive = false;
  #trusted = false;

  static {
    isEvent = (value): value is Event => isObject(value) && #type in value;
    begin = (event, target) => {
      event.#target = target;
      event.#dispatching = true;
    };
    end = (event) => {
      event.#dispatching = event.#stopped = event.#propagationStopped = false;
    };
    isDispatching = (event) => event.#dispatching;
    isStopped = (event) => event.#stopped;
    isPropagationStopped = (event) => event.#propagationStopped;
    isCanceled = (event) => event.#canceled;
    typeOf = (event) => event.#type;
    setPassive = (event, passive) => void (event.#passive = passive);
    setTrusted = (event, trusted) => void (event.#trusted = trusted);
  }

  constructor(type: unknown, init: EventInit | null | undefined = undefined) {
    requireArguments(arguments.length, 1, 'new Event()');
    this.#type = domString(type);
    const { bubbles, cancelable, composed } = dictionaryOf<EventInit>(init);
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#composed = Boolean(composed);
    defineProperty(this, 'isTrusted', unforgeable);
  }

  get type(): string {
    return this.#type;
  }

  get target(): object | null {
    return this.#target;
  }

  get srcElement(): object | null {
    return this.#target;
  }

  get currentTarget(): object | null {
    return this.#dispatching ? this.#target : null;
  }

  composedPath(): object[] {
    return this.#dispatching && this.#target !== null ? [this.#target] : [];
  }

  get eventPhase(): number {
    return this.#dispatching ? AT_TARGET : 0;
  }

  /** There is no tree to go up, so it has nothing to stop once the target's own listeners have been told. */
  stopPropagation(): void {
    this.#propagationStopped = true;
  }

  get cancelBubble(): boolean {
    return this.#propagationStopped;
  }

  set cancelBubble(value: unknown) {
    if (value) this.#propagationStopped = true;
  }

  stopImmediatePropagation(): void {
    this.#propagationStopped = this.#stopped = true;
  }

  get bubbles(): boolean {
    return this.#bubbles;
  }

  get cancelable(): boolean {
    return this.#cancelable;
  }

  get returnValue(): boolean {
    return !this.#canceled;
  }

  set returnValue(value: unknown) {
    if (!value) this.preventDefault();
  }

  preventDefault(): void {
    if (this.#cancelable && !this.#passive) this.#canceled = true;
  }

  get defaultPrevented(): boolean {
    return this.#canceled;
  }

  get composed(): boolean {
    return this.#composed;
  }

  get timeStamp(): number {
    return this.#timeStamp;
  }

  initEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false): void {
    requireArguments(arguments.length, 1, 'Event.initEvent()');
    const name = domString(type);
    if (this.#dispatching) return;
    this.#type = name;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#target = null;
    this.#propagationStopped = this.#stopped = this.#canceled = this.#trusted = false;
  }

  /** Moved to each event itself, where nothing can take its place. */
  get isTrusted(): boolean {
    return this.#trusted;
  }
}

const AT_TARGET = 2;
const PHASES = ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'];

const unforgeable = {
  __proto__: null,
  get: (getOwnPropertyDescriptor(Event.prototype, 'isTrusted') as PropertyDescriptor).get,
  enumerable: true,
  configurable: false,
};
delete (Event.prototype as { isTrusted?: boolean }).isTrusted;
defineInterface(Event, 'Event');
for (let phase = 0; phase < PHASES.length; phase++) defineConstant(Event, PHASES[phase] as string, phase);
