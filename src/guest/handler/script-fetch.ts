/** `ctx.fetch` of a script body: one request, and its answer as plain values, the text read to its end. */

import { isStream, readAll, takeContent, type BodyContent } from '../web/body.ts';
import { chain, resolved } from '../web/engine.ts';
import { listOf } from '../web/headers.ts';
import * as modules from '../web/modules.ts';
import { hasOwn, put } from '../web/primordials.ts';
import { answerOf, type Response } from '../web/response.ts';

/** What a script gets of a response. */
export interface ScriptResponse {
  readonly status: number;
  readonly ok: boolean;
  /** By name, in lower case; several values of one are combined. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the last redirect. */
  readonly url: string;
  readonly text: string;
}

/** Rejects as fetch() does. */
export function scriptFetch(input: unknown, init?: object): Promise<ScriptResponse> {
  return chain(modules.fetching().fetch(input, init), (response) => {
    const { status, url, headers } = answerOf(response);
    return chain(textOf(response), (text) => ({
      status,
      ok: status >= 200 && status <= 299,
      headers: objectOf(listOf(headers)),
      url,
      text,
    }));
  });
}

function textOf(response: Response): Promise<string> {
  const content: BodyContent = takeContent(response);
  if (content === null || typeof content === 'string') return resolved(content ?? '');
  return chain(isStream(content) ? readAll(content) : resolved(content), (bytes) =>
    modules.encoding().decodeUtf8(bytes),
  );
}

function objectOf(list: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {};
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    const value = list[i + 1] as string;
    put(object, name, hasOwn(object, name) ? `${object[name]}, ${value}` : value);
  }
  return object;
}
