/**
 * The executor: a walled child process that hosts the sandboxes of one cordon.
 *
 * It obeys the frames of its one connection, and keeps a watchdog over its sandboxes. What it can't stop it reports, and
 * then ends itself; the host, which trusts none of this, watches from outside.
 */

import type { Socket } from 'node:net';
import { IdTable } from '../../lib/id-table.ts';
import { Connection, type FrameSender } from '../../wire/connection.ts';
import { FrameType, MAX_FRAME_TO_GUEST, type CallMeta, type OpenMeta } from '../../wire/frames.ts';
import { metaBody, metaPayload, metaText, parseMeta, readCredit } from '../../wire/meta.ts';
import type { ExecutorSandbox, SandboxKind, SandboxOwner } from './sandbox-owner.ts';

const WATCHDOG_MS = 10;
const US_PER_MS = 1_000;

const WARM_UP_ROUNDS = 3;
const WARM_UP_CODE = '(() => ({ default: { fetch: (request) => new Response(request.url) } }))';
const WARM_UP_META: OpenMeta = {
  format: 'script',
  codeBytes: WARM_UP_CODE.length,
  interleaves: true,
  codeGeneration: false,
  functionName: 'warm-up',
  handler: 'module',
  handlerName: 'handler',
  memoryMb: 128,
  responseBytes: 1_000_000,
  logBytes: 1_000,
  cpuMs: 10_000,
  pendingTimers: 1_000,
  env: {},
};

/** The frames that name a call. */
const OF_A_CALL: ReadonlySet<number> = new Set([
  FrameType.CALL,
  FrameType.DATA,
  FrameType.END,
  FrameType.CREDIT,
  FrameType.CANCEL,
]);

const NOWHERE: FrameSender = {
  send: () => undefined,
  sendNumber: () => undefined,
  sendNumbers: () => undefined,
  sendBytes: () => undefined,
  sendPart: () => undefined,
  sendMeta: () => undefined,
};

export class Executor<S extends ExecutorSandbox> implements SandboxOwner<S> {
  /** Where frames go: to the host, but while this process warms up. */
  sender: FrameSender = NOWHERE;
  readonly #connection: Connection;
  readonly #kind: SandboxKind<S>;
  readonly #sandboxes = new Map<number, S>();
  /** The sandbox of each call that is not over. */
  readonly #calls = new IdTable<S>();
  /** Engines that were disposed of and have not stopped yet. */
  #stopping = 0;
  /** Calls that came meanwhile, and what came for them: should this process have to end, they have not begun. */
  #held: { readonly type: number; readonly stream: number; readonly payload: Buffer }[] = [];
  #watchdog: NodeJS.Timeout | null = null;
  /** Of this process, when the watchdog last looked. */
  #cpuMs = 0;

