/** What landlock lets a walled process do with files. Rights are those of linux/landlock.h. */

import { NO_FFI } from './entry.ts';
import type { LandlockOrder } from './inside/enter.ts';
import { DEVICES } from './minimal-root.ts';
import type { Bind } from './minimal-root.ts';
import { startsPrograms } from './seccomp/profiles.ts';
import type { WalledCommand } from './wall.ts';

const EXECUTE = 0x1;
const WRITE_FILE = 0x2;
const READ_FILE = 0x4;
const READ = 0xc;
/** WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM, REFER, TRUNCATE: no programs and no devices. */
const CHANGE = 0x71b2;
const ALL = 0xffff;
/** Node ends at once where it exists and can't be read. */
const OPENSSL_CONF = '/etc/ssl/openssl.cnf';

/**
 * For an executor whose filter can't forbid starting programs, as node had to be started behind it: of the programs in
 * its root it may start node alone.
 */
export function onlyNodeStarts(
  command: WalledCommand,
  system: readonly Bind[],
  tools: readonly string[],
): LandlockOrder | null {
  if (startsPrograms(command.profile ?? 'program') || !command.nodeFlags.includes(NO_FFI)) return null;
  const startable = system.filter(({ host }) => !tools.includes(host));
  return {
    optional: true,
    handled: EXECUTE,
    rules: startable.map(({ inside }) => ({ path: inside, rights: EXECUTE })),
  };
}

/** Where landlock is all that stands between the process and the host's files. */
export function onlyTheseFiles(files: {
  /** Node and its libraries. */
  readonly system: readonly string[];
  readonly given: readonly string[];
  readonly scratch: string | null;
  readonly mayStartPrograms: boolean;
}): LandlockOrder {
  const { system, given, scratch, mayStartPrograms } = files;
  const rule = (rights: number) => (path: string) => ({ path, rights });
  return {
    optional: false,
    handled: ALL,
    rules: [
      ...system.map(rule(READ | EXECUTE)),
      ...given.map(rule(mayStartPrograms ? READ | EXECUTE : READ)),
      rule(READ_FILE)(OPENSSL_CONF),
      ...DEVICES.map(rule(READ_FILE | WRITE_FILE)),
      ...(scratch === null ? [] : [rule(READ | CHANGE)(scratch)]),
    ],
  };
}
