/** Local fetch: `data:` and `blob:` URLs, which name what the sandbox has already. Nothing of them leaves it. */

import { blobOfUrl } from './blob-url.ts';
import { partOf } from './bytes.ts';
import { isStream, takeContent } from './body.ts';
import { rejected, resolved } from './engine.ts';
import { parseMimeType, serializeMimeType } from './mime-type.ts';
import * as modules from './modules.ts';
import {
  bytesOfBase64,
  charCodeAt,
  copyBytes,
  exec,
  push,
  stringIndexOf,
  stringSlice,
  toText,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import { headOf, type Request } from './request.ts';
import { responseOf, type Response } from './response.ts';

interface Content {
  readonly type: string;
  readonly bytes: Uint8Array;
}

const DEFAULT_TYPE = 'text/plain;charset=US-ASCII';
const PERCENT = 0x25;

export function fetchLocal(request: Request): Promise<Response> {
  const { method, url } = headOf(request);
  const body = takeContent(request);
  if (isStream(body)) void body.cancel();
  const address = withoutFragment(url);
  const isData = stringSlice(url, 0, 5) === 'data:';
  const content = isData ? contentOfData(stringSlice(address, 5)) : method === 'GET' ? contentOfBlob(address) : null;
  if (content === null)
    return rejected(new TypeError(`fetch failed: ${isData ? 'the data: URL is not valid' : 'there is no such Blob'}`));
  const headers: string[] = [];
  if (!isData) {
    push(headers, 'content-length');
    push(headers, toText(content.bytes.length));
  }
  if (isData || content.type !== '') {
    push(headers, 'content-type');
    push(headers, content.type);
  }
  const reply = { status: 200, statusText: 'OK', url: address, redirected: false, headers };
  return resolved(responseOf(reply, method === 'HEAD' ? null : content.bytes));
}

function contentOfBlob(url: string): Content | null {
  const blob = blobOfUrl(url);
  if (blob === null) return null;
  const { bytesOfBlob, typeOfBlob } = modules.blob();
  return { type: typeOfBlob(blob), bytes: copyBytes(bytesOfBlob(blob)) };
}

/** Of `<type>[;base64],<data>`; null where it has not that form. */
function contentOfData(text: string): Content | null {
  const comma = stringIndexOf(text, ',');
  if (comma === -1) return null;
  const head = exec(/^[ ]*([^]*?)(; *base64)?[ ]*$/i, stringSlice(text, 0, comma)) as RegExpExecArray;
  const named = head[1] as string;
  const type = parseMimeType(charCodeAt(named, 0) === SEMICOLON ? `text/plain${named}` : named);
  const data = percentDecoded(stringSlice(text, comma + 1));
  const bytes = head[2] === undefined ? data : decodedBase64(data);
  return bytes === null ? null : { type: type === null ? DEFAULT_TYPE : serializeMimeType(type), bytes };
}

const SEMICOLON = 0x3b;

/** A URL has ASCII only. */
function percentDecoded(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = charCodeAt(text, i);
    const high = unit === PERCENT ? hexOf(charCodeAt(text, i + 1)) : -1;
    const low = unit === PERCENT ? hexOf(charCodeAt(text, i + 2)) : -1;
    const isEscape = high !== -1 && low !== -1;
    bytes[length++] = isEscape ? high * 16 + low : unit;
    if (isEscape) i += 2;
  }
  return copyBytes(partOf(bytes, 0, length));
}

/** NaN, past the end, is none of them. */
function hexOf(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function decodedBase64(data: Uint8Array): Uint8Array | null {
  let text = '';
  for (let i = 0; i < data.length; i++) text += fromCharCode(data[i] as number);
  try {
    return bytesOfBase64(text);
  } catch {
    return null;
  }
}

const { fromCharCode } = String;

function withoutFragment(url: string): string {
  const hash = stringIndexOf(url, '#');
  return hash === -1 ? url : stringSlice(url, 0, hash);
}
