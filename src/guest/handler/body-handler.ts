/** The handler of code that nobody built: a function body, run when it is called. */

import { chain } from '../web/engine.ts';
import { resolveHandler } from './adapter.ts';
import type { HandlerSpec, Incoming, Outgoing, Registered } from './incoming.ts';

/** It is called with `module`, `exports` and `ctx`. */
export type Body = (module: { exports: unknown }, exports: unknown, ctx: unknown) => PromiseLike<unknown>;

/** What the body returns is the result; else what it exports or registers is the handler. */
export function bodyHandler(
  body: Body,
  registered: Registered,
  spec: HandlerSpec,
): (incoming: Incoming) => Promise<Outgoing> {
  return (incoming) => {
    let exported: ((incoming: Incoming) => Promise<Outgoing> | Outgoing) | null = null;
    const module = { exports: {} as unknown };
    const run = (ctx: unknown): unknown =>
      chain(body(module, module.exports, ctx), (value) => {
        if (value === undefined) exported = resolveHandler(module.exports, registered, spec);
        return value;
      });
    const script = resolveHandler({ default: run }, registered, { ...spec, kind: 'script' });
    return chain(script(incoming) as Promise<Outgoing>, (outgoing) => exported?.(incoming) ?? outgoing);
  };
}
