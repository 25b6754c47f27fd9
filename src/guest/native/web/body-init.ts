/** What a `body` argument holds, where Node's own classes take the place of the web guest's. */

import { Readable } from 'node:stream';

export type BodyContent = string | Uint8Array | ReadableStream | null;

export interface BodyInit {
  readonly content: BodyContent;
  readonly type: string | null;
}

const TEXT_TYPE = 'text/plain;charset=UTF-8';

export function extractBody(init: unknown): BodyInit {
  if (init === null || init === undefined) return { content: null, type: null };
  if (typeof init !== 'object') return { content: textOf(init), type: TEXT_TYPE };
  const bytes = bytesOf(init);
  if (bytes !== null) return { content: new Uint8Array(bytes), type: null };
  if (isStream(init)) {
    if (init.locked || isDisturbed(init)) throw new TypeError('The stream given as a body is locked or has been read');
    return { content: init, type: null };
  }
  return platformBody(init) ?? { content: textOf(init), type: TEXT_TYPE };
}

/** Whatever is none of the things that bodies are made of is taken as text. */
const textOf = (value: unknown): string => String(value);

/** Of a Blob, FormData or URLSearchParams; null for anything else. */
export function platformBody(init: object): BodyInit | null {
  if (init instanceof URLSearchParams)
    return { content: init.toString(), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (!(init instanceof Blob) && !(init instanceof FormData)) return null;
  const { body, headers } = new NativeResponse(init);
  return { content: body as ReadableStream, type: headers.get('content-type') };
}

const NativeResponse = globalThis.Response;

export function isStream(value: unknown): value is ReadableStream {
  return typeof value === 'object' && value !== null && typeof (value as ReadableStream).getReader === 'function';
}

export const isDisturbed = (stream: ReadableStream): boolean => Readable.isDisturbed(stream as never);

/** A view of the bytes of a buffer, or of a part of one; null for anything else. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const isBuffer = value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
  return isBuffer ? new Uint8Array(value) : null;
}
