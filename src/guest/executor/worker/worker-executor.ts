/**
 * WorkerExecutor: a walled process whose threads are the sandboxes of one function.
 *
 * Its own thread relays frames between the host and them, and runs no code of a tenant, so that it can answer heartbeats,
 * hold deadlines and say which calls had not begun while a thread spins. What shares its process with a whole Node can
 * be taken over all the same: the host trusts nothing that comes from here, and watches from outside.
 */

import type { Socket } from 'node:net';
import { IdTable } from '../../../lib/id-table.ts';
import { Connection } from '../../../wire/connection.ts';
import { FrameType, MAX_FRAME_TO_GUEST, type OpenMeta } from '../../../wire/frames.ts';
import { parseMeta } from '../../../wire/meta.ts';
import { SandboxThread, type ThreadOwner } from './sandbox-thread.ts';
import { startThread, type StartedThread, type ThreadFiles } from './thread-start.ts';

const WATCHDOG_MS = 10;
/** A function's memory where nobody said otherwise. */
const SPARE_MEMORY_MB = 128;
const SPARE_AFTER_MS = 50;
/** A watchdog that comes so late says that this thread stood still: what the others said since then is still unread. */
const STALL_MS = 100;

export class WorkerExecutor implements ThreadOwner {
  readonly #files: ThreadFiles;
  /** A thread that waits for a version with the usual memory. */
  #spare: StartedThread | null = null;
  readonly sender: Connection;
  readonly #threads = new Map<number, SandboxThread>();
  /** The thread of each call that is not over. */
  readonly #calls = new IdTable<SandboxThread>();
  #watchdog: NodeJS.Timeout | null = null;
  #watchedMs = 0;

  constructor(channel: Socket, files: ThreadFiles) {
    this.#files = files;
    this.sender = new Connection(channel, {
      maxFrameBytes: MAX_FRAME_TO_GUEST,
      splitsData: true,
      freesPayloads: true,
      freesBodies: true,
      onFrame: (type, stream, payload) => this.#receive(type, stream, payload),
      // Without its host an executor has no reason to be.
      onClose: () => process.kill(process.pid, 'SIGKILL'),
    });
  }

  start(): void {
    this.#keepSpare();
    this.#spare?.worker.once('online', () => this.sender.send(FrameType.READY, 0));
  }

  takeThread(memoryMb: number): StartedThread {
    const spare = this.#spare;
    if (spare?.memoryMb !== memoryMb) return startThread(this.#files, memoryMb);
    this.#spare = null;
    // Starting another would compete with the request that waits for this one.
    setTimeout(() => this.#keepSpare(), SPARE_AFTER_MS);
    return spare;
  }

  onCallOver(id: number): void {
    this.#calls.delete(id);
  }

  onGone(thread: SandboxThread): void {
    this.#threads.delete(thread.id);
    if (this.#threads.size > 0 || this.#watchdog === null) return;
    clearInterval(this.#watchdog);
    this.#watchdog = null;
  }

  /** Says why and ends: a process in which a thread can't be stopped can't even exit in order. */
  onPoisoned(thread: SandboxThread, reason: string): void {
    for (const other of this.#threads.values()) other.giveBack();
    this.sender.sendMeta(FrameType.BROKEN, thread.id, JSON.stringify(['SANDBOX_RECYCLED', reason, null]), null);
    this.sender.flush();
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20);
  }

  #keepSpare(): void {
    const spare = (this.#spare ??= startThread(this.#files, SPARE_MEMORY_MB));
    spare.worker.once('exit', () => {
      if (this.#spare === spare) this.#spare = null;
    });
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.CALL:
        return this.#call(stream, payload);
      case FrameType.OPEN:
        return this.#open(stream, payload);
      case FrameType.CLOSE:
        return this.#threads.get(stream)?.close();
      case FrameType.PING:
        return this.sender.send(FrameType.PONG, 0);
      default:
        return this.#calls.get(stream)?.forward(type, stream, payload);
    }
  }

  #open(id: number, payload: Buffer): void {
    this.#threads.set(id, new SandboxThread(this, id, parseMeta(payload) as OpenMeta, payload));
    if (this.#watchdog !== null) return;
    this.#watchedMs = performance.now();
    this.#watchdog = setInterval(() => this.#watch(), WATCHDOG_MS);
  }

  #call(id: number, payload: Buffer): void {
    const [sandbox, remainingMs] = leadingNumbers(payload);
    const thread = this.#threads.get(sandbox);
    // Its GONE is under way: the host will see that this call was never begun.
    if (thread === undefined) return this.sender.send(FrameType.NOT_BEGUN, id);
    this.#calls.set(id, thread);
    thread.call(id, remainingMs, payload);
  }

  #watch(): void {
    const now = performance.now();
    const stalled = now - this.#watchedMs > STALL_MS;
    this.#watchedMs = now;
    if (!stalled) for (const thread of [...this.#threads.values()]) thread.check(now);
  }
}

/** Where they may stand in a call's meta, after its `[`. */
const META_START = 5;
const NUMBERS_END = META_START + 40;

/** The sandbox and the time left, read off the beginning of a call's meta. */
function leadingNumbers(payload: Buffer): [sandbox: number, remainingMs: number] {
  const [sandbox, , remainingMs] = payload.toString('latin1', META_START, NUMBERS_END).split(',', 3);
  return [Number(sandbox), Number(remainingMs)];
}
