/**
 * ReplicaSet: the executors of one version, where an executor hosts one sandbox. There are as many as its calls need, and
 * no fewer than its `minReplicas` and no more than its `maxReplicas`; what comes beyond that waits for whichever is free
 * first. Each of them is a cordon of its own.
 */

import { toFault, type Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, ResponseSink } from '../core/invocation.ts';
import { CallQueue } from './call-queue.ts';
import type { Cordon } from './cordon.ts';
import type { CordonIdentity, CordonOwner, CordonSet } from './cordon-seams.ts';
import type { TenantLoad } from './tenant-loads.ts';

/** One that could not be started is not tried again at once, while others serve. */
const REST_MS = 500;

export class ReplicaSet implements CordonSet {
  readonly version: FunctionVersion;
  readonly queue: CallQueue;
  readonly #identity: CordonIdentity;
  readonly #owner: CordonOwner;
  /** Those that take calls, oldest first. */
  readonly #cordons: Cordon[] = [];
  #closed = false;
  #standing = 0;
  #started = 0;
  #restsUntilMs = 0;
  #retired = false;

  /** Each of its cordons has the key of `identity`, with a number. */
  constructor(version: FunctionVersion, identity: CordonIdentity, owner: CordonOwner) {
    this.version = version;
    this.#identity = identity;
    this.#owner = owner;
    this.queue = new CallQueue({
      left: ({ load }) => owner.admission.leave(load),
      fail: ({ sink, load }, fault) => {
        owner.admission.leave(load);
        owner.refuse(version, sink, fault);
      },
    });
  }

  get key(): string {
    return this.#identity.key;
  }

  get size(): number {
    return this.#cordons.length;
  }

  /** It takes no calls any more: a new one takes its place. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Where nothing is left of it; false where something is. */
  close(): boolean {
    this.#closed ||= this.#cordons.length + this.queue.length + this.#standing === 0;
    return this.#closed;
  }

  run(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    this.#retired = false;
    const free = this.queue.length === 0 ? this.#cordons.find((cordon) => cordon.hasRoomFor(version)) : undefined;
    if (free !== undefined) return free.run(version, call, sink, load);
    const nowMs = performance.now();
    this.queue.add(call, sink, load, nowMs);
    this.#grow(nowMs);
  }

  /** So many are there from now on, called or not. Starts one of those that are missing; false: none is. */
  stand(version: FunctionVersion, count: number): boolean {
    this.#retired = false;
    this.#standing = Math.min(count, this.#most);
    for (const [at, cordon] of this.#cordons.entries()) cordon.stand(version, at < this.#standing ? 1 : 0);
    if (this.#cordons.length >= this.#standing || performance.now() < this.#restsUntilMs) return false;
    this.#start();
    return true;
  }

  /** No more calls will come: each is ended as it becomes idle. */
  retire(): void {
    this.#retired = true;
    this.#standing = 0;
    if (this.queue.length === 0) for (const cordon of [...this.#cordons]) cordon.retire(this.version);
  }

  /** What has waited too long is failed, and what still waits gets another executor if it may. Called by the watch. */
  beat(nowMs: number): void {
    this.queue.expire(nowMs);
    this.#grow(nowMs);
    if (this.#retired) this.retire();
  }

  cordonClosed(cordon: Cordon, fault: Fault | null): void {
    const at = this.#cordons.indexOf(cordon);
    if (at < 0) return;
    this.#cordons.splice(at, 1);
    if (fault !== null) return this.#failed(fault);
    // Later, because whoever closes it is in the middle of something.
    queueMicrotask(() => this.#grow(performance.now()));
  }

  struck(): void {
    const refusal = this.#owner.quarantine.refusal(this.version);
    if (refusal !== null) this.queue.failAll(refusal);
  }

  get #most(): number {
    return this.version.limits.maxReplicas ?? this.#owner.options.maxReplicas;
  }

  /** As many as what waits can use, within bounds. */
  #grow(nowMs: number): void {
    const { concurrency } = this.version.limits;
    const starting = (): number => this.#cordons.filter(({ executor }) => executor === null).length;
    while (this.queue.length > starting() * concurrency && this.#cordons.length < this.#most) {
      if (nowMs < this.#restsUntilMs) return;
      this.#start();
    }
  }

  #start(): void {
    let cordon;
    try {
      cordon = this.#owner.openCordon({ ...this.#identity, key: `${this.key} #${++this.#started}` }, this);
    } catch (error) {
      return this.#failed(toFault(error));
    }
    this.#cordons.push(cordon);
    if (this.#cordons.length <= this.#standing) cordon.stand(this.version, 1);
    else cordon.start(this.version);
  }

  /** One could not be had. While others serve, what waits goes on waiting for them. */
  #failed(fault: Fault): void {
    this.#restsUntilMs = performance.now() + REST_MS;
    if (this.#cordons.length === 0) this.queue.failAll(fault);
  }
}
