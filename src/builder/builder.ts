/**
 * Builder: sources in, artifacts out. Sources are as hostile as running code, so each is built in a walled child of its
 * own that nothing else is ever built in; one such child is kept waiting, so that a deploy does not wait for it to start.
 */

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
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
import type { FetchModule } from './module-fetches.ts';
import { makeNodeModules } from './node-modules.ts';
import { packPython } from './python-package.ts';
import { RecentResults } from './recent-results.ts';
import { withPackages, withRequirements } from './vendoring/dependencies.ts';
import type { Vendor } from './vendoring/vendor.ts';

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
  /** Fetches what `https:` and `jsr:` imports name. Without it they are refused, and the error says so. */
  readonly fetchModule?: FetchModule;
  /** Installs what a source asks for and does not bring along. Without it that is refused, and the error says so. */
  readonly vendor?: Vendor;
}

export interface Builder {
  /**
   * Rejects with a Fault: BAD_REQUEST for paths that can't be, CODE_TOO_LARGE, COMPILE_FAILED with a code frame for each
   * error, TIER_UNAVAILABLE for dependencies that can't be installed here, OVERLOADED, SHUTTING_DOWN. Builds wait by turns of their owners.
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
const NODE_MODULES = '/cordon/node-modules.json';

export function createBuilder(options: BuilderOptions): Builder {
  return new WalledBuilder(options);
}

interface Toolchain {
  readonly child: BuildChildOptions;
  /** Everything besides the source that decides a result. */
  readonly name: string;
}

interface Keys {
  /** Of what the sources alone decide. */
  readonly shared: string;
  /** Of what an owner's fetches took part in: another may not reach what this one reaches. */
  readonly own: string;
}

const keysOf = (hash: string, owner: string): Keys => ({
  shared: hash,
  own: createHash('sha256')
    .update(JSON.stringify([hash, owner]))
    .digest('hex'),
});

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
    const vendor = this.#options.vendor ?? null;
    if (source.runtime === 'python') {
      const { files, notes } = await withRequirements(source, vendor, owner);
      return packPython({ ...source, files }, this.#options.maxBundleBytes, notes);
    }
    try {
      return await this.#bundle(source, owner);
    } catch (error) {
      const vendored = await withPackages(source, error, vendor, owner);
      if (vendored === null) throw error;
      const result = await this.#bundle({ ...source, files: vendored.files }, owner);
      return { ...result, warnings: [...vendored.notes, ...result.warnings] };
    }
  }

  async #bundle(source: BuildSource, owner: string): Promise<BuildResult> {
    requireBuildable(source);
    const toolchain = await this.#tools();
    if (this.#closed) throw shuttingDown();
    const keys = keysOf(hashOf(source, toolchain.name), owner);
    const result =
      this.#recent.get(keys.shared) ??
      this.#recent.get(keys.own) ??
      (await this.#once(keys.own, () => this.#find(keys, source, owner, toolchain)));
    if (result.code.length > this.#options.maxBundleBytes) throw tooLarge(this.#options.maxBundleBytes);
    // Node keeps an invocation's context over every `await` by itself.
    return source.engine === 'node' ? { ...result, interleaves: true } : result;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.vendor?.close();
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

  async #find(keys: Keys, source: BuildSource, owner: string, toolchain: Toolchain): Promise<BuildResult> {
    const cached = (await this.#cache.get(keys.shared)) ?? (await this.#cache.get(keys.own));
    const result = cached ?? (await this.#queue.run(owner, () => this.#buildNow(source, owner, toolchain)));
    const key = result.fetched.size === 0 ? keys.shared : keys.own;
    this.#recent.put(key, result);
    // A full disk costs the next build of this source its short cut, not this one its result.
    if (cached === null) await this.#cache.put(key, result).catch(() => undefined);
    return result;
  }

  async #buildNow(source: BuildSource, owner: string, toolchain: Toolchain): Promise<BuildResult> {
    const child = await this.#takeChild(toolchain);
    try {
      return await child.build(source, owner);
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
    const [script, nodeModules] = await Promise.all([
      bundleGuest(CHILD, cacheDir, { name: 'builder', platform: 'node', external: ['esbuild'] }),
      makeNodeModules(cacheDir),
    ]);
    const { files, version } = findEsbuild();
    const { v8 } = process.versions;
    // The names of ours are hashes of their contents.
    const ours = [script, nodeModules].map((file) => basename(file));
    return {
      child: {
        wall,
        script,
        files: [...files, { host: nodeModules, inside: NODE_MODULES }],
        nodeModules: NODE_MODULES,
        fetchModule: this.#options.fetchModule ?? null,
        maxBundleBytes,
        timeoutMs,
        memoryBytes: memoryMb * MB,
      },
      name: [...ours, version, v8, process.arch, ...EXECUTOR_V8_FLAGS].join(' '),
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
