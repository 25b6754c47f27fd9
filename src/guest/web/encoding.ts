/** The Encoding standard: our own encoder, and the decoders of @exodus/bytes less those of the multi-byte encodings. */

import { TextDecoder, TextDecoderStream, TextEncoderStream } from '@exodus/bytes/encoding-lite.js';
import { TypeError, Uint8Array } from './primordials.ts';
import { encodeUtf8, writeUtf8 } from './utf8.ts';

export { TextDecoder, TextDecoderStream, TextEncoderStream };

export class TextEncoder {
  get encoding(): string {
    return 'utf-8';
  }

  encode(text: unknown = ''): Uint8Array {
    return encodeUtf8(`${text as string}`);
  }

  encodeInto(text: unknown, target: unknown): { read: number; written: number } {
    if (!(target instanceof Uint8Array)) throw new TypeError('TextEncoder.encodeInto() needs a Uint8Array');
    return writeUtf8(`${text as string}`, target);
  }

  get [Symbol.toStringTag](): string {
    return 'TextEncoder';
  }
}

const lossy = new TextDecoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** As `Body.text()` decodes: without a byte order mark, and U+FFFD for what is not UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string => lossy.decode(bytes);

/** Null if the bytes are not UTF-8. */
export function decodeStrictUtf8(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}
