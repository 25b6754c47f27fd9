/**
 * BuildChild: one walled process that builds one source. It is started before it is needed, is given its source once,
 * and is killed when it has answered, takes too long, or takes too much memory.
 */

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import { NODE_FLAGS } from '../lib/v8-flags.ts';
import type { Wall, WalledProcess } from '../walls/wall.ts';
import type { BuildRequest } from '../wire/build-messages.ts';
import { Connection } from '../wire/connection.ts';
import { FrameType, type AnswerFailMeta, type AnswerHeadMeta } from '../wire/frames.ts';
import { parseMeta, ProtocolError } from '../wire/meta.ts';
import { MAX_ATTACHMENT_BYTES, maxReplyBytes, readReply, type BuildResult } from './build-result.ts';
import { SCRATCH_BYTES, type BuildSource } from './build-source.ts';
import { ModuleFetches, type FetchModule } from './module-fetches.ts';
import { treeMemoryBytes } from './tree-memory.ts';

export interface BuildChildOptions {
  readonly wall: Wall;
  /** The bundled child and what it needs to find beside it. */
  readonly script: string;
  readonly files: readonly { readonly host: string; readonly inside: string }[];
  /** Where Node's modules are among those. */
  readonly nodeModules: string;
  /** Null where imports by address are refused. */
  readonly fetchModule: FetchModule | null;
  readonly maxBundleBytes: number;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

const READY_DEADLINE_MS = 10_000;
/** An allocation bomb grows by some 50 MB in that time. */
const MEMORY_POLL_MS = 20;
/** Node and esbuild: a few threads for each processor, and some for whatever else. */
const MAX_TASKS = 64 + 4 * availableParallelism();
/** The kernel counts what is cached too: its bound is for what grows faster than we look. */
const KERNEL_SLACK_BYTES = SCRATCH_BYTES + 64 * MB;
const BUILD_STREAM = 1;
const KEPT_OUTPUT_CHARS = 2048;
/** More time for a build that waits for modules from elsewhere. */
const FETCHING_MS = 30_000;

export class BuildChild {
  readonly #options: BuildChildOptions;
  readonly #process: WalledProcess;
  readonly #connection: Connection;
  readonly #projectDir: string;
  /** What it says first, then what it builds; rejects when it is gone. */
  readonly #ready = Promise.withResolvers<void>();
  readonly #reply = Promise.withResolvers<Buffer>();
  #output = '';
  #alive = true;
  #asked = false;
  #fetches: ModuleFetches | null = null;

  /** Resolves when it waits for a source. Rejects with INTERNAL when it can't be started, which is never a source's doing. */
  static async start(options: BuildChildOptions): Promise<BuildChild> {
    // Inside a wall /tmp is private. Without one the folder is the host's, and has to be removed.
    const projectDir = join('/tmp', `cordon-build-${randomUUID()}`);
    const process = await options.wall.start({
      script: options.script,
      nodeFlags: NODE_FLAGS,
      args: [projectDir, options.nodeModules],
      files: options.files,
      scratchBytes: SCRATCH_BYTES,
      // esbuild is a Go program: near this size it collects garbage instead of growing.
      env: { GOMEMLIMIT: '192MiB' },
      limits: { memoryBytes: options.memoryBytes + KERNEL_SLACK_BYTES, maxTasks: MAX_TASKS },
    });
    const child = new BuildChild(options, process, projectDir);
    try {
      await before(
        READY_DEADLINE_MS,
        child.#ready.promise,
        () => new Error(`it was not ready within ${READY_DEADLINE_MS / 1000} s`),
      );
      if (!process.isConfined()) throw new Error('it did not put on all of its seccomp filters');
      return child;
    } catch (error) {
      await child.kill();
      throw new Fault(
        'INTERNAL',
        `A builder did not start: ${(error as Error).message}. It said: ${child.#output.trim() || 'nothing'}`,
      );
    }
  }

