/**
 * Vendor: puts the packages that a source asks for beside it. npm and pip do the work, each as a function of ours in a
 * container: what they read was written by strangers, and they need a network, which there is the egress proxy alone, with
 * a rule that names the operator's registry and nothing else. No script of a package is run. What they put together is kept
 * under a hash of what was asked for, for the tenant that asked.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { SourceFiles } from '../../core/deployment.ts';
import { Fault } from '../../core/faults.ts';
import type { Artifact, FunctionVersion } from '../../core/function.ts';
import { DEFAULT_CHOSEN, MB } from '../../core/limits.ts';
import { ownVersion } from '../../core/own-version.ts';
import { SYSTEM } from '../../core/principal.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { TierName } from '../../core/tier.ts';
import type { Invocations } from '../../core/whole-invocation.ts';
import { bundleGuest } from '../../lib/bundles.ts';
import { packFiles } from '../../lib/packed-files.ts';
import { FairQueue } from '../fair-queue.ts';
import { SealedFolder } from '../sealed-folder.ts';
import { failureOf } from './install-outcome.ts';
import { NODE_PACKAGES, PYTHON_PACKAGES, packagesOf, readInstalled } from './installed.ts';
import type { NodeDependencies } from './node-dependencies.ts';
import { findNpm } from './npm-tool.ts';
import { findPip } from './pip-tool.ts';
import type { Requirements } from './requirements.ts';
import type { Tool } from './tool.ts';

export interface VendorOptions {
  /** The vendor's own: what was installed, and the key that authenticates it. */
  readonly cacheDir: string;
  /** Runs a version of ours. */
  readonly run: Invocations['run'];
  /** The tier that has this runtime as a whole, with a network; null where none does. */
  placeOf(runtime: Runtime): TierName | null;
  /** The Python that functions get: a path or a name. */
  readonly python: string;
  /** The operator's word, in place of pip's own configuration. */
  readonly pipIndexUrl: string | null;
  /** The operator's word, in place of npm's own configuration. */
  readonly npmRegistry: string | null;
  /** Wall time of one installation; 180 s by default. */
  readonly timeoutMs?: number;
}

export interface Vendored {
  /** Under their paths from the root of the function. */
  readonly files: SourceFiles;
  /** For the log of the deployment. */
  readonly notes: readonly string[];
}

/** One installation. */
interface Order {
  readonly kind: 'npm' | 'pip';
  readonly owner: string;
  readonly tool: Tool;
  readonly tier: TierName;
  /** What decides the result, besides the tool. */
  readonly asked: string;
  readonly isLocked: boolean;
  readonly artifact: Artifact;
  readonly body: Uint8Array;
  /** Where the packages lie in what comes back. */
  readonly folder: string;
  readonly cure: string;
}

const DEFAULT_TIMEOUT_MS = 180_000;
const MEMORY_MB = 512;
const REQUEST_BYTES = 64 * MB;
const RESPONSE_BYTES = 96 * MB;
const DISK_BYTES = 512 * MB;
/** Of what names no version for certain; a newer one is found after that. */
const UNLOCKED_MS = 3_600_000;
const MAX_WAITING = 16;
const NPM = new URL('../../guest/vendoring/npm.ts', import.meta.url);
const PIP = new URL('../../guest/vendoring/pip.py', import.meta.url);
const NPM_CURE = 'run `npm install` before `cordon deploy`, which sends node_modules with the function';
const PIP_CURE = `upload them with the function: \`pip install --only-binary :all: --target ${PYTHON_PACKAGES.slice(0, -1)} -r requirements.txt\``;
const NPM_ARGS = [
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--no-update-notifier',
  '--no-bin-links',
  '--omit=dev',
  '--fetch-retries=1',
  '--fetch-timeout=30000',
  '--loglevel=error',
  // A package at a repository would be made by a program that is not there.
  '--git=/nowhere',
];
const PIP_ARGS = [
  'install',
  '--isolated',
  '--only-binary=:all:',
  '--no-input',
  '--disable-pip-version-check',
  '--no-cache-dir',
  '--no-compile',
  '--no-warn-script-location',
  '--progress-bar=off',
  '--retries=1',
  '--timeout=30',
];

