/** What the executor, its sandboxes, and the kind of sandbox that it hosts need of one another. */

import type { FrameSender } from '../../wire/connection.ts';
import type { OpenMeta } from '../../wire/frames.ts';

/** `S` is the kind of sandbox that it owns. */
export interface SandboxOwner<S> {
  readonly sender: FrameSender;
  /** No more frames of this call will be sent, and none are of use. */
  onCallOver(id: number): void;
  /** The sandbox is gone; its engine is being disposed of. */
  onGone(sandbox: S): void;
  /** An engine was stopped in the middle of a turn; until it has stopped, nobody knows that it will. */
  onStopping(): void;
  onStopped(): void;
  /** An engine can't be stopped: nothing in this process can be relied on any more. */
  onPoisoned(sandbox: S, reason: string): void;
}

/** One version, open in this executor. What is said of a call comes after {@link call} and before it is over. */
export interface ExecutorSandbox {
  readonly id: number;
  call(id: number, metaText: string, bodyKind: number, remainingMs: number, body: Buffer): void;
  data(id: number, chunk: Buffer): void;
  endBody(id: number): void;
  credit(id: number, bytes: number): void;
  cancel(id: number): void;
  /** One frame of the answer to what a call has asked for. */
  answer(type: number, id: number, payload: Buffer): void;
  /** For how long its engine ran since this was last asked; without it, its calls have no CPU limit of their own. */
  ranSinceLastMs?(): number;
  /** Ends what is over its time, or has used `cpuMs` more and is over that. Called by the watchdog every few milliseconds. */
  check(nowMs: number, cpuMs: number): void;
  close(): void;
}

export interface SandboxKind<S extends ExecutorSandbox> {
  /** Makes ready what a first sandbox would wait for. Called again when the warm-up has used some of it. */
  prepare(): Promise<void>;
  open(owner: SandboxOwner<S>, id: number, meta: OpenMeta, payload: Uint8Array): S;
}
