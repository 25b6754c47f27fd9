/** atob and btoa: base64 of text whose characters are bytes. */

import { DOMException } from './dom-exception.ts';
import { bytesOfBase64, charCodeAt, toBase64, toText, Uint8Array } from './primordials.ts';

export function btoa(data: unknown): string {
  const text = toText(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = charCodeAt(text, i);
    if (unit > 0xff) throw new DOMException('btoa() takes characters up to U+00FF only', 'InvalidCharacterError');
    bytes[i] = unit;
  }
  return toBase64(bytes);
}

export function atob(data: unknown): string {
  const bytes = decoded(toText(data));
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += fromCharCode(bytes[i] as number);
  return text;
}

const { fromCharCode } = String;

function decoded(text: string): Uint8Array {
  try {
    return bytesOfBase64(text);
  } catch {
    throw new DOMException('The text is not base64', 'InvalidCharacterError');
  }
}
