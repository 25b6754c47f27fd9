/** Sandboxes of one walled executor, opened from source in a test, with what they write. */

import { after, before } from 'node:test';
import type { Artifact, FunctionVersion } from '../../src/core/function.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from './calls.ts';
import { startIsolateTier } from './isolate-tier.ts';
import type { TierUnderTest } from './walled-tier.ts';
import { MemoryCapabilities, servePlaces, type MemoryExchange } from './memory-capabilities.ts';
import { OpenSandbox } from './sandbox.ts';

export interface LogLine {
  /** The invocation's id; null where a line belongs to none. */
  readonly invocation: string | null;
  readonly level: string;
  readonly message: string;
}

export interface Sandboxes {
  /** Of everything that any of them wrote, so far. */
  readonly lines: LogLine[];
  /** What made the executor break the protocol. */
  readonly broken: string[];
  /** `files` stand beside the code. */
  open(
    code: string,
    version?: Partial<FunctionVersion>,
    files?: Readonly<Record<string, Uint8Array>>,
  ): Promise<OpenSandbox>;
  /** Code that nobody built. */
  openSource(code: string, version?: Partial<FunctionVersion>): OpenSandbox;
  /** Resolves with the first line, past or to come, that fits. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Started before the tests of a file, and ended after them. `serve` answers what functions ask of the host. */
export function isolateSandboxes(serve: (exchange: MemoryExchange) => void = servePlaces): Sandboxes {
  let subject: TierUnderTest;
  let executor: Executor;
  let count = 0;
  const lines: LogLine[] = [];
  const broken: string[] = [];
  const waiting = new Set<() => void>();
  before(async () => {
    subject = await startIsolateTier('bwrap', new MemoryCapabilities(serve));
    executor = await subject.tier.spawn();
    executor.listen({
      onExit: () => undefined,
      onBroken: (reason) => broken.push(reason),
      onOverrun: () => undefined,
      onLog: (_version, invocation, { level, message }) => {
        lines.push({ invocation, level, message });
        for (const look of waiting) look();
      },
    });
  });
  after(async () => {
    await executor?.kill('the tests are over');
    await subject?.close();
  });
  const openArtifact = (artifact: Artifact, version: Partial<FunctionVersion>): OpenSandbox =>
    new OpenSandbox(
      executor,
      makeVersion(`f${++count}`, {
        artifact,
        limits: { concurrency: 64, memoryMb: 128, timeoutMs: 30_000 },
        ...version,
      }),
    );
  return {
    lines,
    broken,
    open: async (code, version = {}, files = {}) => openArtifact(await subject.build(code, 'module', files), version),
    openSource: (code, version = {}) =>
      openArtifact({ format: 'source', code: Buffer.from(code), cache: null, interleaves: false }, version),
    line: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = lines.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}
