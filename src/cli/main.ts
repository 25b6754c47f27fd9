/** The command line: finds the command, and turns whatever it throws into a sentence and an exit code. */

import { readFileSync } from 'node:fs';
import { Fault } from '../core/faults.ts';
import { StartError } from '../core/start-error.ts';
import { printable } from '../lib/printable.ts';
import { CliError, UsageError } from './command.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { commandHelp, groupHelp, overview, usageOf } from './help.ts';
import { readInput } from './input.ts';
import { didYouMean } from './suggest.ts';
import { styled } from './terminal.ts';

/** 0: it worked. 1: it did not. 2: the command line is not valid. */
export async function main(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args;
  if (word === undefined || word === '--help' || word === '-h') return say(overview(COMMANDS));
  if (word === 'help') return help(rest);
  if (word === '--version' || word === '-v') return say(version());
  const { command, operands } = find(args);
  if (command === undefined) return isGroup(word) ? groupWithoutCommand(args) : refuse(unknown(word), 'cordon --help');
  try {
    const input = readInput(command, operands);
    return input.flag('help') ? say(commandHelp(command)) : await command.run(input);
  } catch (error) {
    return explain(error, command);
  }
}

/** By two words, else by one. */
function find(args: readonly string[]): { command: Command | undefined; operands: readonly string[] } {
  for (const words of [2, 1]) {
    const command = COMMANDS.find(
      ({ name }) => name === args.slice(0, words).join(' ') && words === name.split(' ').length,
    );
    if (command !== undefined) return { command, operands: args.slice(words) };
  }
  return { command: undefined, operands: args };
}

const groupOf = (word: string): readonly Command[] => COMMANDS.filter(({ name }) => name.startsWith(`${word} `));
const isGroup = (word: string): boolean => groupOf(word).length > 0;

/** `cordon secrets`, `cordon secrets --help`, `cordon secrets sett`. */
function groupWithoutCommand([word, second]: readonly string[]): number {
  const group = groupOf(word!);
  if (second === '--help' || second === '-h') return say(groupHelp(group));
  const verbs = group.map(({ name }) => name.split(' ')[1]!);
  if (second === undefined) return refuse(`say which: ${verbs.join(', ')}`, `cordon ${word} COMMAND`);
  const message = `there is no command ${JSON.stringify(`${word} ${second}`)}${didYouMean(second, verbs, `${word} `)}`;
  return refuse(`${message}; there are ${verbs.join(', ')}`, `cordon ${word} COMMAND`);
}

function help(words: readonly string[]): number {
  const [word] = words;
  if (word === undefined) return say(overview(COMMANDS));
  const { command } = find(words);
  if (command !== undefined) return say(commandHelp(command));
  return isGroup(word) ? say(groupHelp(groupOf(word))) : refuse(unknown(word), 'cordon --help');
}

function explain(error: unknown, command: Command): number {
  if (!(error instanceof Error)) throw error;
  if (error instanceof UsageError) return refuse(error.message, usageOf(command));
  if (error instanceof CliError || error instanceof StartError || error instanceof Fault || isSystemError(error)) {
    process.stderr.write(`${prefix()} ${printable(error.message)}\n`);
    return 1;
  }
  throw error;
}

function refuse(message: string, usage: string): number {
  process.stderr.write(`${prefix()} ${printable(message)}\nUsage: ${usage}\n`);
  return 2;
}

const prefix = (): string => styled('red', 'cordon:', process.stderr);

function unknown(word: string): string {
  const words = [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0]!))];
  return `there is no command ${JSON.stringify(word)}${didYouMean(word, [...words, 'help'])}`;
}

/** A file that isn't there, a port that is taken: the operating system's own sentence tells enough. */
const isSystemError = (error: Error): boolean => (error as NodeJS.ErrnoException).syscall !== undefined;

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
