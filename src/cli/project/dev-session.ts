/**
 * Dev session: keeps a server's functions as the files of a project are, until it is closed.
 *
 * Every change of a file leads to one look at the whole project; only a function of which something has really changed is
 * deployed. So it does not matter how an editor writes files, nor how many events that makes.
 */

import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, sep } from 'node:path';
import { functionPath } from '../client.ts';
import type { Client } from '../client.ts';
import { CliError } from '../command.ts';
import { deploy } from '../deploying.ts';
import { deployedText } from '../views.ts';
import { bodyOf, prepare } from './deployment.ts';
import type { Prepared } from './deployment.ts';
import { readProject } from './project.ts';
import type { Project, ProjectFunction } from './project.ts';

export interface DevSessionOptions {
  /** Absolute. */
  readonly folder: string;
  /** Where the files of functions have to be. */
  readonly root: string;
  readonly client: Client;
  /** Where the addresses that are told begin. */
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** One line for the person who watches. */
  report(line: string): void;
}

/** Editors write a file in several steps. */
const SETTLE_MS = 60;
const IGNORED_FOLDERS: ReadonlySet<string> = new Set(['.cordon', '.git']);

export class DevSession {
  readonly #options: DevSessionOptions;
  /** Name → what was sent of it last, whether it was taken or not: what failed is tried again when it has changed. */
  readonly #sent = new Map<string, string>();
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #isStale = false;
  #isClosed = false;

  constructor(options: DevSessionOptions) {
    this.#options = options;
  }

  /** Resolves when everything that can be deployed is. */
  start(): Promise<void> {
    return this.#sync();
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    await this.#running;
  }

  /** One at a time; what changes meanwhile is looked at once more afterwards. */
  #sync(): Promise<void> {
    if (this.#running !== null) {
      this.#isStale = true;
      return this.#running;
    }
    this.#running = (async () => {
      do {
        this.#isStale = false;
        await this.#look();
      } while (this.#isStale && !this.#isClosed);
    })().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #look(): Promise<void> {
    try {
      // A manifest may come to be.
      this.#watch(this.#options.folder, false);
      const project = await readProject(this.#options.folder);
      this.#watch(project.functionsDir, true);
      if (project.manifestPath !== null) this.#watch(dirname(project.manifestPath), false);
      for (const found of project.functions) await this.#update(found);
      await this.#removeOthers(project);
    } catch (error) {
      this.#report(error, '');
    }
  }

  async #update(found: ProjectFunction): Promise<void> {
    const { root, client, env, url, report } = this.#options;
    try {
      const prepared = await prepare(found, env, root);
      for (const path of prepared.sources.paths) this.#watch(dirname(path), false);
      const fingerprint = fingerprintOf(prepared);
      if (this.#sent.get(found.name) === fingerprint || this.#isClosed) return;
      this.#sent.set(found.name, fingerprint);
      report(deployedText(await deploy(client, prepared, { tenant: undefined }), url));
    } catch (error) {
      this.#report(error, `${found.name}: `);
    }
  }

  async #removeOthers({ functions }: Project): Promise<void> {
    const gone = [...this.#sent.keys()].filter((name) => !functions.some((found) => found.name === name));
    for (const name of gone) {
      this.#sent.delete(name);
      await this.#options.client.api('DELETE', functionPath(name)).catch((error: unknown) => this.#report(error, ''));
      this.#options.report(`${name} is deleted`);
    }
  }

  #watch(folder: string, recursive: boolean): void {
    if (this.#isClosed || this.#isWatched(folder) || folder.split(sep).includes('node_modules')) return;
    const watcher = watch(folder, { recursive }, (_event, file) => {
      if (file?.split(sep).some((part) => IGNORED_FOLDERS.has(part)) === true) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#sync(), SETTLE_MS);
    });
    this.#watchers.set(recursive ? `${folder}${sep}` : folder, watcher);
    // A folder that is removed can't be watched any more; its parent's event leads to the next look.
    watcher.on('error', () => this.#forget(watcher));
  }

  #isWatched(folder: string): boolean {
    return [...this.#watchers.keys()].some(
      (key) => key === folder || (key.endsWith(sep) && `${folder}${sep}`.startsWith(key)),
    );
  }

  #forget(watcher: FSWatcher): void {
    watcher.close();
    for (const [key, known] of this.#watchers) if (known === watcher) this.#watchers.delete(key);
  }

  /** What the person who writes the functions can put right is told; anything else is an error of ours. */
  #report(error: unknown, prefix: string): void {
    const { folder, report } = this.#options;
    if (!(error instanceof CliError) && (error as NodeJS.ErrnoException).syscall === undefined && !isFault(error))
      throw error;
    report(`${prefix}${(error as Error).message.replaceAll(`${folder}${sep}`, '')}`);
  }
}

const isFault = (error: unknown): boolean => (error as Error).name === 'Fault';

function fingerprintOf(prepared: Prepared): string {
  return createHash('sha256')
    .update(JSON.stringify(bodyOf(prepared, { tenant: undefined })))
    .digest('hex');
}
