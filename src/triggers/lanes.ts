/** Lanes: whose turn it is, of the jobs that are here. Each function has a lane, and lanes take turns. */

export interface LanesOptions<T> {
  /** Of all lanes. */
  readonly concurrency: number;
  readonly laneConcurrency: number;
  /** How many may wait in one lane. */
  readonly waiting: number;
  /** Must not throw; ended() follows. */
  start(item: T): void;
}

interface Lane<T> {
  running: number;
  readonly waiting: T[];
}

export class Lanes<T> {
  readonly #options: LanesOptions<T>;
  /** Those with something in them; the one whose turn is next comes first. */
  readonly #lanes = new Map<string, Lane<T>>();
  #running = 0;

  constructor(options: LanesOptions<T>) {
    this.#options = options;
  }

  /** The lanes in which so many more have no room. */
  without(room: number): ReadonlySet<string> {
    const full = new Set<string>();
    for (const name of this.#lanes.keys()) if (!this.hasRoom(name, room)) full.add(name);
    return full;
  }

  hasRoom(name: string, room: number): boolean {
    const lane = this.#lanes.get(name);
    const { laneConcurrency, waiting } = this.#options;
    return lane === undefined || lane.running + lane.waiting.length + room <= laneConcurrency + waiting;
  }

  add(name: string, item: T): void {
    let lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, (lane = { running: 0, waiting: [] }));
    lane.waiting.push(item);
    if (this.#mayRun(lane)) this.#run(lane);
  }

  /** One that was started is over. */
  ended(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    lane.running -= 1;
    this.#running -= 1;
    if (lane.running === 0 && lane.waiting.length === 0) this.#lanes.delete(name);
    this.#startNext();
  }

  /** Takes out all that wait. */
  takeWaiting(): T[] {
    return [...this.#lanes.values()].flatMap(({ waiting }) => waiting.splice(0));
  }

  /** False: it did not wait. */
  removeWaiting(name: string, item: T): boolean {
    const lane = this.#lanes.get(name);
    const at = lane?.waiting.indexOf(item) ?? -1;
    if (lane === undefined || at < 0) return false;
    lane.waiting.splice(at, 1);
    if (lane.running === 0 && lane.waiting.length === 0) this.#lanes.delete(name);
    return true;
  }

  #startNext(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.waiting.length === 0 || !this.#mayRun(lane)) continue;
      this.#lanes.delete(name);
      this.#lanes.set(name, lane);
      return this.#run(lane);
    }
  }

  #mayRun(lane: Lane<T>): boolean {
    return this.#running < this.#options.concurrency && lane.running < this.#options.laneConcurrency;
  }

  #run(lane: Lane<T>): void {
    lane.running += 1;
    this.#running += 1;
    this.#options.start(lane.waiting.shift() as T);
  }
}
