/**
 * Entries: the scripts by which node puts itself behind its filters inside a wall, one for each way in.
 *
 * Node loads the script before anything else, in the process that goes on to be the guest: that costs 2 ms, and leaves
 * no program to be started once the filter stands. Where the guest may not have FFI, the script runs in a node before
 * it, which then becomes the guest.
 */

import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enter, ENTRY_CALLS } from './inside/enter.ts';
import type { EntryCall, EntryOrder, LandlockOrder } from './inside/enter.ts';
import { callNumber } from './seccomp/calls.ts';
import type { Architecture } from './seccomp/calls.ts';
import { assemble, OWN_PID } from './seccomp/filter.ts';
import { profileNamed } from './seccomp/profiles.ts';
import type { ProfileName } from './seccomp/profiles.ts';
import { WallUnavailable } from './tools.ts';
import type { WalledCommand } from './wall.ts';

/** How a command enters. */
export interface Entry {
  /** The script on the host, readable by every user. */
  readonly file: string;
  /** `require`: node loads it first. `start`: it takes the whole command as its arguments. */
  readonly by: 'require' | 'start';
}

export interface EntriesOptions {
  /** Where scripts are kept; a folder of this process's own, that goes with it, by default. */
  readonly workDir?: string;
  /** See the profiles' option of that name. */
  readonly alone: boolean;
}

/** The command that runs `node` with these arguments by way of an entry, whose script is found at that path. */
export function entryCommand(node: string, script: string, entry: Entry, args: readonly string[]): readonly string[] {
  return entry.by === 'require' ? [node, '--require', script, ...args] : [node, script, node, ...args];
}

export const NO_FFI = '--no-experimental-ffi';

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

  /** The same for every command of the same kind. `landlock` is decided by the wall; `start` is needed for it. */
  of(command: WalledCommand, landlock: LandlockOrder | null): Entry {
    const by = landlock !== null || command.nodeFlags.includes(NO_FFI) ? 'start' : 'require';
    const seals = command.sealsItself === true;
    if (seals && by === 'start') throw new Error('A process without FFI can’t seal itself');
    const profile = command.profile ?? 'program';
    const name = JSON.stringify([profile, by, seals, landlock]);
    const known = this.#known.get(name);
    if (known !== undefined && existsSync(known.file)) return known;
    const entry: Entry = { by, file: this.#write(this.#order(profile, by, seals, landlock)) };
    // A landlock order may hold paths of one command alone.
    if (landlock === null) this.#known.set(name, entry);
    return entry;
  }

  #order(profile: ProfileName, by: Entry['by'], seals: boolean, landlock: LandlockOrder | null): EntryOrder {
    const { alone } = this.#options;
    const filter = (name: ProfileName, startsNode: boolean): string =>
      assemble(profileNamed(name, this.#architecture, { alone, startsNode }), this.#architecture).toString('base64');
    return {
      calls: Object.fromEntries(
        ENTRY_CALLS.map((call) => [call, callNumber(call, this.#architecture) ?? -1]),
      ) as Record<EntryCall, number>,
      filter: filter(profile, by === 'start'),
      seal: seals ? filter('sealed', false) : null,
      ownPid: OWN_PID,
      landlock,
      then: by === 'start' ? 'start' : 'stay',
    };
  }

  #write(order: EntryOrder): string {
    const text = `(${enter.toString()})(require, ${JSON.stringify(order)}, __filename);\n`;
    this.#folder ??= this.#makeFolder();
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
    const file = join(this.#folder, `enter-${hash}.cjs`);
    if (existsSync(file)) return file;
    const unfinished = `${file}.${randomUUID()}`;
    writeFileSync(unfinished, text);
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
    const folder = mkdtempSync(join(tmpdir(), 'cordon-entry-'));
    chmodSync(folder, 0o755);
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }
}

function architectureOf(name: string): Architecture {
  if (name === 'x64' || name === 'arm64') return name;
  throw new WallUnavailable(`There is no seccomp filter for ${name} yet`, 'Run Cordon on x64 or arm64');
}
