/** Module fetch: how a build gets the modules that `https:` and `jsr:` imports name: through egress, as the tenant that deploys. */

import type { FetchedModule, FetchModule } from '../builder/module-fetches.ts';
import type { Capabilities } from '../core/capability.ts';
import type { FetchHead, FetchReplyHead } from '../core/egress.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call } from '../core/invocation.ts';
import { ownVersion } from '../core/own-version.ts';
import { SYSTEM } from '../core/principal.ts';

interface Options {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

interface Reply {
  readonly head: FetchReplyHead;
  readonly bytes: Uint8Array;
}

const MAX_REDIRECTS = 5;
const ACCEPT =
  'application/typescript, text/typescript, application/javascript, text/javascript, application/json, */*;q=0.5';

/** Follows redirects itself, so that none passes by a place that anybody on the way could answer for. */
export function moduleFetchOf(fetch: Capabilities, nextId: () => string): FetchModule {
  return async (url, options, owner) => {
    let at = url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const { head, bytes } = await get(fetch, at, options, { version: builderOf(owner), call: callOf(nextId(), at) });
      const location = headerOf(head, 'location');
      if (head.status < 300 || head.status > 399 || location === null) return moduleOf(head, bytes, at);
      const next = URL.parse(location, at);
      if (next?.protocol !== 'https:') throw new Error('it redirects to what is not https:');
      at = next.href;
    }
    throw new Error(`it redirects more than ${MAX_REDIRECTS} times`);
  };
}

function moduleOf(head: FetchReplyHead, bytes: Uint8Array, url: string): FetchedModule {
  if (head.status !== 200) throw new Error(`${URL.parse(url)?.host} answered ${head.status}`);
  return { bytes, contentType: headerOf(head, 'content-type') ?? '', finalUrl: url };
}

function headerOf({ headers }: FetchReplyHead, name: string): string | null {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) return headers[i + 1] ?? null;
  return null;
}

function get(
  fetch: Capabilities,
  url: string,
  { maxBytes, signal }: Options,
  caller: { readonly version: FunctionVersion; readonly call: Call },
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const chunks: Uint8Array[] = [];
  let head: FetchReplyHead | null = null;
  let bytes = 0;
  const meta: FetchHead = { method: 'GET', url, headers: ['accept', ACCEPT], redirect: 'manual' };
  const exchange = fetch.start(
    caller,
    { kind: 'fetch', meta, hasBody: false },
    {
      head: (value) => {
        head = value as FetchReplyHead;
      },
      data: (chunk) => {
        bytes += chunk.length;
        if (bytes <= maxBytes) return chunks.push(chunk) > 0;
        exchange.cancel();
        reject(new Error(`it is larger than ${maxBytes} bytes`));
        return false;
      },
      end: () => resolve({ head: head!, bytes: Buffer.concat(chunks) }),
      fail: ({ message }) => reject(new Error(message)),
    },
  );
  const abort = (): void => {
    exchange.cancel();
    reject(new Error('nobody waits for it any more'));
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return promise.finally(() => signal.removeEventListener('abort', abort));
}

/** Who asks, to egress: the tenant's builder, which may reach what the operator's rules leave open. */
const builderOf = (tenant: string): FunctionVersion => ownVersion({ tenant, name: 'builder' });

function callOf(id: string, url: string): Call {
  return {
    id,
    cause: 'health-check',
    principal: SYSTEM,
    method: 'GET',
    url,
    headers: [],
    clientAddress: '',
    body: null,
    reply: 'http',
    attempts: 0,
  };
}
