/** UserCode: what a version's code gives once it is evaluated, as a handler. */

import { resolveHandler } from '../handler/adapter.ts';
import { bodyHandler, type Body } from '../handler/body-handler.ts';
import type { HandlerSpec, Incoming, Outgoing, Registered } from '../handler/incoming.ts';

export type Handler = (incoming: Incoming) => Promise<Outgoing> | Outgoing;

/** `script` and `body` are functions that nobody has called yet, `module` a namespace that has been evaluated. */
export type CodeKind = 'script' | 'module' | 'body';

/** Throws what the code throws, or an error that says what is missing. `services` are for a bundle. */
export function handlerOf(
  kind: CodeKind,
  code: unknown,
  services: object,
  registered: Registered,
  spec: HandlerSpec,
): Handler {
  if (kind === 'module') return resolveHandler(evaluated(code), registered, spec);
  if (kind === 'body') return bodyHandler(code as Body, registered, spec);
  return resolveHandler((code as (services: object) => unknown)(services), registered, spec);
}

/** The exports of a module, if it has got to its end: an isolate hears of no timer and no answer while it loads. */
function evaluated(namespace: unknown): unknown {
  try {
    for (const name in namespace as object) void (namespace as Record<string, unknown>)[name];
    return namespace;
  } catch {
    throw new Error('Top-level await can only wait for what is ready at once; wait inside of the handler instead');
  }
}
