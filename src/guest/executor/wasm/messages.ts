/** What crosses between the executor's main thread and the threads that its engines run in. */

import type { BaseImage, Drained, Program, ProgramSource } from '../../quickjs/program.ts';
import type { StopCause } from '../../quickjs/engine-errors.ts';

/** A number for as long as a thread has it, so that it crosses once. */
export type ProgramNumber = number;

export type ToThread =
  | {
      /** Parses a version's code in a copy of the base. */
      readonly kind: 'parse';
      readonly program: ProgramNumber;
      readonly module: WebAssembly.Module;
      readonly base: BaseImage;
      readonly source: ProgramSource;
      readonly limitMs: number;
    }
  | {
      readonly kind: 'adopt';
      readonly program: ProgramNumber;
      readonly module: WebAssembly.Module;
      readonly parsed: Program;
    }
  | { readonly kind: 'forget'; readonly program: ProgramNumber }
  | Turn
  /** The call is over: its copy goes. */
  | { readonly kind: 'drop'; readonly call: number };

/** The first one of a call makes its copy of the program. */
export interface Turn {
  readonly kind: 'turn';
  readonly program: ProgramNumber;
  readonly call: number;
  /** By {@link monotonicMs}. */
  readonly deadlineMs: number;
  /** What is left of its CPU time. */
  readonly cpuMs: number;
  /** A JSON list. */
  readonly messages: string;
  readonly beside: readonly (string | Uint8Array)[];
}

export interface Stop {
  readonly reason: StopCause;
  readonly message: string;
}

export interface Turned {
  readonly kind: 'turned';
  readonly call: number;
  /** How long the turn took. */
  readonly tookMs: number;
  /** Its copy's memory after the turn. */
  readonly memoryBytes: number;
  /** Where it is a stop, the copy is gone. */
  readonly outcome: Drained | Stop;
}

export type FromThread =
  | { readonly kind: 'up' }
  | { readonly kind: 'parsed'; readonly program: ProgramNumber; readonly parsed: Program | Stop }
  | Turned;

/** Shared with the main thread, which reads it when a turn does not end. */
export const Progress = {
  /** The call, or 0, whose turn runs now. */
  CALL: 0,
  /** The last call whose first turn began. Calls begin in the order in which they were sent. */
  BEGUN: 1,
  /** The program, or 0, that is being parsed. */
  PROGRAM: 2,
} as const;
export const PROGRESS_WORDS = 3;

const NS_PER_MS = 1e6;

/** The clock that all threads of a process have in common. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / NS_PER_MS;
