/** EventSource, as the HTML standard has it: a stream of events over fetch's own way out, taken up again where it broke off. */

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { dictionaryOf, Event } from './event.ts';
import { defineHandler } from './event-handler.ts';
import { ErrorEvent, MessageEvent } from './event-kinds.ts';
import { EventTarget, fireTrusted } from './events.ts';
import { EventStream, type StreamListener } from './event-stream.ts';
import { defineConstant, defineInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { domString, max, toWellFormed } from './primordials.ts';
import { clearTimer, startTimer } from './timers.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

const DEFAULT_RETRY_MS = 3_000;
/** Whatever the server says. */
const MIN_RETRY_MS = 50;
/** Of one event, as far as it has come. */
const MAX_EVENT_UNITS = 1024 * 1024;

interface EventSourceInit {
  readonly withCredentials?: unknown;
}

export class EventSource extends EventTarget {
  readonly #url: string;
  readonly #withCredentials: boolean;
  #readyState: number = CONNECTING;
  #lastEventId = '';
  #retryMs = DEFAULT_RETRY_MS;
  #stream: EventStream | null = null;
  #timer = 0;

  constructor(url: unknown, init: EventSourceInit | null | undefined = undefined) {
    requireArguments(arguments.length, 1, 'new EventSource()');
    super();
    this.#url = addressOf(toWellFormed(domString(url)));
    this.#withCredentials = Boolean(dictionaryOf<EventSourceInit>(init).withCredentials);
    this.#connect();
  }

  get url(): string {
    return this.#url;
  }

  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  get readyState(): number {
    return this.#readyState;
  }

  close(): void {
    this.#readyState = CLOSED;
    clearTimer(this.#timer);
    this.#stream?.cancel();
  }

  #connect(): void {
    const stream = new EventStream(this.#listener());
    this.#stream = stream;
    stream.start(this.#url, this.#lastEventId);
  }

  #listener(): StreamListener {
    let origin = '';
    const parser = createParser({
      maxBufferSize: MAX_EVENT_UNITS,
      onEvent: (event) => this.#message(event, origin),
      onRetry: (retryMs) => void (this.#retryMs = max(retryMs, MIN_RETRY_MS)),
      onError: ({ type, message }) => {
        if (type !== 'max-buffer-size-exceeded') return;
        this.#stream?.cancel();
        this.#fail(message);
      },
    });
    return {
      opened: (from) => {
        origin = from;
        if (this.#readyState === CLOSED) return;
        this.#readyState = OPEN;
        fireTrusted(this, new Event('open'));
      },
      text: (text) => {
        if (this.#readyState === OPEN) parser.feed(text);
      },
      broken: () => this.#retry(),
      refused: (reason) => this.#fail(reason),
    };
  }

  #message({ id, event, data }: EventSourceMessage, origin: string): void {
    if (id !== undefined) this.#lastEventId = id;
    if (this.#readyState !== OPEN) return;
    const init = { __proto__: null, data, origin, lastEventId: this.#lastEventId };
    fireTrusted(this, new MessageEvent(event ?? 'message', init));
  }

  /** The connection is gone, and is made again after a while. */
  #retry(): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CONNECTING;
    fireTrusted(this, new Event('error'));
    // A listener may have closed it.
    if (this.readyState === CLOSED) return;
    this.#timer = startTimer(() => {
      if (this.#readyState !== CLOSED) this.#connect();
    }, this.#retryMs);
  }

  /** For good. */
  #fail(message: string): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    fireTrusted(this, new ErrorEvent('error', { __proto__: null, message }));
  }
}

defineConstant(EventSource, 'CONNECTING', CONNECTING);
defineConstant(EventSource, 'OPEN', OPEN);
defineConstant(EventSource, 'CLOSED', CLOSED);
defineHandler(EventSource.prototype, 'open');
defineHandler(EventSource.prototype, 'message');
defineHandler(EventSource.prototype, 'error');
defineInterface(EventSource, 'EventSource');

/** Throws a SyntaxError. */
function addressOf(text: string): string {
  const { basicURLParse, serializeURL } = modules.urlParser();
  const record = basicURLParse(text);
  if (record === null) {
    const { DOMException } = modules.domException();
    throw new DOMException('The URL of the EventSource is not valid', 'SyntaxError');
  }
  return serializeURL(record);
}
