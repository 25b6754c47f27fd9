/** The kinds of Event that carry something: CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent. */

import { dictionaryOf, Event, isDispatching } from './event.ts';
import { defineInterface, requireArguments } from './interface.ts';
import { freeze, isObject, push, toNumber, domString, TypeError } from './primordials.ts';

type Init = Record<string, unknown> | null | undefined;

const textOf = (value: unknown): string => (value === undefined ? '' : domString(value));
const wholeNumber = (value: unknown): number => (value === undefined ? 0 : toNumber(value) >>> 0);

export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: unknown, init: Init = undefined) {
    requireArguments(arguments.length, 1, 'new CustomEvent()');
    super(type, init);
    const { detail } = dictionaryOf<Record<string, unknown>>(init);
    this.#detail = detail === undefined ? null : detail;
  }

  get detail(): unknown {
    return this.#detail;
  }

  initCustomEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false, detail: unknown = null): void {
    requireArguments(arguments.length, 1, 'CustomEvent.initCustomEvent()');
    if (isDispatching(this)) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

export class ErrorEvent extends Event {
  readonly #message: string;
  readonly #filename: string;
  readonly #lineno: number;
  readonly #colno: number;
  readonly #error: unknown;

  constructor(type: unknown, init: Init = undefined) {
    requireArguments(arguments.length, 1, 'new ErrorEvent()');
    super(type, init);
    const { message, filename, lineno, colno, error } = dictionaryOf<Record<string, unknown>>(init);
    this.#message = textOf(message);
    this.#filename = textOf(filename);
    this.#lineno = wholeNumber(lineno);
    this.#colno = wholeNumber(colno);
    this.#error = error;
  }

  get message(): string {
    return this.#message;
  }

  get filename(): string {
    return this.#filename;
  }

  get lineno(): number {
    return this.#lineno;
  }

  get colno(): number {
    return this.#colno;
  }

  get error(): unknown {
    return this.#error;
  }
}

/** What a port tells its listeners. `ports` must be nobody else's. */
export let messageOf: (data: unknown, ports: readonly object[]) => MessageEvent;

export class MessageEvent extends Event {
  #data: unknown;
  #origin: string;
  #lastEventId: string;
  #source: unknown;
  #ports: readonly unknown[];

  static {
    messageOf = (data, ports) => {
      const event = new MessageEvent('message');
      event.#data = data;
      event.#ports = freeze(ports);
      return event;
    };
  }

  constructor(type: unknown, init: Init = undefined) {
    requireArguments(arguments.length, 1, 'new MessageEvent()');
    super(type, init);
    const { data, origin, lastEventId, source, ports } = dictionaryOf<Record<string, unknown>>(init);
    this.#data = data === undefined ? null : data;
    this.#origin = textOf(origin);
    this.#lastEventId = textOf(lastEventId);
    this.#source = sourceOf(source);
    this.#ports = listOf(ports);
  }

  get data(): unknown {
    return this.#data;
  }

  get origin(): string {
    return this.#origin;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  get source(): unknown {
    return this.#source;
  }

  get ports(): readonly unknown[] {
    return this.#ports;
  }

  initMessageEvent(
    type: unknown,
    bubbles: unknown = false,
    cancelable: unknown = false,
    data: unknown = null,
    origin: unknown = '',
    lastEventId: unknown = '',
    source: unknown = null,
    ports: unknown = undefined,
  ): void {
    requireArguments(arguments.length, 1, 'MessageEvent.initMessageEvent()');
    if (isDispatching(this)) return;
    this.initEvent(type, bubbles, cancelable);
    this.#data = data;
    this.#origin = domString(origin);
    this.#lastEventId = domString(lastEventId);
    this.#source = sourceOf(source);
    this.#ports = listOf(ports);
  }
}

function sourceOf(source: unknown): unknown {
  if (source === undefined || source === null) return null;
  if (!isObject(source)) throw new TypeError('The source of a MessageEvent is not an object');
  return source;
}

function listOf(ports: unknown): readonly unknown[] {
  const list: unknown[] = [];
  if (ports === undefined) return freeze(list);
  if (!isObject(ports)) throw new TypeError('The ports of a MessageEvent are not a list');
  for (const port of ports as Iterable<unknown>) {
    if (!isObject(port)) throw new TypeError('A port of a MessageEvent is not an object');
    push(list, port);
  }
  return freeze(list);
}

export class PromiseRejectionEvent extends Event {
  readonly #promise: unknown;
  readonly #reason: unknown;

  constructor(type: unknown, init: Init) {
    requireArguments(arguments.length, 2, 'new PromiseRejectionEvent()');
    super(type, init);
    const { promise, reason } = dictionaryOf<Record<string, unknown>>(init);
    if (!isObject(promise)) throw new TypeError('A PromiseRejectionEvent needs a promise');
    this.#promise = promise;
    this.#reason = reason;
  }

  get promise(): unknown {
    return this.#promise;
  }

  get reason(): unknown {
    return this.#reason;
  }
}

defineInterface(CustomEvent, 'CustomEvent');
defineInterface(ErrorEvent, 'ErrorEvent');
defineInterface(MessageEvent, 'MessageEvent');
defineInterface(PromiseRejectionEvent, 'PromiseRejectionEvent');
