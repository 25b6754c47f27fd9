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
  return modules.urlIfLoaded()?.urlParts(value) ?? blobParts(value) ?? formParts(value);
}

function headersParts(headers: Headers): object {
  const list = listOf(headers);
  const parts = {};
  for (let i = 0; i < list.length; i += 2) put(parts, list[i] as string, headers.get(list[i]));
  return parts;
}

function blobParts(value: object): object | null {
  const blobs = modules.blobIfLoaded();
  if (blobs?.isBlob(value) !== true) return null;
  const parts = { size: blobs.bytesOfBlob(value).length, type: blobs.typeOfBlob(value) };
  if (!blobs.isFile(value)) return parts;
  return { name: blobs.nameOfFile(value), ...parts, lastModified: blobs.lastModifiedOf(value) };
}

function formParts(value: object): object | null {
  const forms = modules.formDataIfLoaded();
  return forms?.isFormData(value) === true ? { entries: forms.entriesOf(value) } : null;
}
