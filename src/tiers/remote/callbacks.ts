/**
 * Callbacks: who calls this host back for an invocation that it runs on another one. A token names the invocation; only a
 * live one of this host's own, with that tenant and function, makes it worth anything.
 */

import type { CapabilityCall, CapabilityExchange, CapabilitySink } from '../../core/capability.ts';
import { isCallbackToken, readCallbackToken } from '../../wire/remote/callback-token.ts';
import type { RemoteKeys } from '../../wire/remote/keys.ts';
import type { LiveCall } from '../../wire/session.ts';

export interface CallbacksOptions {
  readonly keys: RemoteKeys;
  /** The origin of this host as executors call it back; null: they can't. */
  readonly audience: string | null;
  live(invocation: string): LiveCall | undefined;
}

/** No token can be made to last longer than the longest invocation, and some time for two clocks to differ. */
const MAX_AHEAD_MS = 10 * 60_000;

export class Callbacks {
  readonly #options: CallbacksOptions;

  constructor(options: CallbacksOptions) {
    this.#options = options;
  }

  /** By the value of an Authorization header. Null: it is no token of an invocation that is under way. */
  find(authorization: string | undefined): ((call: CapabilityCall, sink: CapabilitySink) => CapabilityExchange) | null {
    const { keys, audience, live } = this.#options;
    const given = readCallbackToken(authorization);
    const nowMs = Date.now();
    if (given === null || audience === null || given.expiresMs > nowMs + MAX_AHEAD_MS) return null;
    const call = live(given.invocation);
    if (call === undefined) return null;
    const { tenant, name } = call.version;
    const claims = { invocation: call.invocation, tenant, functionName: name, audience };
    if (!isCallbackToken(keys, given, claims, nowMs)) return null;
    return (asked, sink) => call.ask(asked, sink);
  }
}
