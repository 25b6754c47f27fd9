/**
 * NonceMemory: which signed requests were seen already. It remembers for as long as a request may be taken for a fresh one,
 * in two generations, so that forgetting costs nothing and its size is bounded.
 */

const MAX_A_GENERATION = 50_000;

export class NonceMemory {
  readonly #generationMs: number;
  #current = new Set<string>();
  #previous = new Set<string>();
  #sinceMs = 0;

  /** What was seen is remembered for at least so long. */
  constructor(memoryMs: number) {
    this.#generationMs = memoryMs;
  }

  /** `full`: it can't be remembered, so that it can't be let in. Only what is signed may come here, or strangers fill it. */
  take(nonce: string, nowMs: number): 'fresh' | 'seen' | 'full' {
    this.#turn(nowMs);
    if (this.#current.has(nonce) || this.#previous.has(nonce)) return 'seen';
    if (this.#current.size >= MAX_A_GENERATION) return 'full';
    this.#current.add(nonce);
    return 'fresh';
  }

  #turn(nowMs: number): void {
    const ageMs = nowMs - this.#sinceMs;
    if (ageMs < this.#generationMs) return;
    this.#previous = ageMs < 2 * this.#generationMs ? this.#current : new Set();
    this.#current = new Set();
    this.#sinceMs = nowMs;
  }
}
