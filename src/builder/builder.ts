/**
 * Builder: sources in, artifacts out. Sources are as hostile as running code, so each is built in a walled child of its
 * own that nothing else is ever built in; one such child is kept waiting, so that a deploy does not wait for it to start.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Fault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import { bundleGuest } from '../lib/bundles.ts';
import { EXECUTOR_V8_FLAGS } from '../lib/v8-flags.ts';
import type { Wall } from '../walls/wall.ts';
import { BuildCache } from './build-cache.ts';
import { BuildChild, type BuildChildOptions } from './build-child.ts';
import { tooLarge, type BuildResult } from './build-result.ts';
import { hashOf, requireBuildable, type BuildSource } from './build-source.ts';
import { FairQueue } from './fair-queue.ts';
import { RecentResults } from './recent-results.ts';

export interface BuilderOptions {
  readonly wall: Wall;
  /** The builder's own: results, and the key that authenticates them. */
  readonly cacheDir: string;
  readonly maxBundleBytes: number;
  /** Builds at a time; 2 by default. */
  readonly concurrency?: number;
  /** Wall time of one build; 20 s by default. */
  readonly timeoutMs?: number;
  /** Resident memory of one build's processes; 512 by default. */
  readonly memoryMb?: number;
}

export interface Builder {
  /**
   * Rejects with a Fault: BAD_REQUEST for paths that can't be, CODE_TOO_LARGE, COMPILE_FAILED with a code frame for each
   * error, OVERLOADED, SHUTTING_DOWN. Builds wait by turns of their owners.
   */
  build(source: BuildSource, owner?: string): Promise<BuildResult>;
  /** Ends what runs and refuses what waits. */
  close(): Promise<void>;
}

const DEFAULT_CONCURRENCY = 2;
const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_MEMORY_MB = 512;
const MAX_WAITING = 32;
const DISK_BYTES: number = 256 * MB;
const MEMORY_BYTES: number = 32 * MB;
const CHILD = new URL('../guest/builder/main.ts', import.meta.url);
const GUEST_MODULES = '/cordon/node_modules';

export function createBuilder(options: BuilderOptions): Builder {
  return new WalledBuilder(options);
}

interface Toolchain {
  readonly child: BuildChildOptions;
  /** Everything besides the source that decides a result. */
  readonly name: string;
}

class WalledBuilder implements Builder {
  readonly #options: BuilderOptions;
  readonly #cache: BuildCache;
  readonly #recent = new RecentResults(MEMORY_BYTES);
  readonly #queue: FairQueue;
  readonly #underWay = new Map<string, Promise<BuildResult>>();
  readonly #children = new Set<BuildChild>();
  #toolchain: Promise<Toolchain> | null = null;
  #spare: Promise<BuildChild> | null = null;
  #closed = false;

  constructor(options: BuilderOptions) {
    this.#options = options;
    this.#cache = new BuildCache({ dir: options.cacheDir, maxBytes: DISK_BYTES });
    this.#queue = new FairQueue({ concurrency: options.concurrency ?? DEFAULT_CONCURRENCY, maxWaiting: MAX_WAITING });
    this.#keepSpare();
  }

  async build(source: BuildSource, owner = ''): Promise<BuildResult> {
    requireBuildable(source);
    const toolchain = await this.#tools();
    if (this.#closed) throw shuttingDown();
    const hash = hashOf(source, toolchain.name);
    const result = this.#recent.get(hash) ?? (await this.#once(hash, () => this.#find(hash, source, owner, toolchain)));
    if (result.code.length > this.#options.maxBundleBytes) throw tooLarge(this.#options.maxBundleBytes);
    return result;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue.close(shuttingDown());
    await this.#spare?.catch(() => undefined);
    await Promise.all([...this.#children].map((child) => child.kill()));
    await Promise.allSettled(this.#underWay.values());
  }

  /** The same content asked for twice is built once. */
  #once(hash: string, make: () => Promise<BuildResult>): Promise<BuildResult> {
    const found = this.#underWay.get(hash);
    if (found !== undefined) return found;
    const made = make().finally(() => this.#underWay.delete(hash));
    this.#underWay.set(hash, made);
    return made;
  }

  async #find(hash: string, source: BuildSource, owner: string, toolchain: Toolchain): Promise<BuildResult> {
    const cached = await this.#cache.get(hash);
    const result = cached ?? (await this.#queue.run(owner, () => this.#buildNow(source, toolchain)));
    this.#recent.put(hash, result);
    // A full disk costs the next build of this source its short cut, not this one its result.
    if (cached === null) await this.#cache.put(hash, result).catch(() => undefined);
    return result;
  }

  async #buildNow(source: BuildSource, toolchain: Toolchain): Promise<BuildResult> {
    const child = await this.#takeChild(toolchain);
    try {
      return await child.build(source);
    } catch (error) {
      throw this.#closed ? shuttingDown() : error;
    } finally {
      // The answer need not wait for the process to be gone; closing does.
      void child.kill().finally(() => {
        this.#children.delete(child);
        this.#keepSpare();
      });
    }
  }

  async #takeChild(toolchain: Toolchain): Promise<BuildChild> {
    const spare = this.#spare;
    this.#spare = null;
    const waiting = await spare?.catch(() => null);
    if (waiting?.alive === true) return waiting;
    return this.#start(toolchain.child);
  }

  /** While nothing is being built, so that it takes no processor from a build. */
  #keepSpare(): void {
    if (this.#closed || this.#spare !== null || !this.#queue.idle) return;
    const spare = this.#tools().then(({ child }) => this.#start(child));
    // Why it failed is said to the build that needs one and can't have it.
    spare.catch(() => undefined);
    this.#spare = spare;
  }

  async #start(options: BuildChildOptions): Promise<BuildChild> {
    const child = await BuildChild.start(options);
    this.#children.add(child);
    if (!this.#closed) return child;
    await child.kill();
    throw shuttingDown();
  }

  #tools(): Promise<Toolchain> {
    this.#toolchain ??= this.#makeTools().catch((error: unknown) => {
      this.#toolchain = null;
      throw error;
    });
    return this.#toolchain;
  }

  async #makeTools(): Promise<Toolchain> {
    const {
      wall,
      cacheDir,
      maxBundleBytes,
      timeoutMs = DEFAULT_TIMEOUT_MS,
      memoryMb = DEFAULT_MEMORY_MB,
    } = this.#options;
    const script = await bundleGuest(CHILD, cacheDir, { name: 'builder', platform: 'node', external: ['esbuild'] });
    const { files, version } = findEsbuild();
    const { v8 } = process.versions;
    return {
      child: { wall, script, files, maxBundleBytes, timeoutMs, memoryBytes: memoryMb * MB },
      // The script's name is the hash of its content.
      name: [script.slice(cacheDir.length), version, v8, process.arch, ...EXECUTOR_V8_FLAGS].join(' '),
    };
  }
}

/** The package and its program, as the child finds them. */
function findEsbuild(): { readonly files: BuildChildOptions['files']; readonly version: string } {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('esbuild/package.json');
  const home = dirname(manifest);
  const { version } = require(manifest) as { readonly version: string };
  const program = `@esbuild/${process.platform}-${process.arch}`;
  return {
    version,
    files: [
      { host: home, inside: join(GUEST_MODULES, 'esbuild') },
      {
        host: dirname(createRequire(manifest).resolve(`${program}/package.json`)),
        inside: join(GUEST_MODULES, program),
      },
    ],
  };
}

const shuttingDown = (): Fault => new Fault('SHUTTING_DOWN', 'Cordon is shutting down');
