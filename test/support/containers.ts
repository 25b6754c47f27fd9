/** Functions in containers of their own, for tests that ask what they can do there and what they leave behind. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import type { Capabilities } from '../../src/core/capability.ts';
import type { Artifact, FunctionVersion } from '../../src/core/function.ts';
import { MB, type Limits } from '../../src/core/limits.ts';
import type { Runtime } from '../../src/core/runtime.ts';
import type { Executor, Tier } from '../../src/core/tier.ts';
import { packFiles } from '../../src/lib/packed-files.ts';
import { createContainerTier } from '../../src/tiers/container/container-tier.ts';
import { createEmbeddedEngine } from '../../src/tiers/container/embedded/embedded-engine.ts';
import { findPlaces } from '../../src/walls/cgroup/places.ts';
import { descendantsOf } from '../../src/walls/process-tree.ts';
import { selectWall } from '../../src/walls/select.ts';
import type { UidRange } from '../../src/walls/uids.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { makeVersion } from './calls.ts';
import { OpenSandbox } from './sandbox.ts';

const TICK_MS = 50;

/** Of this process alone: tests that run beside it look for what is left of theirs. */
export const CONTAINER_UIDS: UidRange = { first: 10_000_000 + process.pid * 200, count: 200 };

export interface BareTier {
  readonly tier: Tier;
  close(): Promise<void>;
}

/** The tier over the embedded engine and nothing else: no process but its own runs beside it. */
export async function startBareContainerTier(wallName: WallName, capabilities?: Capabilities): Promise<BareTier> {
  const { wall, probes } = await selectWall({ unsafeNoOsSandbox: false, force: wallName, uidRange: CONTAINER_UIDS });
  if (wall === null) throw new Error(`${wallName} does not work here: ${JSON.stringify(probes)}`);
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-containers-'));
  const engine = createEmbeddedEngine({ wall, wallProbes: probes, cacheDir });
  const tier = createContainerTier({ engine, ...(capabilities === undefined ? {} : { capabilities }) });
  return {
    tier,
    async close() {
      await tier.close();
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}

export interface ContainerOptions {
  readonly limits?: Partial<Limits>;
  readonly env?: Readonly<Record<string, string>>;
}

/** One function alone in a container. */
export class Contained extends OpenSandbox {
  readonly executor: Executor;
  /** What it wrote, by whatever way. */
  readonly logs: string[] = [];
  /** Why the host gave it up, as far as it did. */
  readonly broken: string[] = [];
  readonly exited: Promise<string>;
  readonly #timer: NodeJS.Timeout;

  constructor(executor: Executor, version: FunctionVersion) {
    super(executor, version);
    this.executor = executor;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.exited = promise;
    executor.listen({
      onExit: (reason) => resolve(reason),
      onBroken: (reason) => {
        this.broken.push(reason);
        void executor.kill(reason);
      },
      onOverrun: () => void executor.kill('it did not end when its time was over'),
      onLog: (_version, _invocation, { level, message }) => void this.logs.push(`${level}: ${message}`),
    });
    // The supervisor's part: heartbeats and deadlines.
    this.#timer = setInterval(() => executor.tick(performance.now()), TICK_MS);
  }

  /** False where this machine can't hold memory. */
  hold(memoryMb: number): boolean {
    return this.executor.holdTo?.((this.executor.usage()?.rssBytes ?? 0) + memoryMb * MB) === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.executor.kill('the test is over');
  }
}

let count = 0;

/** Code of a module in JavaScript, or of `main.py`. */
export async function contain(
  tier: Tier,
  runtime: Runtime,
  code: string,
  { limits = {}, env = {} }: ContainerOptions = {},
): Promise<Contained> {
  const executor = await tier.spawn(runtime);
  const artifact = artifactOf(runtime, code);
  return new Contained(executor, makeVersion(`c${++count}`, { tier: 'container', runtime, artifact, env, limits }));
}

/** Code that nobody built. */
export const artifactOf = (runtime: Runtime, code: string): Artifact => ARTIFACTS[runtime](code);

const ARTIFACTS: Readonly<Record<Runtime, (code: string) => Artifact>> = {
  javascript: (code) => ({ format: 'source', code: Buffer.from(code), cache: null, interleaves: false }),
  python: (code) => ({
    format: 'files',
    code: packFiles(new Map([['main.py', Buffer.from(code)]]), 'main.py'),
    cache: null,
    interleaves: false,
  }),
};

/** What the tests of one wall start, in a `describe`: after each of them nothing may be left. */
export interface ContainersUnderTest {
  start(runtime: Runtime, code: string, options?: ContainerOptions): Promise<Contained>;
  /** The body of an answer, as JSON. */
  answerOf(contained: Contained): Promise<unknown>;
  /** Starts a container that must go on answering whatever happens to another. */
  withNeighbour(): Promise<void>;
  neighbourAnswers(): Promise<void>;
}

const NEIGHBOUR = `export default () => ({ statusCode: 200, body: 'here' })`;

export function containersBehind(wall: WallName): ContainersUnderTest {
  let subject: BareTier;
  let neighbour: Contained | null = null;
  const start = (runtime: Runtime, code: string, options?: ContainerOptions): Promise<Contained> =>
    contain(subject.tier, runtime, code, options);
  before(async () => {
    subject = await startBareContainerTier(wall);
    const probe = await subject.tier.probe();
    assert.deepEqual(
      [probe.works, subject.tier.traits.runtimes],
      [true, ['javascript', 'python']],
      JSON.stringify(probe),
    );
    assert.deepEqual(leftBehind(), []);
  });
  afterEach(async () => {
    await neighbour?.[Symbol.asyncDispose]();
    neighbour = null;
    assert.deepEqual(leftBehind(), []);
  });
  after(() => subject?.close());
  return {
    start,
    answerOf: async (contained) => JSON.parse((await contained.call()).body) as unknown,
    async withNeighbour() {
      neighbour = await start('javascript', NEIGHBOUR);
    },
    async neighbourAnswers() {
      assert.equal((await neighbour?.call())?.body, 'here');
    },
  };
}

/** Processes below this one, or of a host uid of these tests; cgroups of this process; its mounts. */
export function leftBehind(): readonly string[] {
  return [
    ...descendantsOf(process.pid).map((pid) => `process ${pid} ${nameOf(pid)}`),
    ...ownedProcesses().map((pid) => `process ${pid} ${nameOf(pid)}`),
    ...ownCgroups(),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(' cordon ')),
  ];
}

function ownedProcesses(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const uid = Number(/^Uid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
      return pid > 0 && uid >= CONTAINER_UIDS.first && uid < CONTAINER_UIDS.first + CONTAINER_UIDS.count;
    });
}

function ownCgroups(): readonly string[] {
  const places = findPlaces(textOf('/proc/self/cgroup'), textOf('/proc/self/mountinfo'));
  return places.flatMap(({ folder }) => {
    const own = readdirSync(folder).filter((name) => name.startsWith(`cordon-${process.pid}-`));
    return own.flatMap((name) =>
      readdirSync(join(folder, name), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(folder, name, entry.name)),
    );
  });
}

const nameOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 100);

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
