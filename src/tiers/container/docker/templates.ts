/**
 * Template: what the image of a runtime is made of: a configured base image, or this machine's own files, and the agent.
 * The same template is the same image, by name: its tag is the hash of all that goes into it.
 */

import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../../../core/faults.ts';
import type { Runtime } from '../../../core/runtime.ts';
import type { WalledCommand } from '../../../walls/wall.ts';
import type { TarEntry } from './tar.ts';

export interface Template {
  readonly runtime: Runtime;
  /** Of the image, without its tag. */
  readonly image: string;
  /** Null: `scratch`. */
  readonly base: string | null;
  /** A folder stands for all that is in it, but for what another file stands in the place of. */
  readonly files: WalledCommand['files'];
  /** Folders that have to be there though nothing is in them. */
  readonly folders: readonly string[];
  /** Paths inside that are left out, with all that is in them. */
  readonly without?: readonly string[];
  /** Run once while the image is built, without a network. */
  readonly prepare?: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A word about it. */
  readonly detail: string;
}

export interface BuildContext {
  readonly tag: string;
  readonly hash: string;
  readonly entries: readonly TarEntry[];
}

/** Where the image's files lie in the context. */
const ROOT = 'root';
/** Host, port, path, tag and digest of an image's name. */
const REFERENCE = /^[a-z0-9][\w.-]*(?::\d{1,5})?(?:\/[a-z0-9][\w.-]*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/i;
const MAX_REFERENCE_CHARS = 300;
const MAX_FILES = 50_000;
/** Byte code that only `python -O` reads. */
const UNREAD = /\.opt-[12]\.pyc$/;
const FOLDER_MODE = 0o755;
const ANYBODY_EXECUTES = 0o111;
const READ_BYTES = 512 * 1024;

/** Throws a Fault for a base that is no name of an image: it is a line of a Dockerfile. */
export function requireReference(base: string): string {
  if (base.length > MAX_REFERENCE_CHARS || !REFERENCE.test(base))
    throw new Fault(
      'TIER_UNAVAILABLE',
      `${JSON.stringify(base.slice(0, MAX_REFERENCE_CHARS))} is not the name of an image, as in docker.io/library/node:24-slim`,
    );
  return base;
}

/** Rejects when a file is not there. */
export async function buildContext(template: Template): Promise<BuildContext> {
  const { runtime, image, files, folders, without = [] } = template;
  const dockerfile = dockerfileOf(template);
  const listing = new Listing(runtime, new Set([...files.map(({ host, inside = host }) => inside), ...without]));
  for (const folder of folders) listing.addFolder(folder);
  for (const { host, inside = host } of files) listing.addNamed(host, inside);
  const entries = [...listing.entries.values()];
  const hash = await hashOf(dockerfile, entries);
  const first: TarEntry = { kind: 'text', path: 'Dockerfile', mode: 0o644, content: dockerfile };
  return { tag: `${image}:${hash}`, hash, entries: [first, ...entries] };
}

function dockerfileOf({ base, prepare }: Template): string {
  const run = prepare === undefined ? '' : `RUN ${JSON.stringify(prepare)}\n`;
  return `FROM ${base ?? 'scratch'}\nUSER 0\nCOPY ${ROOT}/ /\n${run}`;
}

/** Of names and contents, wherever on this machine they come from. */
async function hashOf(dockerfile: string, entries: readonly TarEntry[]): Promise<string> {
  const hash = createHash('sha256').update(dockerfile);
  for (const entry of entries) {
    const target = entry.kind === 'link' ? entry.target : '';
    hash.update(`${JSON.stringify([entry.kind, entry.path, target])}\n`);
    if (entry.kind !== 'file') continue;
    hash.update(`${entry.mode} ${entry.bytes}\n`);
    for await (const chunk of createReadStream(entry.host, { highWaterMark: READ_BYTES })) hash.update(chunk as Buffer);
  }
  return hash.digest('hex').slice(0, 16);
}

const pathOf = (inside: string): string => join(ROOT, inside);

class Listing {
  readonly entries = new Map<string, TarEntry>();
  readonly #runtime: Runtime;
  /** What does not come with the folder that it lies in. */
  readonly #apart: ReadonlySet<string>;

  constructor(runtime: Runtime, apart: ReadonlySet<string>) {
    this.#runtime = runtime;
    this.#apart = apart;
  }

  /** With those above it. */
  addFolder(inside: string): void {
    const names = inside.split('/').filter(Boolean);
    names.forEach((_, i) => {
      this.#add({ kind: 'folder', path: pathOf(names.slice(0, i + 1).join('/')), mode: FOLDER_MODE });
    });
  }

  /** A link that is named is followed, one in a folder stays what it is. */
  addNamed(named: string, inside: string): void {
    this.addFolder(dirname(inside));
    this.#addAny(realpathSync(named), inside);
  }

  #addAny(host: string, inside: string): void {
    const found = lstatSync(host);
    const path = pathOf(inside);
    if (found.isDirectory()) {
      this.#add({ kind: 'folder', path, mode: FOLDER_MODE });
      for (const name of readdirSync(host).toSorted()) this.#addChild(join(host, name), join(inside, name));
    } else if (found.isSymbolicLink()) this.#add({ kind: 'link', path, target: readlinkSync(host) });
    else if (found.isFile()) {
      const mode = (found.mode & ANYBODY_EXECUTES) === 0 ? 0o644 : 0o755;
      const mtimeSeconds = Math.floor(found.mtimeMs / 1000);
      this.#add({ kind: 'file', path, mode, host, bytes: found.size, mtimeSeconds });
    }
  }

  #addChild(host: string, inside: string): void {
    if (!this.#apart.has(inside) && !UNREAD.test(inside)) this.#addAny(host, inside);
  }

  #add(entry: TarEntry): void {
    if (this.entries.has(entry.path)) return;
    if (this.entries.size >= MAX_FILES)
      throw new Error(`The image of ${this.#runtime} would have more than ${MAX_FILES} files`);
    this.entries.set(entry.path, entry);
  }
}
