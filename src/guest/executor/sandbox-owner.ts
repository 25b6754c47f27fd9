/** SandboxOwner: what a sandbox needs of the process that it lives in. */

import type { FrameSender } from '../../wire/connection.ts';
import type { ReadyIsolate } from './isolate-pool.ts';

/** `S` is the kind of sandbox that it owns. */
export interface SandboxOwner<S> {
  readonly sender: FrameSender;
  takeIsolate(memoryMb: number): ReadyIsolate;
  /** No more frames of this call will be sent, and none are of use. */
  onCallOver(id: number): void;
  /** The sandbox is gone; its isolate is being disposed of. */
  onGone(sandbox: S): void;
  /** The isolate was disposed of in the middle of a turn; until it has stopped, nobody knows that it will. */
  onStopping(): void;
  onStopped(): void;
  /** The isolate can't be stopped: nothing in this process can be relied on any more. */
  onPoisoned(sandbox: S, reason: string): void;
}
