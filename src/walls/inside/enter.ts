/**
 * The first code that runs inside a wall: it puts node behind its filters before anything else is loaded.
 *
 * {@link enter} is sent inside as text, so it refers to nothing outside of itself but its arguments. It never returns to
 * a process that is less confined than asked: whatever fails ends the process.
 */

export interface EntryOrder {
  /** Numbers of system calls on this machine. */
  readonly calls: Readonly<Record<EntryCall, number>>;
  /** BPF, base64. */
  readonly filter: string;
  /** The filter that the process asks for itself when it has loaded all that it needs; null for none. */
  readonly seal: string | null;
  readonly ownPid: number;
  readonly landlock: LandlockOrder | null;
  /**
   * `stay`: this very process is the one. `start`: the command in its arguments is, which takes its place; its program
   * must be allowed by the filter.
   */
  readonly next: 'stay' | 'start';
}

export type EntryCall = (typeof ENTRY_CALLS)[number];
export const ENTRY_CALLS = [
  'prctl',
  'seccomp',
  'fcntl',
  'landlock_create_ruleset',
  'landlock_add_rule',
  'landlock_restrict_self',
] as const;

export interface LandlockOrder {
  /** Goes on without where the kernel has no landlock, as other walls stand as well. */
  readonly optional: boolean;
  /** Rights that need a rule from now on; those that the kernel doesn't know yet are left out. */
  readonly handled: number;
  /** Everything below a path, or the file itself; a path that does not exist is left out. */
  readonly rules: readonly { readonly path: string; readonly rights: number }[];
}

/** Self-contained: see above. */
export function enter(require: NodeJS.Require, order: EntryOrder, self: string): void {
  // A worker thread loads the same modules again, and has the filter of its process.
  if (!require('node:worker_threads').isMainThread) return;
  const { fstatSync, openSync, closeSync } = require('node:fs') as typeof import('node:fs');
  const { emitWarning } = process;
  // FFI is experimental and would say so on every start.
  process.emitWarning = () => undefined;
  const ffi = require('node:ffi');
  const { functions } = ffi.dlopen(null, {
    syscall: { arguments: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64'], return: 'i64' },
    __errno_location: { arguments: [], return: 'pointer' },
  });
  process.emitWarning = emitWarning;

  const PR_SET_NO_NEW_PRIVS = 38;
  const SECCOMP_SET_MODE_FILTER = 1;
  const SECCOMP_FILTER_FLAG_TSYNC = 1;
  const errno = (): number => ffi.getInt32(functions.__errno_location(), 0);
  const system = (call: EntryCall, args: readonly (number | bigint)[], allowed: readonly number[] = []): number => {
    const five = [0, 1, 2, 3, 4].map((index) => BigInt(args[index] ?? 0));
    const result = Number(functions.syscall(BigInt(order.calls[call]), ...five));
    if (result === 0 || (call.startsWith('landlock_create') && result > 0)) return result;
    const code = errno();
    if (result < 0 && allowed.includes(code)) return -code;
    throw new Error(`${call} failed inside the wall: ${result < 0 ? `errno ${code}` : `result ${result}`}`);
  };

  /** The filter of this process, in memory that stays where it is. */
  const programOf = (base64: string): Buffer => {
    const bytes = Buffer.from(base64, 'base64');
    const program = Buffer.alloc(bytes.length + 16);
    bytes.copy(program, 16);
    for (let at = 16; at < program.length; at += 8)
      if (program.readUInt32LE(at + 4) === order.ownPid) program.writeUInt32LE(process.pid, at + 4);
    // struct sock_fprog: the count of instructions, and where they are.
    program.writeUInt16LE(bytes.length / 8, 0);
    program.writeBigUInt64LE(ffi.getRawPointer(program) + 16n, 8);
    return program;
  };
  const filterBy = (program: Buffer): void => {
    system('seccomp', [SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ffi.getRawPointer(program)]);
  };

  const restrictFiles = ({ optional, handled, rules }: LandlockOrder): void => {
    const ENOSYS = 38;
    const EOPNOTSUPP = 95;
    const VERSION = 1;
    const RULE_PATH_BENEATH = 1;
    /** EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE, IOCTL_DEV: what a rule of a single file may speak of. */
    const OF_FILES = 0xc007;
    const version = system('landlock_create_ruleset', [0, 0, VERSION], optional ? [ENOSYS, EOPNOTSUPP] : []);
    if (version < 0) return;
    const known = version >= 5 ? 0xffff : version >= 3 ? 0x7fff : version === 2 ? 0x3fff : 0x1fff;
    const attributes = Buffer.alloc(24);
    attributes.writeBigUInt64LE(BigInt(handled & known), 0);
    // Binding and connecting TCP; abstract sockets and signals. The filter refuses them too.
    if (version >= 4) attributes.writeBigUInt64LE(3n, 8);
    if (version >= 6) attributes.writeBigUInt64LE(3n, 16);
    const size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    const ruleset = system('landlock_create_ruleset', [ffi.getRawPointer(attributes), size]);
    for (const { path, rights } of rules) {
      let file: number;
      try {
        file = openSync(path, 'r');
      } catch {
        continue;
      }
      const rule = Buffer.alloc(12);
      const meant = fstatSync(file).isDirectory() ? rights : rights & OF_FILES;
      rule.writeBigUInt64LE(BigInt(meant & handled & known), 0);
      rule.writeInt32LE(file, 8);
      system('landlock_add_rule', [ruleset, RULE_PATH_BENEATH, ffi.getRawPointer(rule)]);
      closeSync(file);
    }
    system('landlock_restrict_self', [ruleset]);
    closeSync(ruleset);
  };

  system('prctl', [PR_SET_NO_NEW_PRIVS, 1]);
  if (order.landlock !== null) restrictFiles(order.landlock);
  filterBy(programOf(order.filter));
  if (order.next === 'start') {
    const F_SETFD = 2;
    const CHANNEL = 3;
    // Node takes its inherited descriptors from its children.
    system('fcntl', [CHANNEL, F_SETFD, 0]);
    const command = process.argv.slice(2);
    process.execve?.(command[0] as string, command);
  }

  const flag = process.execArgv.indexOf(self);
  if (flag > 0) process.execArgv.splice(flag - 1, 2);
  if (order.seal === null) return;
  const seal = programOf(order.seal);
  const key = Symbol.for('cordon.seal');
  const putOn = (): void => {
    filterBy(seal);
    Reflect.deleteProperty(globalThis, key);
  };
  Object.defineProperty(globalThis, key, { value: putOn, configurable: true });
}
