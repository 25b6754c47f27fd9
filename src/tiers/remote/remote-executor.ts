/** RemoteExecutor: a stream of frames to another host, and the session on it. It stands for one cordon's executor there. */

import type { Capabilities } from '../../core/capability.ts';
import { Fault } from '../../core/faults.ts';
import type { FunctionVersion } from '../../core/function.ts';
import type { Executor, ExecutorEvents, ExecutorUsage, Place, Sandbox, SandboxEvents } from '../../core/tier.ts';
import type { FarSide } from '../../wire/far-side.ts';
import { HostSession, type LiveCall } from '../../wire/session.ts';
import type { Dialled } from './dial.ts';

export interface RemoteExecutorOptions {
  readonly base: string;
  readonly farSide: FarSide;
  readonly capabilities: Capabilities | null;
  /** It is gone. Called once; `lost`: not because this host wanted it. */
  onGone(lost: boolean): void;
}

const READY_DEADLINE_MS = 10_000;
/** It takes nothing of this host's memory or time; what it takes there is watched there. */
const NOTHING: ExecutorUsage = Object.freeze({ rssBytes: 0 });

let counter = 0;

export class RemoteExecutor implements Executor {
  readonly id: string = `r${++counter}`;
  readonly pid: null = null;
  readonly place: Place;
  readonly #options: RemoteExecutorOptions;
  readonly #session: HostSession;
  readonly #ready: Promise<void>;
  #becameReady: () => void = () => undefined;
  #ended: () => void = () => undefined;
  #events: ExecutorEvents | null = null;
  #isDraining = false;
  /** Its far end went away, or said what nobody may say. */
  #isLost = false;
  #endReason: string | null = null;

  constructor({ socket, answer }: Dialled, options: RemoteExecutorOptions) {
    this.#options = options;
    this.place = Object.freeze({ tier: answer.tier, placement: 'remote' });
    this.#ready = new Promise((resolve, reject) => {
      this.#becameReady = resolve;
      this.#ended = () => reject(new Error('it closed its connection before it was ready'));
    });
    this.#ready.catch(() => undefined);
    this.#session = new HostSession(
      socket,
      {
        onReady: () => this.#becameReady(),
        onBroken: (reason, culprit) => this.#onBroken(reason, culprit?.key ?? null),
        onOverrun: (version) => this.#events?.onOverrun(version),
        onLog: (version, invocation, entry) => this.#events?.onLog(version, invocation, entry),
        onClosed: () => this.#end('its connection closed', true),
        onDraining: () => {
          this.#isDraining = true;
          this.#events?.onDraining?.();
        },
      },
      options.capabilities,
      options.farSide,
    );
  }

  /** Nobody has it yet: who looks after it is its tier. */
  get isIdle(): boolean {
    return this.#events === null;
  }

  /** Calls under way. */
  get inFlight(): number {
    return this.#session.inFlight;
  }

  /** Rejects after a deadline. */
  async ready(): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`it was not ready within ${READY_DEADLINE_MS / 1000} s`)),
      READY_DEADLINE_MS,
    );
    try {
      await Promise.race([this.#ready, late]);
    } catch (error) {
      await this.kill('it did not start');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  listen(events: ExecutorEvents): void {
    this.#events = events;
    if (this.#endReason !== null) return events.onExit(this.#endReason);
    if (this.#isDraining) events.onDraining?.();
  }

  open(version: FunctionVersion, events: SandboxEvents): Sandbox {
    return this.#session.open(version, events);
  }

  tick(nowMs: number): number {
    return this.#session.tick(nowMs);
  }

  usage(): ExecutorUsage | null {
    return this.#endReason === null && !this.#isDraining ? NOTHING : null;
  }

  cpuMs(): number | null {
    return this.#endReason === null ? 0 : null;
  }

  /** An invocation that is under way here. */
  live(invocation: string): LiveCall | undefined {
    return this.#session.live(invocation);
  }

  kill(reason: string, cause?: Fault): Promise<void> {
    this.#end(reason, false, cause);
    return Promise.resolve();
  }

  #onBroken(reason: string, culprit: string | null): void {
    if (this.#endReason !== null) return;
    this.#isLost = true;
    if (this.#events === null) this.#end(reason, true);
    else this.#events.onBroken(`${this.#options.base}: ${reason}`, culprit);
  }

  #end(reason: string, lost: boolean, cause?: Fault): void {
    if (this.#endReason !== null) return;
    this.#endReason = `${this.#options.base}: ${reason}`;
    this.#ended();
    this.#session.end(
      cause ?? new Fault('SANDBOX_RECYCLED', 'The executor of this sandbox went away under this request'),
    );
    this.#options.onGone(lost || this.#isLost);
    this.#events?.onExit(this.#endReason);
  }
}
