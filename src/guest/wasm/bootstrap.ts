/**
 * The bootstrap inside QuickJS: the isolate's, in an engine that is copied from an image for every invocation.
 *
 * Beside the isolate's messages its port takes, with `load`, how many characters of ours stand before the user's, and
 * `seed`: bytes that no other copy has, without which all of them would draw
 * the same random numbers, and the sign that time begins.
 */

import { hideColumns } from './engine.ts';
import port from '../isolate/bootstrap.ts';
import { restartClock } from '../web/clock.ts';
import { seedRandom } from './random.ts';

/** 32 bytes for `crypto`, then those of `Math.random`, which gives its own away. */
const CRYPTO_BYTES = 32;

let seedBytes: ArrayBuffer | null = null;

function wasmPort(...args: unknown[]): unknown {
  // As in the isolate's own: what is not there is not asked for.
  if (args.length === 0) return port();
  if (args[0] === 'load') {
    seedBytes = args[3] as ArrayBuffer;
    hideColumns(args[5] as number);
  }
  if (args[0] !== 'seed') return apply(port, undefined, args);
  const seed = new Uint8Array(args[1] as ArrayBuffer);
  const own = new Uint8Array(seedBytes as ArrayBuffer);
  for (let i = 0; i < CRYPTO_BYTES; i++) own[i] = seed[i] as number;
  seedRandom(seed, CRYPTO_BYTES);
  restartClock();
  return undefined;
}

const { apply } = Reflect;
const { Uint8Array } = globalThis;

export default wasmPort;
