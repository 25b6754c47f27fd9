/** Functions in the worker tier, for tests that ask what they can do there. */

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Executor } from '../../src/core/tier.ts';
import { makeVersion } from './calls.ts';
import type { TierUnderTest } from './walled-tier.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import { OpenSandbox } from './sandbox.ts';
import { startWorkerTier } from './worker-tier.ts';

type Options = Partial<Omit<FunctionVersion, 'limits'>> & { limits?: Partial<Limits> };

export interface WorkerSandboxes {
  /** Why executors were given up. */
  readonly broken: string[];
  /** What functions wrote, line by line. */
  readonly logs: string[];
  /** Opens a function in the executor that all share, or in another. */
  open(code: string, options?: Options, where?: Executor): Promise<OpenSandbox>;
  /** What the body of a handler returns, as JSON. */
  run(body: string): Promise<unknown>;
  spawn(): Promise<Executor>;
}

/** Started before the tests of a file, and gone after them. */
export function workerSandboxes(capabilities?: Capabilities): WorkerSandboxes {
  let subject: TierUnderTest;
  const executors: Executor[] = [];
  const broken: string[] = [];
  const logs: string[] = [];
  let count = 0;
  const spawn = async (): Promise<Executor> => {
    const executor = await subject.tier.spawn();
    executor.listen({
      onExit: () => undefined,
      onBroken: (reason) => void broken.push(reason),
      onOverrun: () => undefined,
      onLog: (_version, _invocation, { level, message }) => void logs.push(`${level}: ${message}`),
    });
    executors.push(executor);
    return executor;
  };
  const open = async (code: string, options: Options = {}, where?: Executor): Promise<OpenSandbox> =>
    new OpenSandbox(
      where ?? (executors[0] as Executor),
      makeVersion(`w${++count}`, {
        tier: 'worker',
        env: { GIVEN: 'value' },
        artifact: await subject.build(code, options.handler),
        ...options,
        limits: { concurrency: 64, memoryMb: 128, ...options.limits },
      }),
    );
  before(async () => {
    subject = await startWorkerTier('bwrap', capabilities);
    await spawn();
  });
  after(async () => {
    await Promise.all(executors.map((executor) => executor.kill('the tests are over')));
    await subject?.close();
    assert.deepEqual(broken, [], 'no function made its executor break the protocol');
  });
  return {
    broken,
    logs,
    open,
    spawn,
    async run(body) {
      const opened = await open(
        `import { createRequire } from 'node:module'; const load = createRequire('/tmp/');
         export default { async fetch(request, env, ctx) { const found = await (async () => { ${body} })(); return Response.json(found ?? null); } }`,
      );
      return JSON.parse((await opened.call()).body) as unknown;
    },
  };
}
