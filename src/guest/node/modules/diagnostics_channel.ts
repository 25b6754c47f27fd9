/** node:diagnostics_channel: who wants to hear of something finds who tells it, by a name. */

import { requireFunction } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import { type AsyncLocalStorage } from './async_hooks.ts';

type Name = string | symbol;
type Subscriber = (message: unknown, name: Name) => void;
type Transform = (message: unknown) => unknown;

export class Channel {
  readonly name: Name;
  /** Replaced and never changed: one that is being walked stays as it is. */
  #subscribers: readonly Subscriber[] = [];
  readonly #stores = new Map<AsyncLocalStorage<unknown>, Transform | undefined>();

  constructor(name: Name) {
    this.name = name;
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0 || this.#stores.size > 0;
  }

  subscribe(subscriber: Subscriber): void {
    requireFunction('subscription', subscriber);
    this.#subscribers = [...this.#subscribers, subscriber];
  }

  unsubscribe(subscriber: Subscriber): boolean {
    const at = this.#subscribers.indexOf(subscriber);
    if (at === -1) return false;
    this.#subscribers = this.#subscribers.toSpliced(at, 1);
    return true;
  }

  bindStore(store: AsyncLocalStorage<unknown>, transform?: Transform): void {
    this.#stores.set(store, transform);
  }

  unbindStore(store: AsyncLocalStorage<unknown>): boolean {
    return this.#stores.delete(store);
  }

  publish(message: unknown): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(message, this.name);
      } catch (error) {
        // It is nothing that the publisher could do about.
        web.queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  runStores<R>(message: unknown, fn: (...args: unknown[]) => R, self?: unknown, ...args: unknown[]): R {
    let run = (): R => {
      this.publish(message);
      return Reflect.apply(fn, self, args);
    };
    for (const [store, transform] of this.#stores) {
      const inner = run;
      run = () => store.run(transform === undefined ? message : transform(message), inner);
    }
    return run();
  }
}

const channels = new Map<Name, Channel>();

export function channel(name: Name): Channel {
  const found = channels.get(name);
  if (found !== undefined) return found;
  const made = new Channel(name);
  channels.set(name, made);
  return made;
}

export const hasSubscribers = (name: Name): boolean => channels.get(name)?.hasSubscribers ?? false;
export const subscribe = (name: Name, subscriber: Subscriber): void => channel(name).subscribe(subscriber);
export const unsubscribe = (name: Name, subscriber: Subscriber): boolean => channel(name).unsubscribe(subscriber);

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
type Event = (typeof EVENTS)[number];
type Channels = Readonly<Record<Event, Channel>>;
// oxlint-disable-next-line typescript/no-explicit-any -- whatever is traced
type Traced = (...args: any[]) => any;
type Context = { result?: unknown; error?: unknown };

export class TracingChannel {
  declare readonly start: Channel;
  declare readonly end: Channel;
  declare readonly asyncStart: Channel;
  declare readonly asyncEnd: Channel;
  declare readonly error: Channel;

  constructor(given: Channels) {
    for (const event of EVENTS) Object.defineProperty(this, event, { value: given[event], enumerable: true });
  }

  get hasSubscribers(): boolean {
    return EVENTS.some((event) => this[event].hasSubscribers);
  }

  subscribe(handlers: Partial<Record<Event, Subscriber>>): void {
    for (const event of EVENTS) if (handlers[event] !== undefined) this[event].subscribe(handlers[event]);
  }

  unsubscribe(handlers: Partial<Record<Event, Subscriber>>): boolean {
    return EVENTS.filter((event) => handlers[event] !== undefined).every((event) =>
      this[event].unsubscribe(handlers[event]!),
    );
  }

  traceSync(fn: Traced, context: Context = {}, self?: unknown, ...args: unknown[]): unknown {
    return this.start.runStores(context, () => {
      try {
        context.result = Reflect.apply(fn, self, args);
        return context.result;
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  tracePromise(fn: Traced, context: Context = {}, self?: unknown, ...args: unknown[]): Promise<unknown> {
    const settled = (): void => {
      this.asyncStart.publish(context);
      this.asyncEnd.publish(context);
    };
    return this.start.runStores(context, () => {
      try {
        return Promise.resolve(Reflect.apply(fn, self, args) as unknown).then(
          (result) => {
            context.result = result;
            settled();
            return result;
          },
          (error: unknown) => {
            this.#fail(context, error);
            settled();
            throw error;
          },
        );
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  traceCallback(fn: Traced, position = -1, context: Context = {}, self?: unknown, ...args: unknown[]): unknown {
    const callback: unknown = args.at(position);
    requireFunction('callback', callback);
    const wrapped = (error: unknown, result: unknown, ...rest: unknown[]): void => {
      if (error) this.#fail(context, error);
      else context.result = result;
      this.asyncStart.runStores(context, () => {
        try {
          Reflect.apply(callback, undefined, [error, result, ...rest]);
        } finally {
          this.asyncEnd.publish(context);
        }
      });
    };
    args.splice(position, 1, wrapped);
    return this.start.runStores(context, () => {
      try {
        return Reflect.apply(fn, self, args) as unknown;
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  #fail(context: Context, error: unknown): void {
    context.error = error;
    this.error.publish(context);
  }
}

export function tracingChannel(nameOrChannels: string | Channels): TracingChannel {
  if (typeof nameOrChannels !== 'string') return new TracingChannel(nameOrChannels);
  const named = EVENTS.map((event) => [event, channel(`tracing:${nameOrChannels}:${event}`)] as const);
  return new TracingChannel(Object.fromEntries(named) as Record<Event, Channel>);
}

const all: object = { Channel, channel, hasSubscribers, subscribe, tracingChannel, unsubscribe };

export default all;
