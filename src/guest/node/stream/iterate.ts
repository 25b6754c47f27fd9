/** A readable as an async iterator; one that is left early destroys the stream. */

import { abortError } from '../lib/errors.ts';
import { finished } from './finished.ts';
import type { ReadableMethods } from './readable.ts';

export interface IterateOptions {
  readonly destroyOnReturn?: boolean;
}

export async function* iterate(
  stream: ReadableMethods,
  { destroyOnReturn = true }: IterateOptions = {},
): AsyncIterableIterator<unknown> {
  let wake: () => void = () => undefined;
  let over: { readonly error: Error | null } | null = null;
  const onReadable = (): void => wake();
  stream.on('readable', onReadable);
  const stop = finished(stream, { writable: false }, (error) => {
    over = { error: error ?? null };
    wake();
  });
  let completed = false;
  try {
    for (;;) {
      const chunk: unknown = stream.destroyed ? null : stream.read();
      if (chunk !== null) {
        yield chunk;
        continue;
      }
      const outcome = over as { readonly error: Error | null } | null;
      if (outcome?.error) throw outcome.error;
      if (outcome !== null) {
        completed = true;
        return;
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    stop();
    stream.removeListener('readable', onReadable);
    if (destroyOnReturn || over !== null) {
      if (completed || stream.readableEnded) stream.destroy();
      else stream.on('error', () => undefined).destroy(stream.errored ?? abortError(undefined));
    }
  }
}
