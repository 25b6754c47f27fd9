/** Registry: which host service answers which kind of capability call. */

import type { Capabilities, CapabilityExchange, CapabilitySink } from '../core/capability.ts';

/** A kind that is not in the table is refused: a guest may ask for anything. */
export function createCapabilities(services: Readonly<Record<string, Capabilities>>): Capabilities {
  const byKind = new Map(Object.entries(services));
  return {
    start: (caller, call, sink) => byKind.get(call.kind)?.start(caller, call, sink) ?? refuse(sink),
  };
}

function refuse(sink: CapabilitySink): CapabilityExchange {
  let isCancelled = false;
  queueMicrotask(() => {
    if (!isCancelled) sink.fail({ code: 'NOT_GRANTED', message: 'The host has no such service' });
  });
  return {
    write: () => true,
    endBody: () => undefined,
    resume: () => undefined,
    cancel: () => {
      isCancelled = true;
    },
  };
}
