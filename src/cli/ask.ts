/** Ask: what only the person at the terminal can say. Questions go to standard error: standard output may be a pipe. */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError, UsageError } from './command.ts';
import type { Input } from './input.ts';
import { oneLine } from '../lib/printable.ts';

export const YES = { name: 'yes', short: 'y', meaning: 'Do not ask' } as const;

/** Resolves when it may go on. Throws a {@link CliError} for a no, and a {@link UsageError} where nobody can be asked. */
export async function confirm(input: Input, question: string): Promise<void> {
  if (input.flag('yes')) return;
  if (!process.stdin.isTTY) throw new UsageError('nobody can be asked here: say --yes');
  const answer = await read(`${oneLine(question)} [y/N] `, false);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('nothing was done');
}

/** A line that is not shown while it is typed. Throws a {@link UsageError} where nobody can be asked. */
export async function askSecret(name: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError(`nobody can be asked for ${name} here: send it to standard input`);
  return read(`${oneLine(name)}: `, true);
}

async function read(question: string, isHidden: boolean): Promise<string> {
  // The interface echoes what is typed; an echo that goes nowhere shows nothing.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: isHidden ? nowhere : process.stderr, terminal: true });
  const stopped = new AbortController();
  lines.on('SIGINT', () => stopped.abort()).on('close', () => stopped.abort());
  try {
    if (isHidden) process.stderr.write(question);
    return await lines.question(isHidden ? '' : question, { signal: stopped.signal });
  } catch (error) {
    if (stopped.signal.aborted) throw new CliError('nothing was done');
    throw error;
  } finally {
    if (isHidden) process.stderr.write('\n');
    lines.close();
  }
}
