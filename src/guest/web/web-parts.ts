/** What a log shows of the web API's own objects, whose state no property holds. */

import { isHeaders, listOf, type Headers } from './headers.ts';
import * as modules from './modules.ts';
import { put } from './primordials.ts';
import { isRequest } from './request.ts';
import { isResponse } from './response.ts';

/** Null for anything else. */
export function webParts(value: object): object | null {
  if (isHeaders(value)) return headersParts(value);
  if (isResponse(value))
    return { status: value.status, headers: headersParts(value.headers), bodyUsed: value.bodyUsed };
  if (isRequest(value))
    return { method: value.method, url: value.url, headers: headersParts(value.headers), bodyUsed: value.bodyUsed };
  return modules.urlIfLoaded()?.urlParts(value) ?? null;
}

function headersParts(headers: Headers): object {
  const list = listOf(headers);
  const parts = {};
  for (let i = 0; i < list.length; i += 2) put(parts, list[i] as string, headers.get(list[i]));
  return parts;
}
