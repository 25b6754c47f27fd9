/** ThreadPool: the engine threads of one executor. A sandbox has one while calls of its are open. */

import { EngineThread, type ThreadUser } from './engine-thread.ts';

/** Above it sandboxes share threads: a call then waits for the turns of others, and is lost with one that has to be ended. */
const MAX_THREADS = 8;
/** Idle threads that are kept. */
const MAX_IDLE = 3;
const CHECK_MS = 50;

export class ThreadPool {
  readonly #source: string;
  readonly #threads = new Set<EngineThread>();

  constructor(source: string) {
    this.#source = source;
    setInterval(() => this.#check(), CHECK_MS).unref();
  }

  /** Starts as many as that, and waits until they are up. */
  async fill(count: number): Promise<void> {
    while (this.#threads.size < count) this.#start();
    await Promise.all([...this.#threads].map((thread) => thread.untilUp()));
  }

  /** Best one that knows the program and serves nobody, then any that serves nobody, then a new one. */
  take(user: ThreadUser): EngineThread {
    const idle = [...this.#threads].filter((thread) => thread.isIdle);
    const thread = idle.find((one) => one.knows(user)) ?? idle[0] ?? this.#startOrShare();
    thread.enter(user);
    return thread;
  }

  /** The sandbox has no call open; the program stays where it is. */
  release(thread: EngineThread, user: ThreadUser): void {
    thread.leave(user);
    const idle = [...this.#threads].filter((one) => one.isIdle);
    if (!thread.isIdle || idle.length <= MAX_IDLE) return;
    void thread.end('it is not needed');
  }

  forget(user: ThreadUser): void {
    for (const thread of this.#threads) thread.forget(user);
  }

  #check(): void {
    for (const thread of this.#threads) thread.check();
  }

  #startOrShare(): EngineThread {
    if (this.#threads.size < MAX_THREADS) return this.#start();
    return [...this.#threads].reduce((best, one) => (one.users < best.users ? one : best));
  }

  #start(): EngineThread {
    const thread = new EngineThread(this.#source, { onLost: (lost) => this.#threads.delete(lost) });
    this.#threads.add(thread);
    return thread;
  }
}
