/** Name cache: the answers of one tenant, so that none learns what another has asked. */

import type { Answer } from './resolver.ts';

/** The longest that an answer is kept, whatever its TTL. */
const MAX_KEPT_SECONDS = 300;
const MAX_KEPT_NAMES = 500;

export class NameCache {
  readonly #resolve: (name: string) => Promise<Answer>;
  readonly #kept = new Map<string, { readonly answer: Answer; readonly untilMs: number }>();
  readonly #asked = new Map<string, Promise<Answer>>();

  constructor(resolve: (name: string) => Promise<Answer>) {
    this.#resolve = resolve;
  }

  /** Two who ask at once share one query. Rejects with DNS_FAILED; a failure is not kept. */
  lookup(name: string): Promise<Answer> {
    const kept = this.#kept.get(name);
    if (kept !== undefined && performance.now() < kept.untilMs) return Promise.resolve(kept.answer);
    const asked = this.#asked.get(name);
    if (asked !== undefined) return asked;
    const asking = this.#resolve(name)
      .then((answer) => this.#keep(name, answer))
      .finally(() => this.#asked.delete(name));
    this.#asked.set(name, asking);
    return asking;
  }

  #keep(name: string, answer: Answer): Answer {
    this.#kept.delete(name);
    if (answer.ttlSeconds <= 0) return answer;
    if (this.#kept.size >= MAX_KEPT_NAMES) this.#kept.delete(this.#kept.keys().next().value as string);
    const untilMs = performance.now() + Math.min(answer.ttlSeconds, MAX_KEPT_SECONDS) * 1000;
    this.#kept.set(name, { answer, untilMs });
    return answer;
  }
}
