/** Bytes, cut and put together. */

import { setBytes, typedArrayBuffer, typedArrayByteLength, typedArrayOffset, Uint8Array } from './primordials.ts';

/** The same memory. */
export const partOf = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(typedArrayBuffer(bytes), typedArrayOffset(bytes) + from, to - from);

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (let i = 0; i < chunks.length; i++) length += typedArrayByteLength(chunks[i]);
  const whole = new Uint8Array(length);
  for (let i = 0, at = 0; i < chunks.length; at += typedArrayByteLength(chunks[i++]))
    setBytes(whole, chunks[i] as Uint8Array, at);
  return whole;
}
