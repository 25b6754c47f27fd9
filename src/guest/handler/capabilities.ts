/**
 * Capabilities: what a function finds on `ctx` besides its request: kv, db, email, publish, vm. The same in every tier: all
 * it needs of one is a way to call a method of the host's.
 */

import { chain, rejected } from '../web/engine.ts';
import { dictionary, freeze, isObject, keysOf, stringify, toText, TypeError } from '../web/primordials.ts';

/** `params` is the JSON of an object. Rejects with a CapabilityError. */
export type RpcCall = (method: string, params: string) => Promise<unknown>;

/** Each is made when it is first read: most invocations read none. */
export class Capabilities {
  readonly #call: RpcCall;
  #kv: object | null = null;
  #db: object | null = null;
  #email: object | null = null;
  #vm: object | null = null;
  #publish: ((channel: unknown, data?: unknown, options?: unknown) => Promise<unknown>) | null = null;

  constructor(call: RpcCall) {
    this.#call = call;
  }

  get kv(): object {
    return (this.#kv ??= kvOf(this.#call));
  }

  get db(): object {
    return (this.#db ??= dbOf(this.#call));
  }

  get email(): object {
    const call = this.#call;
    return (this.#email ??= freeze({ send: (mail: unknown) => send(call, 'email.send', () => jsonOf('mail', mail)) }));
  }

  get vm(): object {
    const call = this.#call;
    return (this.#vm ??= freeze({ run: (options: unknown) => send(call, 'vm.run', () => jsonOf('options', options)) }));
  }

  get publish(): (channel: unknown, data?: unknown, options?: unknown) => Promise<unknown> {
    const call = this.#call;
    return (this.#publish ??= (channel, data = null, options = undefined) =>
      send(call, 'publish.event', () => {
        const { key, delayMs, id } = optionsOf(options);
        return paramsOf({ channel, data }, { key, delayMs, id });
      }));
  }
}

interface KvFound {
  readonly value: unknown;
  readonly revision: number;
}

function kvOf(call: RpcCall): object {
  return freeze({
    get: (key: unknown) =>
      chain(
        send(call, 'kv.get', () => paramsOf({ key })),
        (found) => (found === null ? null : (found as KvFound).value),
      ),
    getWithRevision: (key: unknown) => send(call, 'kv.get', () => paramsOf({ key })),
    set: (key: unknown, value: unknown, options?: unknown) =>
      send(call, 'kv.set', () => {
        const { ttlSeconds, ifRevision } = optionsOf(options);
        return paramsOf({ key, value }, { ttlSeconds, ifRevision });
      }),
    delete: (key: unknown, options?: unknown) =>
      send(call, 'kv.delete', () => {
        const { ifRevision } = optionsOf(options);
        return paramsOf({ key }, { ifRevision });
      }),
    list: (options?: unknown) =>
      send(call, 'kv.list', () => {
        const { prefix, cursor, limit } = optionsOf(options);
        return paramsOf({}, { prefix, cursor, limit });
      }),
  });
}

function dbOf(call: RpcCall): object {
  return freeze({
    list: (slug: unknown, query?: unknown) => send(call, 'db.list', () => paramsOf({ slug }, { query })),
    one: (slug: unknown, id: unknown) => send(call, 'db.one', () => paramsOf({ slug, id })),
    create: (slug: unknown, data: unknown) => send(call, 'db.create', () => paramsOf({ slug, data })),
    update: (slug: unknown, id: unknown, data: unknown) => send(call, 'db.update', () => paramsOf({ slug, id, data })),
    delete: (slug: unknown, id: unknown) => send(call, 'db.delete', () => paramsOf({ slug, id })),
  });
}

/** What can't be sent rejects, like what the host refuses. */
function send(call: RpcCall, method: string, params: () => string): Promise<unknown> {
  try {
    return call(method, params());
  } catch (error) {
    return rejected(error);
  }
}

type Options = Readonly<Record<string, unknown>>;

function optionsOf(options: unknown): Options {
  if (options === undefined || options === null) return dictionary<unknown>();
  if (!isObject(options)) throw new TypeError('The options must be an object');
  return options as Options;
}

/** The JSON of an object of these; an optional one that is undefined is left out. Throws a TypeError for what JSON can't hold. */
function paramsOf(required: Options, optional: Options = {}): string {
  let text = '';
  const add = (name: string, value: unknown): void => {
    text += `${text === '' ? '' : ','}"${name}":${jsonOf(name, value)}`;
  };
  const names = keysOf(required);
  for (let i = 0; i < names.length; i++) add(names[i] as string, required[names[i] as string]);
  const more = keysOf(optional);
  for (let i = 0; i < more.length; i++) {
    const value = optional[more[i] as string];
    if (value !== undefined) add(more[i] as string, value);
  }
  return `{${text}}`;
}

function jsonOf(name: string, value: unknown): string {
  const json =
    typeof value === 'number' && (value !== value || value === Infinity || value === -Infinity)
      ? undefined
      : (stringify(value) as string | undefined);
  if (json === undefined)
    throw new TypeError(
      `${name} must be a value that JSON can hold, not ${typeof value === 'number' ? toText(value) : typeof value}`,
    );
  return json;
}
