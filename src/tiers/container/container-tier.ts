/**
 * The `container` tier: a whole runtime, Node or Python, in a container that serves one function alone. Which engine makes
 * containers on this machine is all the same to it.
 *
 * Between a function and the agent stands no wall: whoever takes the agent over has what the function has. What keeps it
 * from the rest is the container.
 */

import type { Capabilities } from '../../core/capability.ts';
import { Fault } from '../../core/faults.ts';
import { MB } from '../../core/limits.ts';
import { RUNTIMES, type Runtime } from '../../core/runtime.ts';
import type { Executor, Tier, TierProbe, TierTraits } from '../../core/tier.ts';
import { packFiles } from '../../lib/packed-files.ts';
import { tryTier, type ProbeFunction } from '../probe.ts';
import { executorOf } from '../walled-executor.ts';
import type { ContainerEngine } from './engine.ts';

export interface ContainerTierOptions {
  /** It ends with the tier. */
  readonly engine: ContainerEngine;
  /** Serves what functions ask of the host (`fetch` …). Without it, every ask is refused. */
  readonly capabilities?: Capabilities;
  /** Size of the private /tmp of a container; what lies in it counts as its memory. 64 by default. */
  readonly scratchMb?: number;
  /** Processes and threads of a container together; 256 by default. */
  readonly maxTasks?: number;
}

const SCRATCH_MB = 64;
const MAX_TASKS = 256;
/** Which other way there is, whatever the reason. */
const CURE = 'Make bwrap or unshare work (cordon doctor says what they lack), or use Docker or Podman';

export function createContainerTier(options: ContainerTierOptions): Tier {
  const { engine, capabilities = null, scratchMb = SCRATCH_MB, maxTasks = MAX_TASKS } = options;
  let probed: Promise<TierProbe> | null = null;
  /** Those that may work; once they have been tried, those that do. */
  let runtimes: readonly Runtime[] = RUNTIMES;

  async function spawn(runtime: Runtime = 'javascript'): Promise<Executor> {
    const order = { runtime, limits: { maxTasks }, scratchBytes: scratchMb * MB };
    return executorOf(await engine.start(order), capabilities, { hostsOneSandbox: true });
  }

  async function probe(): Promise<TierProbe> {
    let found: ReadonlyMap<Runtime, string>;
    try {
      found = await engine.runtimes();
    } catch (error) {
      runtimes = [];
      return { works: false, reason: (error as Error).message, cure: CURE };
    }
    const tried = await Promise.all(
      [...found].map(async ([runtime, detail]) => {
        const answer = await tryTier('container', () => spawn(runtime), PROBES[runtime]);
        return { runtime, detail, answer };
      }),
    );
    const working = tried.filter(({ answer }) => answer.works);
    runtimes = working.map(({ runtime }) => runtime);
    const details = tried.map(({ detail, answer }) => (answer.works ? detail : `not ${detail}: ${answer.reason}`));
    const [first] = working;
    if (first !== undefined) return { works: true, detail: `a function answered in ${details.join('; ')}` };
    return { works: false, reason: details.join('; ') || 'No runtime was found', cure: CURE };
  }

  return {
    name: 'container',
    get traits(): TierTraits {
      return { ...TRAITS, runtimes };
    },
    probe: () => (probed ??= probe()),
    spawn: (runtime) => spawn(runtime).catch(refuse),
    close: () => engine.close(),
  };
}

const TRAITS: TierTraits = {
  languageWall: 'none',
  sharesExecutor: false,
  executorPerSandbox: true,
  pooled: true,
  sandboxMemory: 'process',
  isLocal: true,
  engine: 'node',
  hasNetwork: true,
};

/** What an engine throws that is no fault says why there is no container. */
function refuse(error: unknown): never {
  if (error instanceof Fault) throw error;
  throw new Fault('TIER_UNAVAILABLE', `No container was started: ${(error as Error).message}`);
}

const filesOf = (name: string, code: string): Uint8Array => packFiles(new Map([[name, Buffer.from(code)]]), name);

const PROBES: Readonly<Record<Runtime, ProbeFunction>> = {
  javascript: {
    runtime: 'javascript',
    artifact: {
      format: 'source',
      code: Buffer.from('export default () => ({ statusCode: 200 })'),
      cache: null,
      interleaves: false,
    },
  },
  python: {
    runtime: 'python',
    artifact: {
      format: 'files',
      code: filesOf('main.py', "def handler(event, context):\n    return {'statusCode': 200}\n"),
      cache: null,
      interleaves: false,
    },
  },
};
