/**
 * Seccomp filters: a profile of allowed calls and rules, assembled to classic BPF (seccomp(2), bpf(4) of BSD).
 *
 * A profile names what is allowed; everything else is refused. A filter sees numbers only, never what a pointer leads
 * to: a call whose meaning lies behind a pointer (clone3, openat2) is told to be missing, and libc takes the older one.
 */

import { callNumber, NEWEST_CALL } from './calls.ts';
import type { Architecture } from './calls.ts';

/** One test of one argument, of which the low 32 bits are read unless it says otherwise. */
export type Check = { readonly argument: 0 | 1 | 2 | 3 | 4 | 5 } & (
  | { readonly oneOf: readonly number[]; readonly mask?: number }
  | { readonly noBits: number }
  | { readonly allBits: number }
  /** All 64 bits. */
  | { readonly isNull: true }
  /** The pid of whoever loads the filter, which puts it in the place of {@link OWN_PID}. */
  | { readonly isOwnPid: true }
);

export interface Rule {
  readonly call: string;
  /** Allowed when all of them hold; without any, never. */
  readonly when: readonly Check[];
  /** The errno otherwise. */
  readonly otherwise: number;
}

export interface Profile {
  readonly allowed: readonly string[];
  /** They come before what is allowed, and decide alone about their calls. */
  readonly rules: readonly Rule[];
  /** Everything else too. */
  readonly allowsRest?: true;
}

export const EPERM = 1;
export const ENOSYS = 38;

/** Stands in a filter for the pid of the process that loads it. */
export const OWN_PID = 0x5e1f_71d5;

/** An array of `struct sock_filter`: code (u16), jump if true (u8), if false (u8), operand (u32). Throws for an unknown call. */
export function assemble(profile: Profile, architecture: Architecture): Buffer {
  const { audit, numbersEnd } = MACHINES[architecture];
  const program: Instruction[] = [
    load(ARCHITECTURE_OFFSET),
    [JUMP_EQUAL, 1, 0, audit],
    answer(KILL_PROCESS),
    load(NUMBER_OFFSET),
    // The x32 calls of an x86_64 kernel have numbers of their own, past all that the table knows.
    [JUMP_AT_LEAST, 0, 1, numbersEnd],
    answer(KILL_PROCESS),
  ];
  const ruled = new Set(profile.rules.map(({ call }) => call));
  for (const rule of profile.rules) program.push(...ruleBlock(rule, architecture));
  for (const call of profile.allowed) {
    const number = ruled.has(call) ? null : callNumber(call, architecture);
    if (number !== null) program.push([JUMP_EQUAL, 0, 1, number], answer(ALLOW));
  }
  if (profile.allowsRest === true) return encode([...program, answer(ALLOW)]);
  // What a newer libc tries first has to look missing, or it would not try the older call.
  program.push([JUMP_AT_LEAST, 0, 1, NEWEST_CALL + 1], answer(refuseWith(ENOSYS)), answer(refuseWith(EPERM)));
  return encode(program);
}

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const LOAD = 0x20;
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

/** Offsets in `struct seccomp_data`; both machines keep the low half of a number first. */
const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const ARGUMENTS_OFFSET = 16;

const KILL_PROCESS = 0x8000_0000;
const ALLOW = 0x7fff_0000;
const refuseWith = (errno: number): number => 0x0005_0000 | errno;

const MACHINES = {
  x64: { audit: 0xc000_003e, numbersEnd: 0x4000_0000 },
  arm64: { audit: 0xc000_00b7, numbersEnd: 0x4000_0000 },
} as const;

const INSTRUCTION_BYTES = 8;
const LONGEST_JUMP = 255;

const load = (offset: number): Instruction => [LOAD, 0, 0, offset];
const answer = (action: number): Instruction => [RETURN, 0, 0, action];

/** Skipped by every other call; for its own it always ends in an answer, so that the number stays loaded for the rest. */
function ruleBlock({ call, when, otherwise }: Rule, architecture: Architecture): readonly Instruction[] {
  const number = callNumber(call, architecture);
  if (number === null) return [];
  const refuse = answer(refuseWith(otherwise));
  const body = when.length === 0 ? [refuse] : [...when.flatMap((check) => checkBlock(check, refuse)), answer(ALLOW)];
  if (body.length > LONGEST_JUMP) throw new Error(`The rule of ${call} is too long for one jump`);
  return [[JUMP_EQUAL, 0, body.length, number], ...body];
}

/** Falls through where the check holds. */
function checkBlock(check: Check, refuse: Instruction): readonly Instruction[] {
  const low = ARGUMENTS_OFFSET + 8 * check.argument;
  if ('noBits' in check) return [load(low), [JUMP_ANY_BIT, 0, 1, check.noBits], refuse];
  if ('allBits' in check) return [load(low), [AND, 0, 0, check.allBits], [JUMP_EQUAL, 1, 0, check.allBits], refuse];
  if ('isOwnPid' in check) return [load(low), [JUMP_EQUAL, 1, 0, OWN_PID], refuse];
  if ('isNull' in check)
    return [load(low), [JUMP_EQUAL, 1, 0, 0], refuse, load(low + 4), [JUMP_EQUAL, 1, 0, 0], refuse];
  const { oneOf, mask } = check;
  const masked: readonly Instruction[] = mask === undefined ? [] : [[AND, 0, 0, mask]];
  const tests = oneOf.map((value, index): Instruction => [JUMP_EQUAL, oneOf.length - index, 0, value]);
  return [load(low), ...masked, ...tests, refuse];
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  program.forEach(([code, ifTrue, ifFalse, operand], index) => {
    const at = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(operand >>> 0, at + 4);
  });
  return bytes;
}
