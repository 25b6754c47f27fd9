/** Bodies that are read whole, where Node's own classes take the place of the web guest's. */

import { isStream, type BodyContent } from './body-init.ts';

export { isStream, type BodyContent };

/** Reads a stream of bytes to its end; any other chunk rejects with a TypeError. `maxBytes` rejects with `tooLong()`. */
export async function readAll(
  stream: ReadableStream,
  maxBytes: number = Infinity,
  tooLong?: () => unknown,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('A body stream may hold Uint8Array chunks only');
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong?.();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

/** The body of a response, to be read. Throws a TypeError if it was read or is being read. */
export function takeContent({ body, bodyUsed }: Response): BodyContent {
  if (bodyUsed || body?.locked === true) throw new TypeError('The body has already been read, or is being read');
  return body;
}
