/** `cordon logs`: what a function wrote to its console. */

import type { LogLine } from '../../core/log-line.ts';
import { oneLine } from '../../lib/printable.ts';
import { createClient, functionPath } from '../client.ts';
import { CliError, TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { styled, write } from '../terminal.ts';
import type { Style } from '../terminal.ts';

export const logsCommand: Command = {
  name: 'logs',
  operands: 'NAME',
  summary: 'Show what a function wrote to its console',
  notes: 'With --json each line is one JSON object.',
  options: [
    { name: 'follow', short: 'f', meaning: 'Go on with the lines as they are written' },
    { name: 'limit', value: 'N', meaning: 'How many of the newest lines, up to 1000 (default: 100)' },
    TENANT,
  ],
  examples: [
    ['cordon logs hello', 'the newest lines'],
    ['cordon logs hello -f', 'and those to come, until Ctrl-C'],
  ],
  async run(input) {
    const path = functionPath(input.one('NAME'), '/logs');
    const client = createClient();
    const shown = input.json ? (line: LogLine) => `${JSON.stringify(line)}\n` : textOf;
    const { lines } = await client.api<{ lines: LogLine[] }>('GET', path, {
      query: { tenant: input.tenant, limit: input.number('limit') },
    });
    for (const line of lines) await write(shown(line));
    if (input.flag('follow')) {
      const query = { tenant: input.tenant, follow: 1, after: lines.at(-1)?.id ?? 0 };
      await follow(await client.stream(path, query), shown);
    }
    return 0;
  },
};

async function follow({ body }: Response, shown: (line: LogLine) => string): Promise<void> {
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

const STYLES: Readonly<Partial<Record<LogLine['level'], Style>>> = { debug: 'dim', warn: 'yellow', error: 'red' };

function textOf({ timeMs, level, invocation, version, message }: LogLine): string {
  const head = oneLine(`${new Date(timeMs).toISOString()} @${version} ${invocation ?? '-'} ${level.padEnd(5)} `);
  // A message of several lines stays readable, and can't pass for another line: what follows is indented.
  const text = message.split('\n').map(oneLine).join('\n    ');
  const style = STYLES[level];
  return `${head}${style === undefined ? text : styled(style, text)}\n`;
}
