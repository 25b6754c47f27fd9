/** ReplicaSets: the sets of all versions, found by the version itself, as sandboxes are. */

import type { FunctionVersion } from '../core/function.ts';
import type { CordonIdentity, CordonOwner } from './cordon-seams.ts';
import { ReplicaSet } from './replica-set.ts';

export class ReplicaSets {
  readonly #owner: CordonOwner;
  /** A version has one for its privileged callers, too. */
  readonly #sets = new Map<FunctionVersion, Map<string, ReplicaSet>>();
  #made = 0;

  constructor(owner: CordonOwner) {
    this.#owner = owner;
  }

  *[Symbol.iterator](): IterableIterator<ReplicaSet> {
    for (const sets of this.#sets.values()) yield* sets.values();
  }

  /** Makes it where there is none. */
  of(version: FunctionVersion, identity: CordonIdentity): ReplicaSet {
    let sets = this.#sets.get(version);
    if (sets === undefined) this.#sets.set(version, (sets = new Map<string, ReplicaSet>()));
    let set = sets.get(identity.key);
    if (set === undefined) {
      // Executions of the same code have the same key, and are versions of their own.
      const key = version.ephemeral ? `${identity.key} ${++this.#made}` : identity.key;
      set = new ReplicaSet(version, { ...identity, key }, this.#owner);
      sets.set(identity.key, set);
    }
    return set;
  }

  retire(version: FunctionVersion): void {
    for (const set of this.#sets.get(version)?.values() ?? []) set.retire();
  }

  stopStanding(version: FunctionVersion): void {
    for (const set of this.#sets.get(version)?.values() ?? []) set.stand(version, 0);
  }

  /** Called by the watch. What has nothing left is forgotten. */
  beat(nowMs: number): void {
    for (const [version, sets] of this.#sets) {
      for (const [key, set] of sets) {
        set.beat(nowMs);
        if (set.close()) sets.delete(key);
      }
      if (sets.size === 0) this.#sets.delete(version);
    }
  }
}
