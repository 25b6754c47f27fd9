/** Publish service: `ctx.publish`: an event of the tenant's, one step further from the first than what the function handles. */

import type { CapabilityCaller } from '../core/capability.ts';
import type { Events } from '../core/event.ts';
import type { RpcMethod, RpcService } from '../core/rpc.ts';
import { paramsOf, textOf, wholeOf } from './params.ts';

/** The host's own header on the invocation of an event: how many events lie behind it. */
const HOPS_HEADER = 'cordon-event-hops';
const MAX_HOPS = 1_000;
const MAX_CHANNEL_BYTES = 256;
const MAX_KEY_BYTES = 200;
const MAX_DELAY_MS = 30 * 86_400_000;

export function createPublishService(events: Events): RpcService {
  const event: RpcMethod = async (caller, given) => {
    const params = paramsOf(given, ['channel', 'data', 'key', 'delayMs', 'id'], 'publish');
    const { data = null, key, delayMs, id } = params;
    const { version } = caller;
    const published = await events.publish({
      tenant: version.tenant,
      channel: textOf('channel', params['channel'], MAX_CHANNEL_BYTES),
      data,
      ...(id === undefined ? {} : { id: textOf('id', id, MAX_KEY_BYTES) }),
      ...(key === undefined ? {} : { key: textOf('key', key, MAX_KEY_BYTES) }),
      ...(delayMs === undefined ? {} : { delayMs: wholeOf('delayMs', delayMs, 0, MAX_DELAY_MS) }),
      hops: hopsOf(caller),
      source: `/functions/${version.name}`,
    });
    return { id: published.id, deliveries: published.deliveries, duplicate: published.duplicate };
  };
  return { methods: { event: { grant: 'publish', run: event } } };
}

/**
 * What lies behind an event that this invocation publishes. Only the host writes the headers of an invocation whose cause
 * is an event; those of a request are a client's.
 */
export function hopsOf({ call }: CapabilityCaller): number {
  if (call.cause !== 'event') return 0;
  const at = call.headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === HOPS_HEADER);
  const hops = Number(at < 0 ? 0 : call.headers[at + 1]);
  return Number.isSafeInteger(hops) && hops >= 0 && hops < MAX_HOPS ? hops + 1 : MAX_HOPS;
}
