/** Math.random: xoshiro128**, since the engine's own goes on from where the image was made, the same in every copy. */

const state = new Uint32Array(4);
const { imul } = Math;
const STEP = 2 ** -32;

export function seedRandom(seed: Uint8Array, offset: number): void {
  for (let i = 0; i < 4; i++) {
    const at = offset + i * 4;
    const word = [0, 1, 2, 3].map((byte) => (seed[at + byte] as number) << (byte * 8));
    state[i] = (word[0] as number) | (word[1] as number) | (word[2] as number) | (word[3] as number);
  }
  // All zero is the one state that it never leaves.
  state[0] = (state[0] as number) | 1;
}

function next(): number {
  const [a, b, c, d] = [state[0] as number, state[1] as number, state[2] as number, state[3] as number];
  const result = imul(rotate(imul(b, 5), 7), 9) >>> 0;
  state[0] = a ^ d ^ b;
  state[1] = b ^ c ^ a;
  state[2] = c ^ a ^ (b << 9);
  state[3] = rotate(d ^ b, 11);
  return result;
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

Object.defineProperty(Math, 'random', {
  value: { random: (): number => (next() >>> 5) * STEP * 32 + next() * STEP * STEP * 32 }.random,
  writable: true,
  enumerable: false,
  configurable: true,
});
