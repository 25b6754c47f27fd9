/** `cordon execute`: runs a file once, in a sandbox of its own, without deploying it. */

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { printable } from '../../lib/printable.ts';
import { createClient, faultText } from '../client.ts';
import { onePositional } from '../command.ts';
import type { Command } from '../command.ts';
import { write } from '../terminal.ts';

export const executeCommand: Command = {
  name: 'execute',
  usage: 'execute FILE',
  summary: 'Run a file once (- reads standard input) and print its result',
  options: [],
  async run(args) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
    const file = onePositional(positionals, 'FILE');
    const code = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
    const response = await createClient().optional({
      method: 'POST',
      path: '/execute',
      headers: [['content-type', 'application/json']],
      body: JSON.stringify({ code }),
    });
    return report(response);
  },
};

interface ExecuteAnswer {
  readonly success?: boolean;
  readonly result?: { readonly body?: unknown };
  readonly error?: string;
  readonly stack?: string | null;
}

async function report(response: Response): Promise<number> {
  const answer = (await response
    .clone()
    .json()
    .catch(() => ({}))) as ExecuteAnswer;
  if (answer.success === true) {
    const body = answer.result?.body ?? null;
    await write(`${printable(typeof body === 'string' ? body : JSON.stringify(body, null, 2))}\n`);
    return 0;
  }
  const reason = answer.error === undefined ? await faultText(response) : sentence(answer.error, answer.stack);
  process.stderr.write(`cordon: ${printable(reason)}\n`);
  return 1;
}

/** A stack begins with the error's own sentence. */
function sentence(error: string, stack: string | null | undefined): string {
  if (!stack) return error;
  return stack.includes(error) ? stack : `${error}\n${stack}`;
}
