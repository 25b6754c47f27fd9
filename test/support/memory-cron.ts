/** A cron store in memory. */

import type { CronKey, CronState, CronStore } from '../../src/core/cron.ts';

export class MemoryCron implements CronStore {
  readonly states: Map<string, CronState> = new Map();
  failure: Error | null = null;

  async find(keys: readonly CronKey[]): Promise<CronState[]> {
    if (this.failure !== null) throw this.failure;
    return keys.flatMap((key) => this.states.get(keyOf(key)) ?? []);
  }

  async create(states: readonly CronState[]): Promise<void> {
    for (const state of states) if (!this.states.has(keyOf(state))) this.states.set(keyOf(state), state);
  }

  async advance(ticks: Parameters<CronStore['advance']>[0]): Promise<void> {
    for (const tick of ticks)
      this.#update(tick, (state) => ({ ...state, lastTickMs: Math.max(state.lastTickMs, tick.lastTickMs) }));
  }

  async finish(key: CronKey, finishedMs: number): Promise<void> {
    this.#update(key, (state) => ({ ...state, finishedMs: Math.max(state.finishedMs ?? 0, finishedMs) }));
  }

  async change(key: CronKey, change: Parameters<CronStore['change']>[1]): Promise<void> {
    this.#update(key, (state) => ({ ...state, ...change }));
  }

  #update(key: CronKey, change: (state: CronState) => CronState): void {
    const state = this.states.get(keyOf(key));
    if (state !== undefined) this.states.set(keyOf(key), change(state));
  }
}

const keyOf = ({ tenant, name }: CronKey): string => `${tenant}/${name}`;
