/** UTF-8, the two directions that the API needs without anything else being loaded. */

import { charCodeAt, Uint8Array } from './primordials.ts';

/** Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes);
  return bytes;
}

export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = charCodeAt(text, i);
    if (unit < 0x80) continue;
    // A pair of surrogates makes four bytes of two units: two extra for the first, none for the second.
    if (unit < 0x800) length += 1;
    else length += 2;
    if (isLead(unit) && isTrail(charCodeAt(text, i + 1))) i++;
  }
  return length;
}

/** Writes as many whole characters as fit; returns how many units it read and how many bytes it wrote. */
export function writeUtf8(text: string, target: Uint8Array): { read: number; written: number } {
  const room = target.length;
  let at = 0;
  let i = 0;
  for (; i < text.length; i++) {
    let code = charCodeAt(text, i);
    if (code < 0x80) {
      if (at === room) break;
      target[at++] = code;
      continue;
    }
    let units = 1;
    if (isLead(code) && isTrail(charCodeAt(text, i + 1))) {
      code = 0x10000 + ((code & 0x3ff) << 10) + (charCodeAt(text, i + 1) & 0x3ff);
      units = 2;
    } else if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    const size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (at + size > room) break;
    if (size === 2) target[at++] = 0xc0 | (code >> 6);
    else {
      if (size === 3) target[at++] = 0xe0 | (code >> 12);
      else {
        target[at++] = 0xf0 | (code >> 18);
        target[at++] = 0x80 | ((code >> 12) & 0x3f);
      }
      target[at++] = 0x80 | ((code >> 6) & 0x3f);
    }
    target[at++] = 0x80 | (code & 0x3f);
    i += units - 1;
  }
  return { read: i, written: at };
}

export const isLead = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isTrail = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
