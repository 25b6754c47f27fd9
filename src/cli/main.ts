/** The command line: finds the command, and turns whatever it throws into a sentence and an exit code. */

import { readFileSync } from 'node:fs';
import { StartError } from '../core/start-error.ts';
import { printable } from '../lib/printable.ts';
import { CliError, UsageError } from './command.ts';
import type { Command } from './command.ts';
import { deleteCommand } from './commands/delete.ts';
import { deployCommand } from './commands/deploy.ts';
import { executeCommand } from './commands/execute.ts';
import { invokeCommand } from './commands/invoke.ts';
import { listCommand } from './commands/list.ts';
import { logsCommand } from './commands/logs.ts';
import { serveCommand } from './commands/serve.ts';

const COMMANDS: readonly Command[] = [
  serveCommand,
  deployCommand,
  invokeCommand,
  executeCommand,
  logsCommand,
  listCommand,
  deleteCommand,
];

/** 0: it worked. 1: it did not. 2: the command line is not valid. */
export async function main(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args;
  if (word === undefined || word === '--help' || word === '-h' || word === 'help') return help(rest[0]);
  if (word === '--version' || word === '-v') return say(version());
  const command = COMMANDS.find(({ name }) => name === word);
  if (command === undefined) return refuse(unknown(word), 'cordon --help');
  if (rest.includes('--help') || rest.includes('-h')) return help(command.name);
  try {
    return await command.run(rest);
  } catch (error) {
    return explain(error, command);
  }
}

function help(word: string | undefined): number {
  const command = COMMANDS.find(({ name }) => name === word);
  if (command === undefined) return say(overview());
  const options = command.options.length === 0 ? '' : `\n\n${table(command.options)}`;
  return say(`${command.summary}\n\n  cordon ${command.usage}${options}`);
}

function overview(): string {
  return `Cordon runs code you don't trust.

${table(COMMANDS.map(({ usage, summary }) => [`cordon ${usage}`, summary] as const))}

  cordon COMMAND --help   tells of a command's options
  cordon --version

Commands other than serve talk to the server at CORDON_URL (by default http://127.0.0.1:3003) with the token in
CORDON_ADMIN_TOKEN, or else the one in the data directory (CORDON_DATA_DIR, by default .cordon).`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`).join('\n');
}

function explain(error: unknown, command: Command): number {
  if (!(error instanceof Error)) throw error;
  if (error instanceof UsageError || isParseArgsError(error)) return refuse(error.message, `cordon ${command.usage}`);
  if (error instanceof CliError || error instanceof StartError || isSystemError(error)) {
    process.stderr.write(`cordon: ${printable(error.message)}\n`);
    return 1;
  }
  throw error;
}

function refuse(message: string, usage: string): number {
  process.stderr.write(`cordon: ${printable(message)}\nUsage: ${usage}\n`);
  return 2;
}

const unknown = (word: string): string =>
  `there is no command ${JSON.stringify(word)}; there are ${COMMANDS.map(({ name }) => name).join(', ')}`;

const codeOf = (error: Error): string => String((error as NodeJS.ErrnoException).code);
const isParseArgsError = (error: Error): boolean => codeOf(error).startsWith('ERR_PARSE_ARGS');

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
