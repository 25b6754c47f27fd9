/** Release: a change of which version answers, and the sentence that tells how it is now. */

import { createClient, functionPath } from './client.ts';
import { UsageError } from './command.ts';
import type { Input } from './input.ts';
import { writeJson, writeLine } from './terminal.ts';
import { releaseText } from './views.ts';
import type { FunctionView } from './views.ts';

/** The answer is the function as it is then. Resolves to the exit code. */
export async function release(
  input: Input,
  method: 'POST' | 'PUT' | 'DELETE',
  name: string,
  path: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<number> {
  const view = await createClient().api<FunctionView>(method, functionPath(name, path), {
    query: { tenant: input.tenant },
    ...(body === undefined ? {} : { body }),
  });
  if (input.json) await writeJson(view);
  else await writeLine(releaseText(view));
  return 0;
}

/** `3` or `@3`. Throws a {@link UsageError}. */
export function versionNumber(text: string): number {
  const digits = /^@?(\d{1,9})$/.exec(text)?.[1];
  if (digits !== undefined && Number(digits) > 0) return Number(digits);
  throw new UsageError(`VERSION is ${JSON.stringify(text)}, but it must be a number as "cordon versions" shows it`);
}
