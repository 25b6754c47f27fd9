/**
 * The embedded engine: containers made of this machine's own files behind our own walls. No daemon, no image: a root is a
 * list of files to show, and a container starts as fast as a process does.
 */

import { Fault } from '../../../core/faults.ts';
import type { Runtime } from '../../../core/runtime.ts';
import { missingGuarantees, type Wall, type WalledProcess, type WallProbe } from '../../../walls/wall.ts';
import { noWall } from '../../probe.ts';
import type { ContainerEngine, ContainerOrder, ContainerProcess } from '../engine.ts';
import { layOutPythonAgent } from '../python-agent.ts';
import { containerOf } from './container.ts';
import { findInterpreter } from './interpreter.ts';
import { nodeRoot } from './node-root.ts';
import { pythonRoot } from './python-root.ts';
import { commonFiles, type RootFile } from './root.ts';
import type { RuntimeRoot } from './runtime-root.ts';

export interface EmbeddedEngineOptions {
  /** Null where no wall stands on this machine; `wallProbes` says why. */
  readonly wall: Wall | null;
  readonly wallProbes: readonly WallProbe[];
  /** Where roots and agents are kept between starts. */
  readonly cacheDir: string;
  /** The Python to show; `python3` by default, as a shell would find it. */
  readonly pythonPath?: string;
}

export function createEmbeddedEngine(options: EmbeddedEngineOptions): ContainerEngine {
  return new EmbeddedEngine(options);
}

class EmbeddedEngine implements ContainerEngine {
  readonly name = 'embedded';
  readonly #options: EmbeddedEngineOptions;
  readonly #roots = new Map<Runtime, Promise<RuntimeRoot>>();
  readonly #started = new Set<WalledProcess>();
  #common: Promise<readonly RootFile[]> | null = null;
  #isClosed = false;

  constructor(options: EmbeddedEngineOptions) {
    this.#options = options;
  }

  async runtimes(): Promise<ReadonlyMap<Runtime, string>> {
    this.#requireWall();
    const found = new Map<Runtime, string>([['javascript', (await this.#rootOf('javascript')).detail]]);
    try {
      found.set('python', (await this.#rootOf('python')).detail);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    return found;
  }

  async start({ runtime, limits, scratchBytes }: ContainerOrder): Promise<ContainerProcess> {
    const wall = this.#requireWall();
    const { command } = await this.#rootOf(runtime);
    const walled = await wall.start({ ...command, profile: 'container', limits, scratchBytes });
    this.#started.add(walled);
    void walled.exited.then(() => this.#started.delete(walled));
    // It began while the engine ended.
    if (this.#isClosed) await walled.kill();
    return containerOf(walled);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#started].map((walled) => walled.kill()));
  }

  #requireWall(): Wall {
    const { wall, wallProbes } = this.#options;
    if (wall === null) throw new Fault('TIER_UNAVAILABLE', noWall(wallProbes).reason);
    const missing = missingGuarantees(wall, 'namespaces');
    if (missing.length === 0) return wall;
    throw new Fault(
      'TIER_UNAVAILABLE',
      `A container needs namespaces of its own, and the wall ${wall.name} does not guarantee ${missing.join(', ')}. ` +
        'Make bwrap or unshare work here (`cordon doctor` says what they lack), or use Docker or Podman',
    );
  }

  #rootOf(runtime: Runtime): Promise<RuntimeRoot> {
    let root = this.#roots.get(runtime);
    if (root === undefined) {
      root = runtime === 'python' ? this.#pythonRoot() : this.#nodeRoot();
      this.#roots.set(runtime, root);
      // What was lacking may be there the next time.
      root.catch(() => this.#roots.delete(runtime));
    }
    return root;
  }

  async #nodeRoot(): Promise<RuntimeRoot> {
    return nodeRoot(await this.#commonFiles(), this.#options.cacheDir);
  }

  async #pythonRoot(): Promise<RuntimeRoot> {
    const { cacheDir, pythonPath } = this.#options;
    const interpreter = await findInterpreter(pythonPath);
    const agent = await layOutPythonAgent(cacheDir, interpreter.path);
    return pythonRoot(interpreter, agent, await this.#commonFiles(), cacheDir);
  }

  #commonFiles(): Promise<readonly RootFile[]> {
    this.#common ??= commonFiles(this.#options.cacheDir);
    return this.#common;
  }
}
