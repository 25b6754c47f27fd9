/**
 * The wall without namespaces, for places that forbid them (a container with its default profile, a hardened node): a
 * filter for system calls, and landlock for files. Started as root, the process has a uid of its own here too.
 *
 * Other processes of the host are in sight of the kernel but not of this one: it can open nothing below /proc, and its
 * filter lets it signal and trace nobody. The names of the host's files can be found out, their content can't. Its
 * scratch folder is one of the host's, not bounded in size.
 */

import { chownSync } from 'node:fs';
import { chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Entries, entryCommand } from './entry.ts';
import type { Entry } from './entry.ts';
import { layOut } from './laid-out.ts';
import { onlyTheseFiles } from './landlock-rules.ts';
import { environmentOf, launch, WAIT_FOR_HOST, WITHOUT_PRIVILEGES } from './launch.ts';
import { sharedLibraries } from './libraries.ts';
import { makeTemporary } from './temporary.ts';
import { startsPrograms } from './seccomp/profiles.ts';
import { requireTool, WallUnavailable } from './tools.ts';
import { LEVEL_GUARANTEES } from './wall.ts';
import type { Wall, WalledCommand, WallParts } from './wall.ts';

/** Rejects with WallUnavailable where a tool is missing. Whether the kernel has landlock shows when it is tried. */
export async function createLandlockWall({ nodePath, uids, cgroups, workDir }: WallParts): Promise<Wall> {
  const entries = new Entries({ ...(workDir === undefined ? {} : { workDir }), alone: true, withoutIoUring: false });
  const system = [nodePath, ...(await sharedLibraries(nodePath))];
  for (const tool of ['sh', 'setpriv', 'env'] as const) requireTool(tool);
  return {
    name: 'landlock',
    guarantees: LEVEL_GUARANTEES.landlock,
    limits: cgroups?.limits ?? [],
    async start(command) {
      requireHostable(command);
      const folder = makeTemporary('landlock');
      const clean = (): Promise<void> => rm(folder, { recursive: true, force: true });
      try {
        // The guest may have a uid of its own.
        await chmod(folder, 0o755);
        const { node, filters } = await nodeIn(folder, command, { nodePath, system, entries });
        return await launch({
          uids,
          cgroups,
          limits: command.limits ?? {},
          filters,
          clean,
          argv: (uid) => [...asNobody(uid, scratchOf(command, folder)), ...environment(command), ...node],
        });
      } catch (error) {
        await clean();
        throw error;
      }
    },
  };
}

/** Profiles for namespaces of one's own would open the host's here. */
function requireHostable({ profile, program }: WalledCommand): void {
  if (profile !== 'container' && program === undefined) return;
  throw new WallUnavailable(
    'A container needs namespaces of its own, and the wall landlock has none',
    'Make bwrap or unshare work here: cordon doctor says what they lack',
  );
}

interface Inside {
  readonly nodePath: string;
  readonly system: readonly string[];
  readonly entries: Entries;
}

interface Ready {
  readonly node: readonly string[];
  readonly filters: number;
}

/** Lays everything out, and says how node is started there. */
async function nodeIn(folder: string, command: WalledCommand, inside: Inside): Promise<Ready> {
  const { nodePath, system, entries } = inside;
  const scratch = scratchOf(command, folder);
  const { script, args } = await layOut(command, folder, scratch);
  if (scratch !== null) await mkdir(scratch);
  const landlock = onlyTheseFiles({
    system,
    given: [folder, ...command.files.map(({ host }) => host)],
    scratch,
    mayStartPrograms: startsPrograms(command.profile ?? 'program'),
  });
  const entry = await copyEntry(entries.of(command, landlock), folder);
  return { filters: entry.filters, node: entryCommand(nodePath, entry, [...command.nodeFlags, script, ...args]) };
}

/** Beside the script: where they are kept may be closed to the guest's uid. */
async function copyEntry(entry: Entry, folder: string): Promise<Entry> {
  const { start, load } = entry;
  const copied: Entry = {
    ...entry,
    start: start === null ? null : join(folder, 'start.cjs'),
    load: load === null ? null : join(folder, 'enter.cjs'),
  };
  if (start !== null && copied.start !== null) await copyFile(start, copied.start);
  if (load !== null && copied.load !== null) await copyFile(load, copied.load);
  return copied;
}

const scratchOf = ({ scratchBytes }: WalledCommand, folder: string): string | null =>
  scratchBytes > 0 ? join(folder, 'tmp') : null;

/** A change of uid makes the kernel forget that the process ends with its parent: so that is asked for after it. */
function asNobody(uid: number | null, scratch: string | null): readonly string[] {
  const setpriv = requireTool('setpriv');
  if (uid !== null && scratch !== null) chownSync(scratch, uid, uid);
  const identity = uid === null ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const bounding =
    uid === null ? WITHOUT_PRIVILEGES.filter((each) => !each.startsWith('--bounding')) : WITHOUT_PRIVILEGES;
  return [
    ...[setpriv, ...identity, ...bounding, '--'],
    ...[setpriv, '--pdeathsig', 'KILL', '--'],
    ...[requireTool('sh'), '-c', WAIT_FOR_HOST, 'sh'],
  ];
}

const environment = (command: WalledCommand): readonly string[] => [
  ...[requireTool('env'), '-i', '--'],
  ...environmentOf(command),
];
