/** RpcCall: one call of a host service over an ask: JSON both ways, on behalf of one invocation, whichever runs meanwhile. */

import { isStream, readAll } from '../web/body.ts';
import { chain } from '../web/engine.ts';
import type { AskListener, AskRefusal } from '../web/host.ts';
import * as modules from '../web/modules.ts';
import {
  apply,
  hide,
  min,
  parse,
  Promise,
  stringify,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayOffset,
  Uint8Array,
} from '../web/primordials.ts';
import type { RpcCall } from './capabilities.ts';
import type { Incoming } from './incoming.ts';

const { Error } = globalThis;

export function rpcCallOf(incoming: Incoming): RpcCall {
  return (method, params) =>
    new Promise((resolve, reject) => {
      const meta = `{"method":${stringify(method)}}`;
      const ask = incoming.ask('rpc', meta, params, new RpcListener(resolve, reject));
      if (ask === null) reject(capabilityError(OVER));
    });
}

const OVER: AskRefusal = { code: 'CANCELLED', message: 'its invocation is over' };

class RpcListener implements AskListener {
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(resolve: (value: unknown) => void, reject: (reason: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  head(_meta: unknown, body: Uint8Array | ReadableStream): void {
    try {
      this.#resolve(isStream(body) ? chain(readAll(body), valueOf) : valueOf(body));
    } catch (error) {
      this.#reject(error);
    }
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  over(): void {}

  errorOf(refusal: AskRefusal): unknown {
    return capabilityError(refusal);
  }
}

const valueOf = (bytes: Uint8Array): unknown => parse(asciiOf(bytes) ?? modules.encoding().decodeUtf8(bytes));

const { fromCharCode } = globalThis.String;
/** Arguments of one call. */
const LOT = 4_096;
const ASCII_END = 0x80;

/** Most answers are nothing but ASCII, and need no decoder, which is large; null for the others. */
function asciiOf(bytes: Uint8Array): string | null {
  const length = typedArrayByteLength(bytes);
  for (let i = 0; i < length; i++) if ((bytes[i] as number) >= ASCII_END) return null;
  const buffer = typedArrayBuffer(bytes);
  const offset = typedArrayOffset(bytes);
  let text = '';
  for (let at = 0; at < length; at += LOT)
    text += apply(fromCharCode, undefined, new Uint8Array(buffer, offset + at, min(LOT, length - at))) as string;
  return text;
}

function capabilityError({ code, message }: AskRefusal): Error {
  const error = new Error(message);
  hide(error, 'name', 'CapabilityError');
  hide(error, 'code', code);
  return error;
}
