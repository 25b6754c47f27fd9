/** TextEncoderStream and TextDecoderStream. */

import { decodeChunk, requireBytes, TextDecoder } from './encoding.ts';
import { defineInterface } from './interface.ts';
import { charCodeAt, stringSlice, domString, Uint8Array } from './primordials.ts';
import { makeTransform } from './streams.ts';
import { encodeUtf8, isLead } from './utf8.ts';

type Transform = ReturnType<typeof makeTransform>;

export class TextEncoderStream {
  readonly #transform: Transform;

  constructor() {
    /** The first half of a pair of surrogates, whose second half may be in the next chunk. */
    let lead = '';
    this.#transform = makeTransform({
      __proto__: null,
      transform(chunk, controller) {
        let text = lead + domString(chunk);
        lead = '';
        if (text !== '' && isLead(charCodeAt(text, text.length - 1))) {
          lead = stringSlice(text, -1);
          text = stringSlice(text, 0, -1);
        }
        if (text !== '') controller.enqueue(encodeUtf8(text));
      },
      flush(controller) {
        if (lead !== '') controller.enqueue(encodeUtf8(lead));
      },
    });
  }

  get encoding(): string {
    void this.#transform;
    return 'utf-8';
  }

  get readable(): unknown {
    return this.#transform.readable;
  }

  get writable(): unknown {
    return this.#transform.writable;
  }
}

export class TextDecoderStream {
  readonly #decoder: TextDecoder;
  readonly #transform: Transform;

  constructor(label: unknown = 'utf-8', options: object | null | undefined = undefined) {
    const decoder = new TextDecoder(label, options);
    const enqueue = (text: string, controller: { enqueue(chunk: unknown): void }): void => {
      if (text !== '') controller.enqueue(text);
    };
    this.#decoder = decoder;
    this.#transform = makeTransform({
      __proto__: null,
      transform: (chunk, controller) => enqueue(decodeChunk(decoder, requireBytes(chunk), true), controller),
      flush: (controller) => enqueue(decodeChunk(decoder, new Uint8Array(0), false), controller),
    });
  }

  get encoding(): string {
    return this.#decoder.encoding;
  }

  get fatal(): boolean {
    return this.#decoder.fatal;
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }

  get readable(): unknown {
    return this.#transform.readable;
  }

  get writable(): unknown {
    return this.#transform.writable;
  }
}

defineInterface(TextEncoderStream, 'TextEncoderStream');
defineInterface(TextDecoderStream, 'TextDecoderStream');
