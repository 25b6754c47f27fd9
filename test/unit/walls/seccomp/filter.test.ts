import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { callNumber, callsOf, NEWEST_CALL } from '../../../../src/walls/seccomp/calls.ts';
import type { Architecture } from '../../../../src/walls/seccomp/calls.ts';
import { assemble, OWN_PID } from '../../../../src/walls/seccomp/filter.ts';
import { PROFILE_NAMES, profileNamed } from '../../../../src/walls/seccomp/profiles.ts';
import type { ProfileName } from '../../../../src/walls/seccomp/profiles.ts';

const AUDIT = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;
const ALLOWED = 'allowed';
const KILLED = 'killed';

for (const architecture of ['x64', 'arm64'] as const) {
  describe(`a filter for ${architecture}`, () => {
    const decide = (profile: ProfileName, call: string, ...args: bigint[]): string | number =>
      run(filterOf(profile, architecture), AUDIT[architecture], callNumber(call, architecture) ?? -1, args);

    test('lets every profile read, write, wait and make threads', () => {
      for (const profile of PROFILE_NAMES) {
        for (const call of ['read', 'write', 'futex', 'epoll_pwait', 'mmap', 'mprotect', 'exit_group', 'getrandom'])
          assert.equal(decide(profile, call), ALLOWED, `${profile} ${call}`);
        assert.equal(decide(profile, 'clone', 0x3d_0f00n), ALLOWED);
      }
    });

    test('refuses what is in the table for that alone, whatever its arguments', () => {
      for (const profile of PROFILE_NAMES)
        for (const call of callsOf('refused', architecture))
          assert.equal(typeof decide(profile, call), 'number', `${profile} ${call}`);
    });

    test('lets a program start others but make no namespace, and an executor neither', () => {
      assert.equal(decide('program', 'execve'), ALLOWED);
      assert.equal(decide('program', 'clone', 17n), ALLOWED);
      for (const flag of [0x2_0000n, 0x200_0000n, 0x400_0000n, 0x800_0000n, 0x1000_0000n, 0x2000_0000n, 0x4000_0000n])
        assert.equal(decide('program', 'clone', flag | 17n), 1);
      assert.equal(decide('executor', 'execve'), 1);
      assert.equal(decide('executor', 'clone', 17n), 1);
      assert.equal(decide('executor', 'clone', 0x1001_0f00n), 1);
    });

    test('gives a container sockets of the internet, and to others none but Unix’s', () => {
      for (const [family, type, protocol] of [
        [1n, 1n, 0n],
        [2n, 1n, 6n],
        [2n, 2n, 17n],
        [10n, 0x80801n, 0n],
      ] as const) {
        assert.equal(decide('container', 'socket', family, type, protocol), ALLOWED);
        if (family !== 1n) assert.equal(decide('program', 'socket', family, type, protocol), 97);
      }
      // netlink, packet, vsock, raw, SCTP by two ways, ping, DCCP
      for (const [family, type, protocol] of [
        [16n, 3n, 0n],
        [17n, 3n, 0n],
        [40n, 1n, 0n],
        [2n, 3n, 255n],
        [2n, 5n, 0n],
        [2n, 1n, 132n],
        [2n, 2n, 1n],
        [2n, 6n, 33n],
      ] as const)
        assert.equal(decide('container', 'socket', family, type, protocol), 97, `${family} ${type} ${protocol}`);
      for (const call of ['setsid', 'pidfd_open', 'msync']) {
        assert.equal(decide('container', call), ALLOWED);
        assert.equal(decide('program', call), 1);
      }
      assert.equal(decide('container', 'clone', 0x1000_0000n | 17n), 1);
    });

    test('tells of calls that it can’t look into that they are missing', () => {
      for (const call of ['clone3', 'openat2', 'io_uring_setup']) assert.equal(decide('program', call), 38, call);
      const unknown = run(filterOf('program', architecture), AUDIT[architecture], NEWEST_CALL + 1, []);
      assert.equal(unknown, 38);
    });

    test('lets an executor open for reading alone, and a sealed one nothing', () => {
      assert.equal(decide('executor', 'openat', 0n, 0n, 0o2000000n), ALLOWED);
      for (const flags of [1n, 2n, 3n, 0o100n, 0o1000n, 0o20200002n])
        assert.equal(decide('executor', 'openat', 0n, 0n, flags), 13, `${flags}`);
      assert.equal(decide('sealed', 'openat', 0n, 0n, 0n), 1);
    });

    test('reads the low half of an int, as the kernel does, and the whole of a pointer', () => {
      const high = 0xdead_beef_0000_0000n;
      assert.equal(decide('program', 'socket', high | 1n), ALLOWED);
      assert.equal(decide('program', 'socket', high | 2n), 97);
      assert.equal(decide('executor', 'ioctl', 0n, high | 0x5412n), 25);
      assert.equal(decide('program', 'prlimit64', 0n, 4n, 0n), ALLOWED);
      assert.equal(decide('program', 'prlimit64', 0n, 4n, high), 1);
      assert.equal(decide('program', 'prlimit64', 0n, 4n, 8n), 1);
    });

    test('lets an executor signal itself alone', () => {
      assert.equal(decide('executor', 'kill', BigInt(OWN_PID), 9n), ALLOWED);
      assert.equal(decide('executor', 'kill', 1n, 9n), 1);
      assert.equal(decide('executor', 'tgkill', 1n, 1n, 9n), 1);
      assert.equal(decide('program', 'kill', 1n, 9n), ALLOWED);
    });

    test('where other processes are in sight, keeps a program from them too', () => {
      const alone = filterOf('program', architecture, { alone: true, startsNode: true });
      const decideAlone = (call: string, ...args: bigint[]): string | number =>
        run(alone, AUDIT[architecture], callNumber(call, architecture) ?? -1, args);
      assert.equal(decideAlone('kill', 1n, 9n), 1);
      assert.equal(decideAlone('socket', 1n), 1);
      assert.equal(decideAlone('fchmodat'), 1);
      assert.equal(decideAlone('execve'), ALLOWED);
    });

    test('ends whoever uses another architecture’s calls', () => {
      const filter = filterOf('program', architecture);
      assert.equal(run(filter, 0x4000_0003, 1, []), KILLED);
      assert.equal(run(filter, AUDIT[architecture], 0x4000_0000, []), KILLED);
      assert.equal(run(filter, AUDIT[architecture], 0xffff_ffff, []), KILLED);
    });
  });
}

