/** crypto: random numbers from ChaCha20, seeded once by the host. Keys and `subtle` are the executor's. */

import { chacha20 } from '@noble/ciphers/chacha.js';
import { DOMException } from './dom-exception.ts';
import { host } from './engine.ts';
import { defineInterface, illegalConstructor } from './interface.ts';
import * as modules from './modules.ts';
import {
  copyBytes,
  exec,
  isView,
  setBytes,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  TypeError,
  Uint8Array,
} from './primordials.ts';

const QUOTA_BYTES = 65_536;
const BATCH_BYTES = 1024;
const KEY_BYTES = 32;
const NONCE = new Uint8Array(12);

let key: Uint8Array = copyBytes(host.seed());
let batch: Uint8Array = new Uint8Array(0);
let used = 0;

/**
 * Fast key erasure: each batch begins with the key of the next, and what was handed out is wiped, so that a sandbox
 * that is read out later tells nothing of what it drew before.
 */
function refill(bytes: number): void {
  const stream = chacha20(key, NONCE, new Uint8Array(KEY_BYTES + bytes));
  key = stream.slice(0, KEY_BYTES);
  batch = stream.subarray(KEY_BYTES);
  used = 0;
}

function draw(bytes: number): Uint8Array {
  if (batch.length - used < bytes) refill(bytes > BATCH_BYTES ? bytes : BATCH_BYTES);
  const drawn = copyBytes(batch.subarray(used, used + bytes));
  batch.fill(0, used, (used += bytes));
  return drawn;
}

const INTEGERS = /^(?:Big)?(?:Ui|I)nt(?:8|8Clamped|16|32|64)Array$/;

const MAKE: object = {};

class Crypto {
  readonly #isOne = true;

  constructor(token: unknown = undefined) {
    if (token !== MAKE) throw illegalConstructor();
  }

  get subtle(): import('./subtle.ts').SubtleCrypto {
    void this.#isOne;
    return modules.subtle().subtle;
  }

  getRandomValues<T>(array: T): T {
    void this.#isOne;
    if (!isView(array)) throw new TypeError('crypto.getRandomValues() needs a typed array of integers');
    const name = typedArrayName(array) ?? 'DataView';
    if (exec(INTEGERS, name) === null)
      throw new DOMException(`crypto.getRandomValues() cannot fill a ${name}`, 'TypeMismatchError');
    const length = typedArrayByteLength(array);
    if (length > QUOTA_BYTES)
      throw new DOMException(
        `crypto.getRandomValues() fills at most ${QUOTA_BYTES} bytes, not ${length}`,
        'QuotaExceededError',
      );
    setBytes(new Uint8Array(typedArrayBuffer(array), typedArrayOffset(array), length), draw(length));
    return array;
  }

  /** A version 4 UUID. */
  randomUUID(): string {
    void this.#isOne;
    const bytes = draw(16);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    let text = '';
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
      text += HEX[(bytes[i] as number) >> 4];
      text += HEX[(bytes[i] as number) & 0x0f];
    }
    return text;
  }
}

const HEX = '0123456789abcdef';

defineInterface(Crypto, 'Crypto');

export const crypto: Crypto = new Crypto(MAKE);
export { Crypto };
