/** fetch(): a Request to the host, a Response from it. What is allowed, and every redirect, is the host's business. */

import { onAbort } from './abort.ts';
import { isStream, readAll, takeContent, type BodyContent } from './body.ts';
import { chain, host, rejected, resolved } from './engine.ts';
import { listOf } from './headers.ts';
import type { FetchReply } from './host.ts';
import { Promise, push } from './primordials.ts';
import { Request, signalOf } from './request.ts';
import { responseOf, type Response } from './response.ts';

export function fetch(input: unknown, init?: object): Promise<Response> {
  try {
    const request = new Request(input, init);
    const signal = signalOf(request) as { readonly aborted: boolean; readonly reason: unknown } | null;
    if (signal?.aborted === true) return rejected(signal.reason);
    const body = whole(takeContent(request));
    const reply = chain(body, (sent) =>
      host.fetch(
        { method: request.method, url: request.url, headers: copyOf(listOf(request.headers)), body: sent },
        signal,
      ),
    );
    const response = chain(reply, (received: FetchReply) => responseOf(received, received.url !== request.url));
    return signal === null ? response : unlessAborted(response, signal);
  } catch (error) {
    return rejected(error);
  }
}

const whole = (content: BodyContent): Promise<string | Uint8Array | null> =>
  isStream(content) ? readAll(content) : resolved(content);

function copyOf(list: readonly string[]): string[] {
  const copy: string[] = [];
  for (let i = 0; i < list.length; i++) push(copy, list[i] as string);
  return copy;
}

function unlessAborted(response: Promise<Response>, signal: object): Promise<Response> {
  return new Promise((resolve, reject) => {
    onAbort(signal, reject);
    void chain(response, resolve, reject);
  });
}
