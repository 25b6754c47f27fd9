/**
 * Entries: the scripts by which node puts itself behind its filters inside a wall, one for each way in.
 *
 * Node loads the script before anything else, in the process that goes on to be the guest: that costs 2 ms, and leaves
 * no program to be started once the filter stands. Where that is too late, or the guest may not have FFI, a script runs
 * in a node before it, which then becomes the guest: that costs a second start of node.
 */

import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { enter, ENTRY_CALLS } from './inside/enter.ts';
import type { EntryCall, EntryOrder, LandlockOrder } from './inside/enter.ts';
import { callNumber } from './seccomp/calls.ts';
import type { Architecture } from './seccomp/calls.ts';
import { assemble, ENOSYS, OWN_PID } from './seccomp/filter.ts';
import { profileNamed, startsPrograms } from './seccomp/profiles.ts';
import type { ProfileName } from './seccomp/profiles.ts';
import { makeTemporary } from './temporary.ts';
import { WallUnavailable } from './tools.ts';
import type { WalledCommand } from './wall.ts';

/** How a command enters: scripts on the host, readable by every user. At least one of them is there. */
export interface Entry {
  /** Runs in a node before the guest's, and starts it. */
  readonly start: string | null;
  /** The guest's node loads it before anything else. */
  readonly load: string | null;
  /** The filter of a program that is not node, which puts it on by itself. */
  readonly filter?: string;
  /** How many filters stand when the guest has put on all that it was to put on. */
  readonly filters: number;
}

export interface EntriesOptions {
  /** Where scripts are kept; a folder of this process's own, that goes with it, by default. */
  readonly workDir?: string;
  /** See the profiles' option of that name. */
  readonly alone: boolean;
  /**
   * Whether the wall keeps io_uring from every process in it by {@link withoutIoUring}. libuv makes a ring when node
   * starts, before an entry is loaded, by which the filter could be passed by; refused one later, it ends the process. So
   * without this there is always a node before the guest's.
   */
  readonly withoutIoUring: boolean;
}

/** A filter that refuses io_uring and nothing else: for a launcher that can load one before node starts. */
export function withoutIoUring(): Buffer {
  const rules = [{ call: 'io_uring_setup', when: [], otherwise: ENOSYS }];
  return assemble({ allowed: [], rules, allowsRest: true }, architectureOf(process.arch));
}

export const NO_FFI = '--no-experimental-ffi';

/** The command that runs `node` with these arguments by way of an entry, whose scripts are found at the paths given. */
export function entryCommand(
  node: string,
  { start, load }: Pick<Entry, 'start' | 'load'>,
  args: readonly string[],
): readonly string[] {
  const guest = [node, ...(load === null ? [] : ['--require', load]), ...args];
  return start === null ? guest : [node, start, ...guest];
}

/** Throws {@link WallUnavailable} for a machine whose calls are not in the table. */
export class Entries {
  readonly #options: EntriesOptions;
  readonly #architecture: Architecture;
  #folder: string | null = null;
  readonly #known = new Map<string, Entry>();

  constructor(options: EntriesOptions) {
    this.#options = options;
    this.#architecture = architectureOf(process.arch);
  }

  /**
   * The same for every command of a kind. Landlock holds for the thread that asks for it and for what it starts, so
   * with an order for it there is always a node before the guest's.
   */
  of(command: WalledCommand, landlock: LandlockOrder | null = null): Entry {
    const profile = command.profile ?? 'program';
    if (command.program !== undefined) return this.#ofProgram(profile);
    const seals = command.sealsItself === true;
    const mayLoad = !command.nodeFlags.includes(NO_FFI);
    if (seals && !mayLoad) throw new Error(`A process with ${NO_FFI} can't seal itself`);
    const starts = landlock !== null || !mayLoad || !this.#options.withoutIoUring;
    // A program may start others anyway: what was loaded before it is all that it needs.
    const loads = mayLoad && (!starts || !startsPrograms(profile));
    const name = JSON.stringify([profile, seals, starts, loads]);
    const known = landlock === null ? this.#known.get(name) : undefined;
    if (known !== undefined && [known.start, known.load].every((file) => file === null || existsSync(file)))
      return known;
    const entry: Entry = {
      filters: [starts, loads, seals, this.#options.withoutIoUring].filter(Boolean).length,
      start: starts ? this.#write(this.#order(profile, { next: 'start', seals: false, landlock })) : null,
      load: loads ? this.#write(this.#order(profile, { next: 'stay', seals, landlock: null })) : null,
    };
    if (landlock === null) this.#known.set(name, entry);
    return entry;
  }

  /** It has no node to load or to be started by; on the way to it no filter is put on but the launcher's. */
  #ofProgram(profile: ProfileName): Entry {
    const { alone, withoutIoUring: held } = this.#options;
    const filter = assemble(
      profileNamed(profile, this.#architecture, { alone, startsNode: false }),
      this.#architecture,
    );
    return { start: null, load: null, filter: this.#keep(filter, 'filter'), filters: held ? 2 : 1 };
  }

  #order(
    profile: ProfileName,
    { next, seals, landlock }: Pick<EntryOrder, 'next' | 'landlock'> & { readonly seals: boolean },
  ): EntryOrder {
    const { alone } = this.#options;
    const filter = (name: ProfileName): string =>
      assemble(
        profileNamed(name, this.#architecture, { alone, startsNode: next === 'start' }),
        this.#architecture,
      ).toString('base64');
    return {
      calls: Object.fromEntries(
        ENTRY_CALLS.map((call) => [call, callNumber(call, this.#architecture) ?? -1]),
      ) as Record<EntryCall, number>,
      filter: filter(profile),
      seal: seals ? filter('sealed') : null,
      ownPid: OWN_PID,
      landlock,
      next,
    };
  }

  #write(order: EntryOrder): string {
    return this.#keep(`(${enter.toString()})(require, ${JSON.stringify(order)}, __filename);\n`, 'cjs');
  }

  /** A file of that content, whose name tells it. */
  #keep(content: string | Buffer, ending: string): string {
    // Whoever tidies up temporary folders may have taken it.
    if (this.#folder === null || !existsSync(this.#folder)) this.#folder = this.#makeFolder();
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
    const file = join(this.#folder, `enter-${hash}.${ending}`);
    if (existsSync(file)) return file;
    const unfinished = `${file}.${randomUUID()}`;
    writeFileSync(unfinished, content);
    // Whatever the host's umask is: the guest may have a uid of its own.
    chmodSync(unfinished, 0o444);
    renameSync(unfinished, file);
    return file;
  }

  #makeFolder(): string {
    const { workDir } = this.#options;
    if (workDir !== undefined) {
      mkdirSync(workDir, { recursive: true, mode: 0o700 });
      return workDir;
    }
    const folder = makeTemporary('entry');
    chmodSync(folder, 0o755);
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }
}

function architectureOf(name: string): Architecture {
  if (name === 'x64' || name === 'arm64') return name;
  throw new WallUnavailable(`There is no seccomp filter for ${name} yet`, 'Run Cordon on x64 or arm64');
}
