/** What a `body` argument holds: text, a copy of bytes, or a stream, and the Content-Type that it brings along. */

import type { BodyContent } from './body.ts';
import * as modules from './modules.ts';
import { bytesOf, copyBytes, isObject, TypeError, Uint8Array } from './primordials.ts';

export interface BodyInit {
  readonly content: BodyContent;
  readonly type: string | null;
}

export const TEXT_TYPE = 'text/plain;charset=UTF-8';
const QUERY_TYPE = 'application/x-www-form-urlencoded;charset=UTF-8';

/** Whatever is none of the things that bodies are made of is taken as text. */
export function extractBody(init: unknown): BodyInit {
  if (init === null || init === undefined) return { content: null, type: null };
  if (typeof init === 'string') return { content: init, type: TEXT_TYPE };
  if (!isObject(init)) return { content: `${init as string}`, type: TEXT_TYPE };
  const bytes = bytesOf(init);
  if (bytes !== null) return { content: copyBytes(bytes), type: null };
  if (isStream(init)) {
    if (init.locked || isDisturbed(init)) throw new TypeError('The stream given as a body is locked or has been read');
    return { content: init, type: null };
  }
  return platformBody(init) ?? { content: `${init as unknown as string}`, type: TEXT_TYPE };
}

/** Of a Blob, FormData or URLSearchParams; null for anything else. There can be none of a class that nobody has touched. */
export function platformBody(init: object): BodyInit | null {
  const blobs = modules.blobIfLoaded();
  if (blobs?.isBlob(init) === true) {
    const type = blobs.typeOfBlob(init);
    return { content: copyBytes(blobs.bytesOfBlob(init)), type: type === '' ? null : type };
  }
  const forms = modules.formDataIfLoaded();
  if (forms?.isFormData(init) === true) {
    const { boundary, bytes } = forms.multipartOf(init);
    return { content: bytes, type: `multipart/form-data; boundary=${boundary}` };
  }
  if (modules.urlIfLoaded()?.isURLSearchParams(init) !== true) return null;
  return { content: `${init as unknown as string}`, type: QUERY_TYPE };
}

/** Ours, or one that a package brought along. */
export function isStream(value: unknown): value is ReadableStream {
  return isObject(value) && !(value instanceof Uint8Array) && typeof (value as ReadableStream).getReader === 'function';
}

/** The streams library keeps the standard's [[disturbed]] slot in a property. */
export const isDisturbed = (stream: ReadableStream | null): boolean =>
  (stream as { _disturbed?: boolean } | null)?._disturbed === true;
