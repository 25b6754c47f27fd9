/**
 * Command: one verb of the command line, described as data, so that parsing, help, completion and the manual's test all
 * read the same table.
 */

import type { Input } from './input.ts';

export interface Option {
  /** Without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for its value in the help; an option without one is a switch. */
  readonly value?: string;
  readonly repeats?: true;
  /** The only values it takes. */
  readonly choices?: readonly string[];
  readonly meaning: string;
}

export interface Command {
  /** One word, or two (`secrets set`). */
  readonly name: string;
  /** What follows the name, but for the options. */
  readonly operands: string;
  /** One line, for the table of commands. */
  readonly summary: string;
  /** What a reader of the help has to know besides; paragraphs. */
  readonly notes?: string;
  readonly options: readonly Option[];
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** The exit code. Throws a {@link CliError}, a {@link UsageError}, or the error of the file system. */
  run(input: Input): Promise<number>;
}

export const TENANT: Option = {
  name: 'tenant',
  value: 'TENANT',
  meaning: 'Whose (default: the one of the token, else default)',
};

/** Every command has these. */
export const COMMON_OPTIONS: readonly Option[] = [
  { name: 'json', meaning: 'Print JSON on standard output, and nothing else there' },
  { name: 'help', short: 'h', meaning: 'Show this help' },
];

/** Something that the person at the terminal can put right; the message is all that they see. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** A command line that says too little or too much; the message is shown with the command's usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
