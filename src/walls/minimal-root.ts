/**
 * What a walled process sees of the file system, the same behind every wall: node, the few tools that start it, their
 * libraries and the files it was given, all read-only; five devices; a /proc of its own without the parts that speak of
 * the host; and, where asked for, a private /tmp.
 *
 * All of it lies in a folder of the namespace's root, and the process is chrooted there: the kernel refuses user
 * namespaces to a chrooted process, whoever started it, and with them a large part of its attack surface.
 */

import { existsSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { entryCommand } from './entry.ts';
import type { Entry } from './entry.ts';
import { sharedLibraries } from './libraries.ts';
import { FILTER_INSIDE } from './wall.ts';
import type { WalledCommand } from './wall.ts';

/** Where the process's root lies in the root of its mount namespace. */
export const GUEST_ROOT = '/guest';
const NODE_INSIDE = '/cordon/node';
const START_INSIDE = '/cordon/start.cjs';
const LOAD_INSIDE = '/cordon/enter.cjs';

export const DEVICES: readonly string[] = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

export interface Bind {
  readonly host: string;
  readonly inside: string;
  readonly isFolder: boolean;
}

export interface MinimalRoot {
  /** Folders to make, parents first. */
  readonly folders: readonly string[];
  /** Parents first. */
  readonly binds: readonly Bind[];
  readonly scratchBytes: number;
  /** Below /proc: folders to cover by an empty one, and files to cover by a device that can't be opened. */
  readonly hiddenFolders: readonly string[];
  readonly hiddenFiles: readonly string[];
}

/** The part of a root that is the same for every command: node, tools and their libraries. */
export async function systemBinds(nodePath: string, tools: readonly string[]): Promise<readonly Bind[]> {
  const libraries = (await Promise.all([nodePath, ...tools].map(sharedLibraries))).flat();
  const asThemselves = [...new Set([...tools, ...libraries])].map((host) => ({ host, inside: host, isFolder: false }));
  return [...asThemselves, { host: nodePath, inside: NODE_INSIDE, isFolder: false }];
}

/** Throws when a file is missing or a path inside is not one that can be shown. */
export function minimalRoot(command: WalledCommand, entry: Entry, system: readonly Bind[]): MinimalRoot {
  const base = command.program === undefined ? system : system.filter(({ inside }) => inside !== NODE_INSIDE);
  const given = command.files
    .map(({ host, inside = host }) => ({ host, inside }))
    // A program's libraries may be those of the tools.
    .filter((file) => !base.some(({ host, inside }) => host === file.host && inside === file.inside));
  const own = [{ host: command.script, inside: scriptInside(command.script) }, ...entryFiles(entry), ...given];
  const binds = [...base, ...own.map((file) => ({ ...file, isFolder: requireShowable(file).isDirectory() }))];
  requireDistinct(binds);
  const folders = new Set(['/proc', '/dev', ...(command.scratchBytes > 0 ? ['/tmp'] : [])]);
  for (const { inside, isFolder } of binds) for (const folder of foldersAbove(inside, isFolder)) folders.add(folder);
  return {
    folders: [...folders].toSorted((a, b) => depth(a) - depth(b)),
    binds: binds.toSorted((a, b) => depth(a.inside) - depth(b.inside)),
    scratchBytes: command.scratchBytes,
    hiddenFolders: HIDDEN_FOLDERS.filter((path) => existsSync(path)),
    hiddenFiles: HIDDEN_FILES.filter((path) => existsSync(path)),
  };
}

/** What is started inside to become node, or the program in its place: everything before it is done with its privileges before node begins. */
export function nodeCommand(command: WalledCommand, entry: Entry): readonly string[] {
  const inside = {
    start: entry.start === null ? null : START_INSIDE,
    load: entry.load === null ? null : LOAD_INSIDE,
  };
  const { program, nodeFlags, script, args } = command;
  const run = join(scriptInside(script), program?.entry ?? '');
  const words = [...nodeFlags, run, ...args];
  return program === undefined ? entryCommand(NODE_INSIDE, inside, words) : [program.path, ...words];
}

/** Where the scripts of an entry are shown. */
function entryFiles({ start, load, filter }: Entry): readonly { readonly host: string; readonly inside: string }[] {
  return [
    ...(start === null ? [] : [{ host: start, inside: START_INSIDE }]),
    ...(load === null ? [] : [{ host: load, inside: LOAD_INSIDE }]),
    ...(filter === undefined ? [] : [{ host: filter, inside: FILTER_INSIDE }]),
  ];
}

/** Folders of {@link GUEST_ROOT} that the tools outside of it use as well, by links of the same name beside it. */
export function sharedFolders(binds: readonly Bind[]): readonly string[] {
  return [...new Set(['proc', ...binds.map(({ inside }) => inside.split('/')[1] ?? '')])];
}

/** They would tell of the host, or let a mistake elsewhere reach its kernel. */
const HIDDEN_FOLDERS = ['acpi', 'asound', 'bus', 'driver', 'fs', 'irq', 'scsi', 'sys'].map(inProc);
const HIDDEN_FILES = [
  'cmdline',
  'config.gz',
  'interrupts',
  'iomem',
  'ioports',
  'kallsyms',
  'kcore',
  'key-users',
  'keys',
  'kmsg',
  'latency_stats',
  'modules',
  'sched_debug',
  'slabinfo',
  'sysrq-trigger',
  'timer_list',
  'vmallocinfo',
].map(inProc);

function inProc(name: string): string {
  return `/proc/${name}`;
}

const scriptInside = (script: string): string => `/cordon/${basename(script)}`;
const depth = (path: string): number => path.split('/').length;

function requireShowable({ host, inside }: { readonly host: string; readonly inside: string }): Stats {
  for (const path of [host, inside]) {
    if (!isAbsolute(path) || normalize(path) !== path)
      throw new Error(`${JSON.stringify(path)} is not an absolute, plain path`);
  }
  if (/^\/(proc|dev|sys)(\/|$)|^\/(tmp\/?)?$|\/$/.test(inside))
    throw new Error(`${inside} is not a place for a file behind a wall`);
  return statSync(host);
}

/** Two files in one place would hide one another. */
function requireDistinct(binds: readonly Bind[]): void {
  const seen = new Set<string>();
  for (const { inside } of binds) {
    if (seen.has(inside)) throw new Error(`Two files are to be shown as ${inside}`);
    seen.add(inside);
  }
}

function foldersAbove(path: string, withItself: boolean): readonly string[] {
  const above: string[] = withItself ? [path] : [];
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) above.push(folder);
  return above;
}
