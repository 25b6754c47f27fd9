/**
 * MessageChannel and MessagePort, between two parts of the code of one sandbox. Each message is delivered in a turn of
 * its own, by a timer without a delay, and so belongs to the invocation that posted it.
 */

import { dictionaryOf } from './event.ts';
import { defineHandler } from './event-handler.ts';
import { messageOf } from './event-kinds.ts';
import { EventTarget, fireTrusted } from './events.ts';
import { DOMException } from './dom-exception.ts';
import { defineInterface, illegalConstructor, requireArguments } from './interface.ts';
import { definePlatformKind } from './platform-objects.ts';
import { isObject, push } from './primordials.ts';
import { cloneWithTransfer, transferOf } from './structured-clone.ts';
import { startTimer } from './timers.ts';

const MAKE: unique symbol = Symbol('make');

interface Message {
  readonly data: unknown;
  readonly ports: readonly object[];
}

let entangle: (one: MessagePort, other: MessagePort) => void;
let isPort: (value: unknown) => value is MessagePort;
/** A port that is to take the place of `port`, which has neither queue nor partner any more once it has. */
let movePort: (port: MessagePort) => { readonly moved: MessagePort; commit(): void };

export class MessagePort extends EventTarget {
  #other: MessagePort | null = null;
  #started = false;
  #detached = false;
  /** What came before it was started. */
  #waiting: Message[] = [];

  static {
    isPort = (value): value is MessagePort => isObject(value) && #other in value;
    entangle = (one, other) => {
      one.#other = other;
      other.#other = one;
    };
    movePort = (port) => {
      if (port.#detached) throw new DOMException('The port is detached', 'DataCloneError');
      const moved = new MessagePort(MAKE);
      const commit = (): void => {
        const other = port.#other;
        moved.#waiting = port.#waiting;
        port.#detached = true;
        port.#other = null;
        port.#waiting = [];
        if (other !== null) entangle(moved, other);
      };
      return { moved, commit };
    };
  }

  constructor(token: unknown = undefined) {
    if (token !== MAKE) throw illegalConstructor();
    super();
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    requireArguments(arguments.length, 1, 'MessagePort.postMessage()');
    const target = this.#other;
    const transfer = transferListOf(options);
    for (let i = 0; i < transfer.length; i++)
      if (transfer[i] === this) throw new DOMException('A port cannot be sent through itself', 'DataCloneError');
    const { clone, moved } = cloneWithTransfer(message, transfer);
    if (target === null) return;
    const ports: object[] = [];
    let doomed = false;
    for (let i = 0; i < moved.length; i++) {
      if (transfer[i] === target) doomed = true;
      if (isPort(moved[i])) push(ports, moved[i] as object);
    }
    // A port sent to itself has nobody left who could read it.
    if (!doomed && this.#other !== null) this.#other.#receive({ data: clone, ports });
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let i = 0; i < waiting.length; i++) this.#receive(waiting[i] as Message);
  }

  close(): void {
    const other = this.#other;
    this.#detached = true;
    this.#other = null;
    if (other === null) return;
    other.#other = null;
  }

  #receive(message: Message): void {
    if (this.#started) startTimer(() => this.#deliver(message), 0);
    else push(this.#waiting, message);
  }

  #deliver({ data, ports }: Message): void {
    if (!this.#detached) fireTrusted(this, messageOf(data, ports));
  }
}

/** `postMessage(message, [port])` or `postMessage(message, { transfer: [port] })`. */
function transferListOf(options: unknown): unknown[] {
  if (isObject(options) && typeof (options as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function')
    return transferOf({ transfer: options });
  return transferOf(dictionaryOf(options));
}

export class MessageChannel {
  readonly #port1: MessagePort = new MessagePort(MAKE);
  readonly #port2: MessagePort = new MessagePort(MAKE);

  constructor() {
    entangle(this.#port1, this.#port2);
  }

  get port1(): MessagePort {
    return this.#port1;
  }

  get port2(): MessagePort {
    return this.#port2;
  }
}

defineHandler(MessagePort.prototype, 'message', { onSet: (port) => (port as MessagePort).start() });
defineHandler(MessagePort.prototype, 'messageerror');
defineInterface(MessagePort, 'MessagePort');
defineInterface(MessageChannel, 'MessageChannel');
definePlatformKind({ isA: isPort, move: (port) => movePort(port as MessagePort) });
