/** A base image as a file: a JSON head, its length before it, and the image's bytes after it. Ours, and trusted. */

import type { BaseImage } from './program.ts';

export function writeBase({ image: { bytes, ...registers }, port }: BaseImage): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify({ ...registers, port }));
  const file = new Uint8Array(4 + head.length + bytes.length);
  new DataView(file.buffer).setUint32(0, head.length, true);
  file.set(head, 4);
  file.set(bytes, 4 + head.length);
  return file;
}

/** `allocate` makes the place for the image's bytes. */
export function readBase(file: Uint8Array, allocate: (length: number) => Uint8Array): BaseImage {
  const headBytes = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const head = new TextDecoder().decode(file.subarray(4, 4 + headBytes));
  const { port, ...registers } = JSON.parse(head) as Omit<BaseImage['image'], 'bytes'> & Pick<BaseImage, 'port'>;
  const bytes = allocate(file.length - 4 - headBytes);
  bytes.set(file.subarray(4 + headBytes));
  return { image: { ...registers, bytes }, port };
}

/** In memory that threads share, so that they copy nothing but what they use. */
export const imageBytes = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length));
