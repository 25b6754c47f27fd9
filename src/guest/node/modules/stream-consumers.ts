/** node:stream/consumers: a whole stream, of Node's or of the web's, as one value. */

import { Buffer } from './buffer.ts';
import { web } from '../lib/web.ts';

type Source = AsyncIterable<unknown> | { getReader(): { read(): Promise<{ done: boolean; value: unknown }> } };

async function* chunksOf(source: Source): AsyncIterable<unknown> {
  if (Symbol.asyncIterator in source) {
    yield* source;
    return;
  }
  const reader = source.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

export async function buffer(source: Source): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(source)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export async function arrayBuffer(source: Source): Promise<ArrayBuffer> {
  const bytes = await buffer(source);
  return bytes.slice().buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

export async function text(source: Source): Promise<string> {
  const decoder = new web.TextDecoder();
  let whole = '';
  for await (const chunk of chunksOf(source))
    whole += typeof chunk === 'string' ? chunk : decoder.decode(chunk as Uint8Array, { stream: true });
  return whole + decoder.decode();
}

export const json = async (source: Source): Promise<unknown> => JSON.parse(await text(source)) as unknown;

export async function blob(source: Source): Promise<unknown> {
  return new (web.Blob as new (parts: unknown[]) => object)([await buffer(source)]);
}

const all: object = { arrayBuffer, blob, buffer, json, text };

export default all;
