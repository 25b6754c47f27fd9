/** Pools: the executors that wait, for each tier and runtime. A pool follows use: it is filled once somebody wants it. */

import { Fault } from '../core/faults.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Tier, TierName } from '../core/tier.ts';
import { ExecutorPool } from './executor-pool.ts';
import type { SupervisorOptions } from './supervisor-options.ts';

/** What a tier runs that says nothing about it. */
const ONLY_JAVASCRIPT: readonly Runtime[] = ['javascript'];
const RUNTIME_POOL_SIZE = 1;

export class Pools {
  readonly #options: SupervisorOptions;
  readonly #tiers: ReadonlyMap<TierName, Tier>;
  readonly #pools = new Map<string, ExecutorPool>();
  #isOpen = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#tiers = new Map(options.tiers.map((tier) => [tier.name, tier]));
  }

  /** Executors that could be taken at once. */
  get ready(): number {
    let sum = 0;
    for (const { ready } of this.#pools.values()) sum += ready;
    return sum;
  }

  /** Throws TIER_UNAVAILABLE. */
  tier(name: TierName): Tier {
    const tier = this.#tiers.get(name);
    if (tier !== undefined) return tier;
    throw new Fault('TIER_UNAVAILABLE', `The tier ${name} does not work here: ${this.#options.whyNot(name)}`);
  }

  /** Throws TIER_UNAVAILABLE where the tier does not work here, or has no such runtime. */
  of(name: TierName, runtime: Runtime): ExecutorPool {
    const key = `${name} ${runtime}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const tier = this.tier(name);
    const runtimes = tier.traits.runtimes ?? ONLY_JAVASCRIPT;
    if (!runtimes.includes(runtime))
      throw new Fault(
        'TIER_UNAVAILABLE',
        `The tier ${name} runs ${runtimes.join(' and ') || 'nothing'} here, and no ${runtime}`,
      );
    const pool = new ExecutorPool(tier, runtime, this.#sizeOf(tier, runtime), this.#options.report);
    this.#pools.set(key, pool);
    return pool;
  }

  /** Fills those that are to be ready from the start on, with what their tiers run first. Resolves when they are full. */
  async start(): Promise<void> {
    const { readyTiers } = this.#options;
    const ready = [...this.#tiers.values()].filter(({ name }) => readyTiers?.includes(name) !== false);
    this.#isOpen = true;
    // Nobody has to wait for what was only prepared.
    for (const pool of this.#pools.values()) void pool.fill();
    await Promise.all(ready.map(({ name, traits }) => this.of(name, (traits.runtimes ?? ONLY_JAVASCRIPT)[0]!).fill()));
  }

  /** Somebody may want one soon. */
  prepare(name: TierName, runtime: Runtime): void {
    const isKnown = this.#pools.has(`${name} ${runtime}`);
    if (isKnown || this.#tiers.get(name)?.traits.runtimes?.includes(runtime) !== true) return;
    const pool = this.of(name, runtime);
    if (this.#isOpen) void pool.fill();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #sizeOf({ traits }: Tier, runtime: Runtime): number {
    const { poolSize, runtimePoolSize = RUNTIME_POOL_SIZE } = this.#options;
    if (!traits.pooled) return 0;
    return (traits.runtimes ?? ONLY_JAVASCRIPT)[0] === runtime ? poolSize : Math.min(poolSize, runtimePoolSize);
  }
}
