/**
 * A profile of ours in the JSON of Docker, which libseccomp turns into a filter where the engine is.
 *
 * It says what our own assembler says but for one thing: libseccomp has no "otherwise", so a call of which only some
 * arguments are allowed gets the default answer with the rest.
 */

import { CALL_GROUPS, callsOf } from '../../../walls/seccomp/calls.ts';
import type { Architecture } from '../../../walls/seccomp/calls.ts';
import { ENOSYS, EPERM } from '../../../walls/seccomp/filter.ts';
import type { Check, Profile, Rule } from '../../../walls/seccomp/filter.ts';

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
}

interface Syscalls {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly Argument[];
}

export interface SeccompJson {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Syscalls[];
}

const ARCHITECTURES: Readonly<Record<Architecture, string>> = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' };
const LOW_HALF = 0xffff_ffff;

/** What a newer libc tries first looks missing, so that it tries the older call; what is known and not allowed is refused. */
export function seccompJson(profile: Profile, architecture: Architecture): SeccompJson {
  if (profile.allowsRest === true) throw new Error('A container gets no profile that allows what it does not name');
  const ruled = new Set(profile.rules.map(({ call }) => call));
  const allowed = new Set(profile.allowed.filter((call) => !ruled.has(call)));
  const refused = CALL_GROUPS.flatMap((group) => callsOf(group, architecture)).filter(
    (call) => !allowed.has(call) && !ruled.has(call),
  );
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures: [ARCHITECTURES[architecture]],
    syscalls: [
      { names: [...allowed].toSorted(), action: 'SCMP_ACT_ALLOW' },
      { names: refused.toSorted(), action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      ...profile.rules.flatMap(ruleJson),
    ],
  };
}

/** One entry for each way in which all checks of the rule hold. */
function ruleJson({ call, when, otherwise }: Rule): readonly Syscalls[] {
  if (when.length === 0) return [{ names: [call], action: 'SCMP_ACT_ERRNO', errnoRet: otherwise }];
  const byArgument = Map.groupBy(when, ({ argument }) => argument);
  let ways: readonly (readonly Argument[])[] = [[]];
  // libseccomp takes two tests of one argument for alternatives, so they become one.
  for (const [index, checks] of byArgument) {
    const tests = testsOf(call, index, checks);
    ways = ways.flatMap((way) => tests.map((test) => [...way, test]));
  }
  return ways.map((args) => ({ names: [call], action: 'SCMP_ACT_ALLOW', args }));
}

/** Any of which is enough. */
function testsOf(call: string, index: number, checks: readonly Check[]): readonly Argument[] {
  const [check] = checks;
  if (checks.length === 1 && check !== undefined && 'oneOf' in check)
    return check.oneOf.map((value) => masked(index, check.mask ?? LOW_HALF, value));
  if (checks.length === 1 && check !== undefined && 'isNull' in check) return [{ index, value: 0, op: 'SCMP_CMP_EQ' }];
  let mask = 0;
  let wanted = 0;
  for (const each of checks) {
    if ('noBits' in each) mask |= each.noBits;
    else if ('allBits' in each) {
      mask |= each.allBits;
      wanted |= each.allBits;
    } else throw new Error(`The rule of ${call} can't be said in the JSON of Docker`);
  }
  return [masked(index, mask >>> 0, wanted >>> 0)];
}

const masked = (index: number, mask: number, wanted: number): Argument => ({
  index,
  value: mask,
  valueTwo: wanted,
  op: 'SCMP_CMP_MASKED_EQ',
});
