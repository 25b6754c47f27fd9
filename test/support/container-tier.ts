/**
 * The container tier over the embedded engine, behind one of the real walls.
 *
 * A container serves one function. The suites open many in what they take for one executor, so what they get is a group:
 * each function that is opened takes a container that waits, as under the supervisor, whose part in ending them it plays.
 */

import type { Capabilities } from '../../src/core/capability.ts';
import { Fault } from '../../src/core/faults.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import { MB } from '../../src/core/limits.ts';
import type { Runtime } from '../../src/core/runtime.ts';
import type { Executor, ExecutorEvents, ExecutorUsage, Sandbox, SandboxEvents, Tier } from '../../src/core/tier.ts';
import { createContainerTier } from '../../src/tiers/container/container-tier.ts';
import { createEmbeddedEngine } from '../../src/tiers/container/embedded/embedded-engine.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { CONTAINER_UIDS } from './containers.ts';
import { startWalledTier, type TierUnderTest } from './walled-tier.ts';

const TICK_MS = 50;
/** As the supervisor gives: what an executor may use besides its function's memory, and what the kernel counts besides. */
const MB_BESIDE = 112;

const startPlain = (wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> =>
  startWalledTier({
    wallName,
    uids: CONTAINER_UIDS,
    capabilities,
    create: ({ capabilities: given, ...options }) =>
      createContainerTier({
        engine: createEmbeddedEngine(options),
        ...(given === undefined ? {} : { capabilities: given }),
      }),
  });

export const startContainerTier = async (wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> =>
  inGroups(await startPlain(wallName, capabilities));

/** For any engine's tier: one container for each function that is built. */
export function inGroups(subject: TierUnderTest, runtime: Runtime = 'javascript'): TierUnderTest {
  const { tier } = subject;
  const waiting: Executor[] = [];
  const grouped: Tier = {
    name: tier.name,
    get traits() {
      return tier.traits;
    },
    probe: () => tier.probe(),
    spawn: () => Promise.resolve(new Group(waiting)),
    close: () => tier.close(),
  };
  return {
    tier: grouped,
    async build(...order) {
      const [artifact, container] = await Promise.all([subject.build(...order), tier.spawn(runtime)]);
      waiting.push(container);
      return artifact;
    },
    async close() {
      await Promise.all(waiting.map((container) => container.kill('the tests are over')));
      await subject.close();
    },
  };
}

let groups = 0;

class Group implements Executor {
  readonly id: string = `group${++groups}`;
  readonly #waiting: Executor[];
  /** With the bytes at which each is ended, where the kernel does not do so. */
  readonly #containers = new Map<Executor, number>();
  #events: ExecutorEvents | null = null;
  #ended = false;
  readonly #timer = setInterval(() => this.tick(performance.now()), TICK_MS);

  constructor(waiting: Executor[]) {
    this.#waiting = waiting;
  }

  get pid(): number | null {
    return [...this.#containers.keys()][0]?.pid ?? null;
  }

  open(version: FunctionVersion, events: SandboxEvents): Sandbox {
    const container = this.#waiting.shift();
    if (container === undefined) throw new Error('A function takes the container that was started when it was built');
    const boundBytes = (container.usage()?.rssBytes ?? 0) + (version.limits.memoryMb + MB_BESIDE) * MB;
    this.#containers.set(container, container.holdTo?.(boundBytes) === true ? Infinity : boundBytes);
    container.listen({
      onExit: () => void this.#containers.delete(container),
      onBroken: (reason, culprit) => {
        this.#events?.onBroken(reason, culprit);
        void container.kill(reason);
      },
      onOverrun: (overrun) => {
        this.#events?.onOverrun(overrun);
        void container.kill('a function did not end when its time was over');
      },
      onLog: (...line) => this.#events?.onLog(...line),
    });
    return container.open(version, events);
  }

  listen(events: ExecutorEvents): void {
    this.#events = events;
  }

  usage(): ExecutorUsage | null {
    if (this.#ended) return null;
    const each = [...this.#containers.keys()].map((container) => container.usage()?.rssBytes ?? 0);
    return { rssBytes: each.reduce((sum, bytes) => sum + bytes, 0) };
  }

  cpuMs(): number | null {
    if (this.#ended) return null;
    return [...this.#containers.keys()].reduce((sum, container) => sum + (container.cpuMs() ?? 0), 0);
  }

  tick(nowMs: number): number {
    for (const [container, boundBytes] of this.#containers) {
      if ((container.usage()?.rssBytes ?? 0) < boundBytes) continue;
      void container.kill('it is over its memory', new Fault('OUT_OF_MEMORY', 'The function is over its memory'));
    }
    return Math.max(0, ...[...this.#containers.keys()].map((container) => container.tick(nowMs)));
  }

  async kill(reason: string): Promise<void> {
    if (this.#ended) return;
    clearInterval(this.#timer);
    await Promise.all([...this.#containers.keys()].map((container) => container.kill(reason)));
    this.#ended = true;
    this.#events?.onExit(reason);
  }
}
