/** `cordon publish`: sends an event to the functions that listen to its channel. */

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { createClient } from '../client.ts';
import { CliError, TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import { writeJson, writeLine } from '../terminal.ts';

interface PublishedView {
  readonly id: string;
  readonly deliveries: number;
  readonly duplicate: boolean;
}

export const publishCommand: Command = {
  name: 'publish',
  operands: 'CHANNEL [JSON]',
  summary: 'Publish an event to the functions that listen',
  notes: 'JSON may be @FILE, or - for standard input; without it the event has no data (null).',
  options: [
    { name: 'id', value: 'ID', meaning: 'Of two events with one id within a day the second is not delivered' },
    { name: 'key', value: 'KEY', meaning: 'Events of one key reach each function one after the other' },
    { name: 'delay', value: 'MS', meaning: 'Not before so many milliseconds' },
    TENANT,
  ],
  examples: [
    [`cordon publish items:posts:created '{"id": 7}'`, 'to whoever listens to items:posts:* or items:**'],
    ['cordon publish reports:due --delay 60000', 'in a minute'],
  ],
  async run(input) {
    const [channel, data = 'null', ...rest] = input.positionals;
    if (channel === undefined) throw new UsageError('CHANNEL is missing');
    if (rest.length > 0) throw new UsageError(`there is no use for ${JSON.stringify(rest[0])}`);
    const body = {
      channel,
      data: await jsonOf(data),
      id: input.text('id'),
      key: input.text('key'),
      delayMs: input.number('delay'),
    };
    const published = await createClient().api<PublishedView>('POST', '/api/events', {
      query: { tenant: input.tenant },
      body,
    });
    if (input.json) await writeJson(published);
    else await writeLine(sentenceOf(published));
    return 0;
  },
};

function sentenceOf({ id, deliveries, duplicate }: PublishedView): string {
  if (duplicate) return `${id} had been published before`;
  if (deliveries === 0) return `${id} is published, and nobody listens`;
  return `${id} is published to ${deliveries} function${deliveries === 1 ? '' : 's'}`;
}

async function jsonOf(given: string): Promise<unknown> {
  const source =
    given === '-' ? await text(process.stdin) : given.startsWith('@') ? await readFile(given.slice(1), 'utf8') : given;
  try {
    return JSON.parse(source) as unknown;
  } catch (error) {
    throw new CliError(`the data of an event must be JSON: ${(error as Error).message}`);
  }
}
