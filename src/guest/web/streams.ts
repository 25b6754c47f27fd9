/** The Streams standard, from web-streams-polyfill. */

import { ReadableStream as Stream } from 'web-streams-polyfill';

export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill';

export const makeStream = (source: object, strategy: object): ReadableStream =>
  new Stream(source, strategy) as unknown as ReadableStream;
