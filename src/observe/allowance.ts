/** Allowance: how much a function may log, as a bucket that fills with time. */

export interface AllowanceRate {
  readonly perSecond: number;
  readonly burst: number;
}

export class Allowance {
  readonly #rate: AllowanceRate;
  #left: number;
  #filledMs: number;
  #refused = 0;

  constructor(rate: AllowanceRate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#filledMs = nowMs;
  }

  /** Whether there is room for the cost; refusals are counted. */
  take(cost: number, nowMs: number): boolean {
    this.#left = Math.min(this.#rate.burst, this.#left + ((nowMs - this.#filledMs) / 1000) * this.#rate.perSecond);
    this.#filledMs = nowMs;
    if (this.#left < cost) {
      this.#refused += 1;
      return false;
    }
    this.#left -= cost;
    return true;
  }

  /** How many were refused since the last call. */
  takeRefused(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}