  private constructor(options: BuildChildOptions, process: WalledProcess, projectDir: string) {
    this.#options = options;
    this.#process = process;
    this.#projectDir = projectDir;
    // Whoever waits hears of a failure; nobody may be waiting yet.
    this.#ready.promise.catch(() => undefined);
    this.#reply.promise.catch(() => undefined);
    this.#connection = new Connection(process.channel, {
      maxFrameBytes: maxReplyBytes(options.maxBundleBytes),
      onFrame: (type, stream, payload) => this.#receive(type, stream, payload),
      onClose: (reason) => this.#lose(reason === null ? new Error('its channel closed') : new ProtocolError(reason)),
    });
    for (const stream of [process.stdout, process.stderr]) stream.on('data', (chunk: Buffer) => this.#keep(chunk));
    void process.exited.then(({ code, signal }) => this.#lose(new Error(`it ended with ${signal ?? `code ${code}`}`)));
  }

  /** False as soon as it is known that it can't build any more. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Once. Rejects with a Fault, COMPILE_FAILED where the source was too much for it. */
  async build(source: BuildSource, owner: string): Promise<BuildResult> {
    const { maxBundleBytes, memoryBytes, fetchModule } = this.#options;
    const fetches = fetchModule === null ? null : new ModuleFetches(fetchModule, owner);
    this.#fetches = fetches;
    const breach = Promise.withResolvers<never>();
    const watch = setInterval(() => {
      if (treeMemoryBytes(this.#process.pid) > memoryBytes)
        breach.reject(new Fault('COMPILE_FAILED', `The build took more than ${memoryBytes / MB} MB of memory`));
    }, MEMORY_POLL_MS);
    try {
      this.#send(source);
      const reply = await this.#inTime(Promise.race([this.#reply.promise, breach.promise]));
      return { ...readReply(reply, maxBundleBytes), fetched: fetches?.files ?? new Map() };
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault('COMPILE_FAILED', `The build ended without a result: ${(error as Error).message}`);
    } finally {
      clearInterval(watch);
      fetches?.stop();
    }
  }

  async #inTime(reply: Promise<Buffer>): Promise<Buffer> {
    const { timeoutMs } = this.#options;
    const late = (ms: number) => (): Fault =>
      new Fault('COMPILE_FAILED', `The build took longer than ${(timeoutMs + ms) / 1000} s`);
    try {
      return await before(timeoutMs, reply, late(0));
    } catch (error) {
      if (!(error instanceof Fault) || this.#fetches?.asked !== true || !this.#alive) throw error;
      return before(FETCHING_MS, reply, late(FETCHING_MS));
    }
  }

  async kill(): Promise<void> {
    this.#alive = false;
    this.#connection.destroy();
    await this.#process.kill();
    await rm(this.#projectDir, { recursive: true, force: true });
  }

  #send({ files, entry, handler, engine = 'web' }: BuildSource): void {
    const request: BuildRequest = {
      entry,
      handler,
      engine,
      maxBundleBytes: this.#options.maxBundleBytes,
      maxAttachmentBytes: MAX_ATTACHMENT_BYTES,
      fetches: this.#fetches !== null,
      files: [...files].map(([path, content]) => [path, content.length]),
    };
    this.#asked = true;
    this.#connection.sendMeta(
      FrameType.CALL,
      BUILD_STREAM,
      JSON.stringify(request),
      Buffer.concat([...files.values()]),
    );
  }

  #receive(type: number, stream: number, payload: Buffer): void {
    if (type === FrameType.READY && !this.#asked) return this.#ready.resolve();
    if (type === FrameType.REPLY && stream === BUILD_STREAM && this.#asked) return this.#reply.resolve(payload);
    if (type === FrameType.ASK && stream === BUILD_STREAM && this.#fetches !== null)
      return this.#fetch(this.#fetches, payload);
    this.#break(new ProtocolError(`frame ${type} came at a time when it may not`));
  }

  #fetch(fetches: ModuleFetches, payload: Buffer): void {
    try {
      const [number, url] = fetches.read(parseMeta(payload));
      void fetches.fetch(url).then(
        ({ head, bytes }) => this.#answer(FrameType.ANSWER_HEAD, [number, head], bytes),
        (error: Error) => this.#answer(FrameType.ANSWER_FAIL, [number, 'COMPILE_FAILED', error.message, {}], null),
      );
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #answer(type: FrameType, meta: AnswerHeadMeta | AnswerFailMeta, body: Uint8Array | null): void {
    if (this.#alive) this.#connection.sendMeta(type, BUILD_STREAM, JSON.stringify(meta), body);
  }

  #break(error: Error): void {
    this.#lose(error);
    this.#connection.destroy();
  }

  #lose(error: Error): void {
    this.#alive = false;
    this.#ready.reject(error);
    this.#reply.reject(error);
  }

  #keep(chunk: Buffer): void {
    if (this.#output.length < KEPT_OUTPUT_CHARS) this.#output += chunk.toString('utf8', 0, KEPT_OUTPUT_CHARS);
  }
}

/** The promise's outcome, or `late()` thrown when that takes too long. */
async function before<T>(timeoutMs: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => timer.reject(late()), timeoutMs);
  try {
    return await Promise.race([promise, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
