/** node:stream/web: the web's streams, under another name. */

type Streams = Readonly<Record<string, unknown>>;

const global = globalThis as unknown as Streams;

export const ReadableStream: unknown = global['ReadableStream'];
export const ReadableStreamDefaultReader: unknown = global['ReadableStreamDefaultReader'];
export const ReadableStreamBYOBReader: unknown = global['ReadableStreamBYOBReader'];
export const ReadableStreamDefaultController: unknown = global['ReadableStreamDefaultController'];
export const ReadableByteStreamController: unknown = global['ReadableByteStreamController'];
export const ReadableStreamBYOBRequest: unknown = global['ReadableStreamBYOBRequest'];
export const WritableStream: unknown = global['WritableStream'];
export const WritableStreamDefaultWriter: unknown = global['WritableStreamDefaultWriter'];
export const WritableStreamDefaultController: unknown = global['WritableStreamDefaultController'];
export const TransformStream: unknown = global['TransformStream'];
export const TransformStreamDefaultController: unknown = global['TransformStreamDefaultController'];
export const ByteLengthQueuingStrategy: unknown = global['ByteLengthQueuingStrategy'];
export const CountQueuingStrategy: unknown = global['CountQueuingStrategy'];
export const TextEncoderStream: unknown = global['TextEncoderStream'];
export const TextDecoderStream: unknown = global['TextDecoderStream'];
export const CompressionStream: unknown = global['CompressionStream'];
export const DecompressionStream: unknown = global['DecompressionStream'];

const all: object = {
  ByteLengthQueuingStrategy,
  CompressionStream,
  CountQueuingStrategy,
  DecompressionStream,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TextDecoderStream,
  TextEncoderStream,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};

export default all;