test('a call that is not in the table is an error, not a hole', () => {
  assert.throws(() => assemble({ allowed: ['opne'], rules: [] }, 'x64'), /opne/);
  assert.throws(() => callNumber('', 'x64'), /not in the table/);
});

test('no two calls of a machine have one number', () => {
  for (const architecture of ['x64', 'arm64'] as const) {
    const seen = new Map<number, string>();
    for (const group of GROUPS) {
      for (const call of callsOf(group, architecture)) {
        const number = callNumber(call, architecture) ?? -1;
        assert.equal(seen.get(number), undefined, `${call} and ${seen.get(number)}`);
        seen.set(number, call);
      }
    }
  }
});

const GROUPS = [
  ...(['descriptors', 'channel', 'sockets', 'events', 'memory', 'threads', 'signals', 'clocks', 'itself'] as const),
  ...(['looking', 'changing', 'attributes', 'programs', 'sealing', 'refused'] as const),
] as const;

function filterOf(
  name: ProfileName,
  architecture: Architecture,
  options: { readonly alone: boolean; readonly startsNode: boolean } = { alone: false, startsNode: false },
): Buffer {
  return assemble(profileNamed(name, architecture, options), architecture);
}

/** Runs the filter as the kernel would: allowed, killed, or an errno. */
function run(filter: Buffer, audit: number, number: number, args: readonly bigint[]): string | number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(audit, 4);
  args.forEach((value, index) => data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index));
  let accumulator = 0;
  for (let at = 0; at < filter.length / 8; at++) {
    const code = filter.readUInt16LE(at * 8);
    const operand = filter.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean): number => filter.readUInt8(at * 8 + (holds ? 2 : 3));
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x15) at += jump(accumulator === operand);
    else if (code === 0x35) at += jump(accumulator >= operand);
    else if (code === 0x45) at += jump((accumulator & operand) !== 0);
    else if (code === 0x06) return answerOf(operand);
    else throw new Error(`Instruction ${at} has the code ${code}`);
  }
  throw new Error('The filter ended without an answer');
}

function answerOf(action: number): string | number {
  if (action === 0x7fff_0000) return ALLOWED;
  if (action === 0x8000_0000) return KILLED;
  return action & 0xffff;
}