export class Vendor {
  readonly #options: VendorOptions;
  readonly #cache: SealedFolder;
  readonly #queue = new FairQueue({ concurrency: 1, maxWaiting: MAX_WAITING });
  /** By name; found at the first installation. */
  readonly #tools = new Map<string, Promise<Tool>>();

  constructor(options: VendorOptions) {
    this.#options = options;
    this.#cache = new SealedFolder({ dir: options.cacheDir, maxBytes: DISK_BYTES });
  }

  /** Whether packages for this runtime can be installed here at all. */
  serves(runtime: Runtime): boolean {
    return this.#options.placeOf(runtime) !== null;
  }

  /** The registry that locks are held against. Rejects with TIER_UNAVAILABLE. */
  async npmRegistry(): Promise<URL> {
    return (await this.#npm()).registries[0]!;
  }

  /** Rejects with TIER_UNAVAILABLE, CODE_TOO_LARGE, COMPILE_FAILED, OVERLOADED. */
  async node({ folder, files, isLocked }: NodeDependencies, owner: string): Promise<Vendored> {
    const tool = await this.#npm();
    const order = { args: [isLocked ? 'ci' : 'install', ...NPM_ARGS, ...tool.args], certificates: tool.certificates };
    const project = [...files].map(([path, text]) => [`project/${path}`, Buffer.from(text)] as const);
    const sent = new Map([...tool.files, ...project, ['order.json', Buffer.from(JSON.stringify(order))]]);
    const installed = await this.#install({
      kind: 'npm',
      owner,
      tool,
      isLocked,
      tier: this.#placeOf('javascript', NPM_CURE),
      asked: JSON.stringify([...files]),
      artifact: await this.#npmArtifact(),
      body: packFiles(sent, 'order.json'),
      folder: NODE_PACKAGES,
      cure: NPM_CURE,
    });
    return { ...installed, files: new Map([...installed.files].map(([path, content]) => [folder + path, content])) };
  }

  /** Rejects as {@link node} does. */
  async python({ text, isLocked }: Requirements, owner: string): Promise<Vendored> {
    const tool = await this.#pip();
    const { certificates } = tool;
    return this.#install({
      kind: 'pip',
      owner,
      tool,
      isLocked,
      tier: this.#placeOf('python', PIP_CURE),
      asked: text,
      artifact: await pipArtifact(tool),
      body: Buffer.from(JSON.stringify({ requirements: text, args: [...PIP_ARGS, ...tool.args], certificates })),
      folder: PYTHON_PACKAGES,
      cure: PIP_CURE,
    });
  }

  close(): void {
    this.#queue.close(new Fault('SHUTTING_DOWN', 'Cordon is shutting down'));
  }

  async #install(order: Order): Promise<Vendored> {
    const { tool, folder, owner } = order;
    const name = nameOf(order);
    const kept = await this.#cache.get(name);
    const packed = kept ?? (await this.#queue.run(owner, () => this.#runNow(order)));
    const files = readInstalled(packed, folder);
    // A full disk costs the next deployment its short cut, not this one its packages.
    if (kept === null) await this.#cache.put(name, packed).catch(() => undefined);
    const how =
      kept === null ? `by ${tool.name} from ${tool.registries.map(({ host }) => host).join(', ')}` : 'earlier';
    return { files, notes: [`Dependencies, installed ${how}: ${shownPackages(packagesOf(files))}`] };
  }

  async #runNow(order: Order): Promise<Uint8Array> {
    const { run, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const { outcome } = run(versionOf(order, timeoutMs), {
      principal: SYSTEM,
      cause: 'invoke',
      method: 'POST',
      url: `http://localhost/${order.kind}`,
      headers: ['content-type', 'application/octet-stream', 'content-length', String(order.body.length)],
      body: order.body,
      reply: 'http',
      fresh: true,
    });
    const ended = await outcome;
    if (ended.response?.status === 200) return ended.response.body;
    throw failureOf(ended, order.tool, order.cure);
  }

  #placeOf(runtime: Runtime, cure: string): TierName {
    const tier = this.#options.placeOf(runtime);
    if (tier !== null) return tier;
    throw new Fault('TIER_UNAVAILABLE', `Dependencies are installed in a container, and none works here; ${cure}`);
  }

  #npm(): Promise<Tool> {
    return this.#toolOf('npm', () => findNpm(this.#options.npmRegistry));
  }

  #pip(): Promise<Tool> {
    return this.#toolOf('pip', () => findPip(this.#options.python, this.#options.pipIndexUrl));
  }

  /** One that is missing is looked for again: somebody may install it. */
  #toolOf(name: string, find: () => Promise<Tool>): Promise<Tool> {
    const found = this.#tools.get(name) ?? find();
    this.#tools.set(name, found);
    found.catch(() => this.#tools.delete(name));
    return found;
  }

  async #npmArtifact(): Promise<Artifact> {
    const script = await bundleGuest(NPM, this.#options.cacheDir, { name: 'npm', platform: 'node' });
    return { format: 'module', code: await readFile(script), cache: null, interleaves: true };
  }
}

