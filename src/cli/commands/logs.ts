/** `cordon logs`: what a function wrote to its console. */

import { parseArgs } from 'node:util';
import type { LogLine } from '../../core/log-line.ts';
import { oneLine } from '../../lib/printable.ts';
import { createClient } from '../client.ts';
import type { Client } from '../client.ts';
import { CliError, onePositional } from '../command.ts';
import type { Command } from '../command.ts';
import { write } from '../terminal.ts';

export const logsCommand: Command = {
  name: 'logs',
  usage: 'logs NAME [-f]',
  summary: 'Show what a function wrote to its console',
  options: [
    ['-f, --follow', 'Go on with the lines as they are written'],
    ['--tenant TENANT', 'Whose it is (default: default)'],
  ],
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        follow: { type: 'boolean', short: 'f', default: false },
        tenant: { type: 'string', default: 'default' },
      },
    });
    const name = onePositional(positionals, 'NAME');
    const path = `/api/v1/functions/${encodeURIComponent(name)}/logs?tenant=${encodeURIComponent(values.tenant)}`;
    const client = createClient();
    const { lines } = (await (await client.admin({ method: 'GET', path })).json()) as { lines: LogLine[] };
    for (const line of lines) await write(shown(line));
    if (values.follow) await follow(client, `${path}&follow=1&after=${lines.at(-1)?.id ?? 0}`);
    return 0;
  },
};

async function follow(client: Client, path: string): Promise<void> {
  const { body } = await client.admin({ method: 'GET', path });
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      // Empty lines only show that the server is there.
      for (const line of lines) if (line !== '') await write(shown(JSON.parse(line) as LogLine));
    }
  } catch (error) {
    throw new CliError(`the server ended the connection: ${(error as Error).message}`);
  }
}

function shown({ timeMs, level, invocation, version, message }: LogLine): string {
  const text = oneLine(`${new Date(timeMs).toISOString()} @${version} ${invocation ?? '-'} ${level.padEnd(5)} `);
  // A message of several lines stays readable, and can't pass for another line: what follows is indented.
  return `${text}${message.split('\n').map(oneLine).join('\n    ')}\n`;
}
