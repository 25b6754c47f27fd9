/** multipart/form-data, as the HTML standard writes it. */

import { joined } from './bytes.ts';
import type { FormEntry } from './form-data.ts';
import * as modules from './modules.ts';
import { exec, join, push, split, stringIndexOf, toBase64, Uint8Array } from './primordials.ts';
import { encodeUtf8 } from './utf8.ts';

const BOUNDARY_BYTES = 24;

export interface Multipart {
  readonly boundary: string;
  readonly bytes: Uint8Array;
}

/** Nobody can guess the boundary, so no value can hold it on purpose. */
export function writeMultipart(entries: readonly FormEntry[]): Multipart {
  const boundary = `----CordonFormBoundary${randomName()}`;
  const chunks: Uint8Array[] = [];
  let head = '';
  for (let i = 0; i < entries.length; i++) {
    const name = (entries[i] as FormEntry)[0];
    const value = (entries[i] as FormEntry)[1];
    head += `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(withCrlf(name))}"`;
    if (typeof value === 'string') {
      head += `\r\n\r\n${withCrlf(value)}\r\n`;
      continue;
    }
    const { bytesOfBlob, nameOfFile, typeOfBlob } = modules.blob();
    const type = typeOfBlob(value) === '' ? 'application/octet-stream' : typeOfBlob(value);
    head += `; filename="${escaped(nameOfFile(value))}"\r\nContent-Type: ${type}\r\n\r\n`;
    push(chunks, encodeUtf8(head));
    push(chunks, bytesOfBlob(value));
    head = '\r\n';
  }
  push(chunks, encodeUtf8(`${head}--${boundary}--\r\n`));
  return { boundary, bytes: joined(chunks) };
}

/** 32 characters that a boundary may have. */
function randomName(): string {
  const drawn = toBase64(modules.crypto().crypto.getRandomValues(new Uint8Array(BOUNDARY_BYTES)));
  return replaced(replaced(drawn, '+', 'A'), '/', 'B');
}

/** Every end of a line as CR LF. */
function withCrlf(text: string): string {
  if (exec(/[\r\n]/, text) === null) return text;
  return replaced(replaced(replaced(text, '\r\n', '\n'), '\r', '\n'), '\n', '\r\n');
}

function escaped(text: string): string {
  if (exec(/[\r\n"]/, text) === null) return text;
  return replaced(replaced(replaced(text, '\r', '%0D'), '\n', '%0A'), '"', '%22');
}

const replaced = (text: string, part: string, by: string): string =>
  stringIndexOf(text, part) === -1 ? text : join(split(text, part), by);