async function pipArtifact(tool: Tool): Promise<Artifact> {
  const files = new Map([...tool.files, ['main.py', await readFile(fileURLToPath(PIP))]]);
  return { format: 'files', code: packFiles(files, 'main.py'), cache: null, interleaves: false };
}

/** As the tenant whose deployment it is: what it uses and what it is refused are that tenant's. */
function versionOf({ kind, owner, tool, tier, artifact }: Order, timeoutMs: number): FunctionVersion {
  return ownVersion({
    tenant: owner,
    name: 'installer',
    tier,
    runtime: kind === 'pip' ? 'python' : 'javascript',
    handlerName: kind === 'pip' ? 'app' : 'handler',
    artifact,
    egress: { allow: tool.registries.flatMap(destinationsOf), refusal: 'throw' },
    limits: {
      ...DEFAULT_CHOSEN,
      timeoutMs,
      memoryMb: MEMORY_MB,
      requestBytes: REQUEST_BYTES,
      responseBytes: RESPONSE_BYTES,
      logBytes: 16 * 1024,
      concurrency: 1,
      cpuMs: timeoutMs,
      subrequests: 20_000,
      openStreams: 128,
      egressBytes: 512 * MB,
    },
  });
}

/** Indexes whose files lie at another host. */
const COMPANIONS: Readonly<Record<string, string>> = { 'pypi.org': 'files.pythonhosted.org:443' };

function destinationsOf({ hostname, port, protocol }: URL): string[] {
  const own = `${hostname}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`;
  return [own, ...(Object.hasOwn(COMPANIONS, hostname) ? [COMPANIONS[hostname]!] : [])];
}

/** A tenant's own: another's installer may have been taken over by what it read. */
function nameOf({ kind, owner, tool, asked, isLocked }: Order): string {
  const { platform, arch } = process;
  const registries = tool.registries.map(({ href }) => href);
  const hour = isLocked ? null : Math.floor(Date.now() / UNLOCKED_MS);
  return createHash('sha256')
    .update(JSON.stringify([kind, owner, tool.name, registries, platform, arch, hour, asked]))
    .digest('hex');
}

function shownPackages(names: readonly string[]): string {
  const shown = names.slice(0, 40).join(', ');
  return names.length === 0 ? 'none' : names.length > 40 ? `${shown} and ${names.length - 40} more` : shown;
}
