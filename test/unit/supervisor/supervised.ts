/** A supervisor over a tier in memory, for tests of what it decides. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Call, LogEntry } from '../../../src/core/invocation.ts';
import type { QuarantineEvent } from '../../../src/core/quarantine.ts';
import type { RunCounts } from '../../../src/core/usage.ts';
import { Supervisor, type SupervisorSettings } from '../../../src/supervisor/supervisor.ts';
import type { Limits } from '../../../src/core/limits.ts';
import { makeCall, makeVersion, RecordingSink } from '../../support/calls.ts';
import { MemoryTier, type MemoryCall } from '../../support/memory-tier.ts';

export const MB: number = 1024 * 1024;

export interface Supervised {
  readonly tier: MemoryTier;
  readonly supervisor: Supervisor;
  readonly events: QuarantineEvent[];
  readonly logged: LogEntry[];
  readonly reports: string[];
  readonly metered: (RunCounts & { readonly name: string })[];
  call(version: FunctionVersion, call?: Call): RecordingSink;
  /** Starts a call; resolves when it runs. */
  running(version: FunctionVersion): Promise<MemoryCall>;
}

export async function supervise(
  t: TestContext,
  settings: Partial<SupervisorSettings> = {},
  change: (tier: MemoryTier) => void = () => undefined,
): Promise<Supervised> {
  const tier = new MemoryTier();
  change(tier);
  const events: QuarantineEvent[] = [];
  const logged: LogEntry[] = [];
  const reports: string[] = [];
  const metered: (RunCounts & { name: string })[] = [];
  const supervisor = new Supervisor({
    tiers: [tier],
    logs: { write: (_version, _invocation, entry) => void logged.push(entry) },
    whyNot: () => 'it is not installed',
    poolSize: 2,
    executorMemoryMb: 512,
    hostMemoryMb: 4096,
    tenantConcurrency: () => 100,
    report: (line) => void reports.push(line),
    meter: { add: ({ name }, counts) => void metered.push({ ...counts, name }) },
    quarantined: (event) => void events.push(event),
    ...settings,
  });
  t.after(async () => {
    tier.release();
    await supervisor.close(0);
  });
  await supervisor.start();
  const call = (version: FunctionVersion, made: Call = makeCall()): RecordingSink => {
    const sink = new RecordingSink();
    supervisor.invoke(version, made, sink);
    return sink;
  };
  return {
    tier,
    supervisor,
    events,
    logged,
    reports,
    metered,
    call,
    async running(version) {
      call(version);
      return (await tier.running(version.name)).at(-1) as MemoryCall;
    },
  };
}

export const only = (calls: readonly MemoryCall[]): MemoryCall => {
  assert.equal(calls.length, 1);
  return calls[0] as MemoryCall;
};

/** A turn of the event loop: what was put off has happened. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A tier whose executors host one sandbox each, and have a whole process for it. */
export function likeContainers(tier: MemoryTier): void {
  tier.name = 'container';
  tier.traits = {
    isLocal: true,
    languageWall: 'none',
    sharesExecutor: false,
    executorPerSandbox: true,
    pooled: true,
    sandboxMemory: 'process',
    runtimes: ['javascript', 'python'],
  };
}

/** A version for it, of one call at a time. */
export const contained = (name: string, limits: Partial<Limits> = {}): FunctionVersion =>
  makeVersion(name, { tier: 'container', limits });
