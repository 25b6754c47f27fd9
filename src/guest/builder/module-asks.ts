/** ModuleAsks: the modules that this build has asked the host for. */

import type { ModuleAsk, ModuleHead } from '../../wire/build-messages.ts';
import { FrameType, type AnswerFailMeta, type AnswerHeadMeta, type AskMeta } from '../../wire/frames.ts';
import { metaBody, parseMeta } from '../../wire/meta.ts';
import type { FetchedModule } from './remote-modules.ts';

interface Waiting {
  resolve(module: FetchedModule): void;
  reject(error: Error): void;
}

export class ModuleAsks {
  readonly #send: (meta: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;

  constructor(send: (meta: string) => void) {
    this.#send = send;
  }

  /** Rejects with an Error whose message is one sentence of the host's. */
  fetch(url: string): Promise<FetchedModule> {
    const number = ++this.#count;
    const { promise, resolve, reject } = Promise.withResolvers<FetchedModule>();
    this.#waiting.set(number, { resolve, reject });
    this.#send(JSON.stringify([number, 'module', 0, { url } satisfies ModuleAsk] satisfies AskMeta));
    return promise;
  }

  receive(type: number, payload: Buffer): void {
    if (type === FrameType.ANSWER_HEAD) {
      const [number, head] = parseMeta(payload) as AnswerHeadMeta;
      this.#take(number)?.resolve({ ...(head as ModuleHead), bytes: metaBody(payload) });
    } else if (type === FrameType.ANSWER_FAIL) {
      const [number, , message] = parseMeta(payload) as AnswerFailMeta;
      this.#take(number)?.reject(new Error(message));
    }
  }

  #take(number: number): Waiting | undefined {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    return waiting;
  }
}
