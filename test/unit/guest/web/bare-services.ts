/** A bare context whose executor is the real one's services, on this thread. */

import { Services } from '../../../../src/guest/executor/services/services.ts';
import { Out } from '../../../../src/guest/isolate/mailbox.ts';
import { bareContext, type BareContext, type Foreign } from './bare.ts';

/** With `hasCall`, what it asks is asked on behalf of an invocation. */
export function contextWithServices(hasCall = true, beforeInstall = ''): BareContext {
  const context = bareContext({}, beforeInstall);
  const waiting = new Map<number, Foreign>();
  const foreignBytes = context.run('(bytes) => Uint8Array.from(bytes)') as (bytes: number[]) => Foreign;
  const foreignJson = context.run('JSON.parse') as (text: string) => Foreign;
  const services = new Services(
    (op, buffers, outcome) => {
      const [ok, ...rest] = foreignJson(outcome);
      const listener = waiting.get(op);
      waiting.delete(op);
      if (ok === 1)
        listener.done(
          rest[0],
          buffers.map((bytes) => foreignBytes([...bytes])),
        );
      else listener.fail(rest[0], rest[1]);
    },
    () => hasCall,
  );
  let last = 0;
  const queue: (() => void)[] = [];
  context.serve = (text: string, body: Foreign, listener: Foreign): void => {
    const op = ++last;
    waiting.set(op, listener);
    queue.push(() =>
      services.take({ kind: Out.SERVICE, id: 1, meta: `[${op},${text}]`, body: body && Uint8Array.from(body) }),
    );
    setImmediate(() => queue.shift()?.());
  };
  return context;
}
