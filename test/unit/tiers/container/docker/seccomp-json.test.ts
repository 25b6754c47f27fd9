import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seccompJson } from '../../../../../src/tiers/container/docker/seccomp-json.ts';
import type { Profile } from '../../../../../src/walls/seccomp/filter.ts';
import { profileNamed } from '../../../../../src/walls/seccomp/profiles.ts';

const CONTAINER = profileNamed('container', 'x64', { alone: false, startsNode: false });

const entriesOf = (profile: Profile, call: string): readonly object[] =>
  seccompJson(profile, 'x64').syscalls.filter(({ names }) => names.includes(call));

const rule = (when: Profile['rules'][number]['when']): Profile => ({
  allowed: ['socket'],
  rules: [{ call: 'socket', when, otherwise: 97 }],
});

test('what a profile allows is allowed, what the table knows besides is refused, and the rest is missing', () => {
  const { defaultAction, defaultErrnoRet, architectures, syscalls } = seccompJson(CONTAINER, 'x64');
  assert.deepEqual([defaultAction, defaultErrnoRet, architectures], ['SCMP_ACT_ERRNO', 38, ['SCMP_ARCH_X86_64']]);
  const [allowed, refused] = syscalls;
  assert.ok(allowed?.action === 'SCMP_ACT_ALLOW' && allowed.names.includes('read') && allowed.names.includes('execve'));
  assert.ok(refused?.action === 'SCMP_ACT_ERRNO' && refused.errnoRet === 1);
  for (const call of ['mount', 'ptrace', 'bpf', 'unshare', 'keyctl', 'setns', 'perf_event_open'])
    assert.ok(refused.names.includes(call) && !allowed.names.includes(call), call);
});

test('every call is said in one way: allowed, refused, or by rules', () => {
  const { syscalls } = seccompJson(profileNamed('container', 'arm64', { alone: false, startsNode: false }), 'arm64');
  const [allowed, refused, ...rules] = syscalls;
  const ruled = new Set(rules.flatMap(({ names }) => names));
  for (const call of ruled) assert.ok(!allowed?.names.includes(call) && !refused?.names.includes(call), call);
  assert.deepEqual(
    allowed?.names.filter((call) => refused?.names.includes(call)),
    [],
  );
  assert.ok(!allowed?.names.includes('open'), 'arm64 has no open(2)');
});

test('alternatives become an entry each, of the low half of the argument', () => {
  const when = [
    { argument: 0, oneOf: [1, 2] },
    { argument: 1, oneOf: [1], mask: 0xf },
  ] as const;
  const masked = (index: number, value: number, valueTwo: number): object => ({
    index,
    value,
    valueTwo,
    op: 'SCMP_CMP_MASKED_EQ',
  });
  assert.deepEqual(entriesOf(rule(when), 'socket'), [
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [masked(0, 0xffff_ffff, 1), masked(1, 0xf, 1)] },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [masked(0, 0xffff_ffff, 2), masked(1, 0xf, 1)] },
  ]);
});

test('two tests of one argument become one, because libseccomp takes two for alternatives', () => {
  const when = [
    { argument: 0, noBits: 0x7e02_0080 },
    { argument: 0, allBits: 0x1_0000 },
  ] as const;
  const args = [{ index: 0, value: 0x7e03_0080, valueTwo: 0x1_0000, op: 'SCMP_CMP_MASKED_EQ' }];
  assert.deepEqual(entriesOf(rule(when), 'socket'), [{ names: ['socket'], action: 'SCMP_ACT_ALLOW', args }]);
  const high = entriesOf(rule([{ argument: 0, noBits: 0x8000_0000 }]), 'socket') as readonly {
    args: readonly { value: number }[];
  }[];
  assert.equal(high[0]?.args[0]?.value, 0x8000_0000);
});

test('a rule that is never met refuses with its own errno', () => {
  assert.deepEqual(entriesOf(rule([]), 'socket'), [{ names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 97 }]);
});

test('what the JSON can’t say is an error, never a weaker filter', () => {
  assert.throws(() => seccompJson(rule([{ argument: 0, isOwnPid: true }]), 'x64'), /can't be said/);
  const contradiction = rule([
    { argument: 0, oneOf: [1] },
    { argument: 0, noBits: 1 },
  ]);
  assert.throws(() => seccompJson(contradiction, 'x64'), /can't be said/);
  assert.throws(() => seccompJson({ ...CONTAINER, allowsRest: true }, 'x64'), /no profile that allows/);
});