  constructor(socket: Socket, kind: SandboxKind<S>) {
    this.#connection = new Connection(socket, {
      maxFrameBytes: MAX_FRAME_TO_GUEST,
      splitsData: true,
      freesPayloads: true,
      freesBodies: true,
      onFrame: (type, stream, payload) => this.#receive(type, stream, payload),
      // Without its host an executor has no reason to be.
      onClose: () => process.kill(process.pid, 'SIGKILL'),
    });
    this.#kind = kind;
  }

  async start(): Promise<void> {
    await this.#kind.prepare();
    await this.#warmUp();
    await this.#kind.prepare();
    seal();
    this.sender = this.#connection;
    this.sender.send(FrameType.READY, 0);
  }

  /** Serves a few calls of a function of ours, so that the first one of a tenant does not meet code that never ran. */
  async #warmUp(): Promise<void> {
    for (let round = 1; round <= WARM_UP_ROUNDS; round++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.sender = { ...NOWHERE, sendMeta: () => resolve() };
      this.#receive(FrameType.OPEN, round, metaPayload(JSON.stringify(WARM_UP_META), WARM_UP_CODE));
      this.#receive(FrameType.CALL, round, metaPayload(warmUpCall(round), ''));
      await promise;
      this.#receive(FrameType.CLOSE, round, Buffer.alloc(0));
    }
    this.sender = NOWHERE;
  }

  onCallOver(id: number): void {
    this.#calls.delete(id);
  }

  onGone(sandbox: S): void {
    this.#sandboxes.delete(sandbox.id);
    if (this.#sandboxes.size > 0 || this.#watchdog === null) return;
    clearInterval(this.#watchdog);
    this.#watchdog = null;
  }

  onStopping(): void {
    this.#stopping++;
  }

  onStopped(): void {
    this.#stopping--;
    if (this.#stopping > 0) return;
    for (const { type, stream, payload } of this.#held.splice(0)) this.#receive(type, stream, payload);
  }

  onPoisoned(sandbox: S, reason: string): void {
    this.#die(reason, sandbox.id);
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    if (this.#stopping > 0 && OF_A_CALL.has(type) && !this.#calls.has(stream)) {
      this.#held.push({ type, stream, payload: Buffer.from(payload) });
      return;
    }
    switch (type) {
      case FrameType.CALL:
        return this.#call(stream, payload);
      case FrameType.OPEN:
        return this.#open(stream, payload);
      case FrameType.CLOSE:
        return this.#sandboxes.get(stream)?.close();
      case FrameType.DATA:
        return this.#calls.get(stream)?.data(stream, payload);
      case FrameType.END:
        return this.#calls.get(stream)?.endBody(stream);
      case FrameType.CREDIT:
        return this.#calls.get(stream)?.credit(stream, readCredit(payload));
      case FrameType.CANCEL:
        return this.#calls.get(stream)?.cancel(stream);
      case FrameType.ANSWER_HEAD:
      case FrameType.ANSWER_DATA:
      case FrameType.ANSWER_END:
      case FrameType.ANSWER_FAIL:
      case FrameType.ANSWER_CREDIT:
        return this.#calls.get(stream)?.answer(type, stream, payload);
      case FrameType.PING:
        return this.sender.send(FrameType.PONG, 0);
    }
  }

  #open(id: number, payload: Buffer): void {
    const sandbox = this.#kind.open(this, id, parseMeta(payload) as OpenMeta, metaBody(payload));
    this.#sandboxes.set(id, sandbox);
    this.#watchdog ??= setInterval(() => this.#watch(), WATCHDOG_MS);
  }

  #call(id: number, payload: Buffer): void {
    const meta = metaText(payload);
    const [sandboxId, bodyKind, remainingMs] = leadingNumbers(meta);
    const sandbox = this.#sandboxes.get(sandboxId);
    // Its GONE is under way: the host will see that this call was never begun.
    if (sandbox === undefined) return this.sender.send(FrameType.NOT_BEGUN, id);
    this.#calls.set(id, sandbox);
    sandbox.call(id, meta, bodyKind, remainingMs, metaBody(payload));
  }

  #watch(): void {
    const now = performance.now();
    const { user, system } = process.cpuUsage();
    const cpuMs = (user + system) / US_PER_MS;
    const sandboxes = [...this.#sandboxes.values()].map((sandbox) => ({
      sandbox,
      ranMs: sandbox.ranSinceLastMs?.() ?? 0,
    }));
    const ranMs = sandboxes.reduce((sum, each) => sum + each.ranMs, 0);
    const share = ranMs === 0 ? 0 : Math.min(1, (cpuMs - this.#cpuMs) / ranMs);
    this.#cpuMs = cpuMs;
    for (const each of sandboxes) each.sandbox.check(now, each.ranMs * share);
  }

  /** Says why and ends: a process in which an isolate can't be stopped can't even exit in order. */
  #die(reason: string, sandboxId: number): void {
    for (const { type, stream } of this.#held.splice(0))
      if (type === FrameType.CALL) this.sender.send(FrameType.NOT_BEGUN, stream);
    this.sender.sendMeta(FrameType.BROKEN, sandboxId, JSON.stringify(['SANDBOX_RECYCLED', reason, null]), null);
    this.#connection.flush();
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20);
  }
}

/** What came before us left it here: from now on nothing is opened or started, before a byte of a tenant is read. */
function seal(): void {
  (globalThis as Record<symbol, (() => void) | undefined>)[Symbol.for('cordon.seal')]?.();
}

/** The first three numbers of a call's meta, read off the text. */
function leadingNumbers(meta: string): [sandbox: number, bodyKind: number, remainingMs: number] {
  const first = meta.indexOf(',');
  const second = meta.indexOf(',', first + 1);
  const third = meta.indexOf(',', second + 1);
  return [Number(meta.slice(1, first)), Number(meta.slice(first + 1, second)), Number(meta.slice(second + 1, third))];
}

function warmUpCall(sandbox: number): string {
  const call: CallMeta = [
    sandbox,
    0,
    5_000,
    'GET',
    'http://localhost/',
    ['host', 'localhost'],
    'http',
    '',
    'warm-up',
    null,
    null,
  ];
  return JSON.stringify(call);
}
