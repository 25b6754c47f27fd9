/** `cordon cron`: the functions that run at times. */

import { createClient, functionPath } from '../client.ts';
import { TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import type { Input } from '../input.ts';
import { allPages } from '../pages.ts';
import { table } from '../table.ts';
import { note, write, writeJson, writeLine } from '../terminal.ts';

interface CronView {
  readonly name: string;
  readonly pattern: string;
  readonly timeZone: string;
  readonly paused: boolean;
  readonly overlap: string;
  readonly catchUp: string;
  readonly finishedAt: string | null;
  readonly next: readonly string[];
}

export const cronCommands: readonly Command[] = [
  {
    name: 'cron list',
    operands: '',
    summary: 'List the functions that run at times, with their next run',
    options: [TENANT],
    examples: [
      ['cordon cron list', 'times are of UTC'],
      ['cordon cron list --json', 'with the next five runs of each'],
    ],
    run: list,
  },
  {
    name: 'cron run',
    operands: 'NAME',
    summary: 'Run one of them now, beside its ticks',
    options: [TENANT],
    examples: [['cordon cron run digest', 'then: cordon logs digest -f']],
    async run(input) {
      const name = input.one('NAME');
      const path = functionPath(name, '/cron/run');
      const answer = await createClient().api<{ id: string }>('POST', path, { query: { tenant: input.tenant } });
      if (input.json) await writeJson(answer);
      else await writeLine(`${name} runs now`);
      return 0;
    },
  },
  {
    name: 'cron pause',
    operands: 'NAME',
    summary: 'Let the ticks of one of them pass',
    options: [TENANT],
    examples: [['cordon cron pause digest', 'until cordon cron resume digest']],
    run: (input) => change(input, { paused: true }),
  },
  {
    name: 'cron resume',
    operands: 'NAME',
    summary: 'Go on with the next tick',
    options: [TENANT],
    examples: [['cordon cron resume digest', 'what passed meanwhile is not run']],
    run: (input) => change(input, { paused: false }),
  },
  {
    name: 'cron set',
    operands: 'NAME',
    summary: 'Say what happens to ticks that overlap or were missed',
    options: [
      {
        name: 'overlap',
        value: 'POLICY',
        choices: ['skip', 'allow'],
        meaning: 'A tick that comes due while an earlier run lasts (default: skip)',
      },
      {
        name: 'catch-up',
        value: 'POLICY',
        choices: ['once', 'all', 'none'],
        meaning: 'Ticks that were missed: the last of them runs (default), the last 100, or none',
      },
      TENANT,
    ],
    examples: [['cordon cron set digest --catch-up none', 'after downtime it waits for its next tick']],
    run(input) {
      const [overlap, catchUp] = [input.text('overlap'), input.text('catch-up')];
      if (overlap === undefined && catchUp === undefined) throw new UsageError('--overlap or --catch-up is missing');
      return change(input, { overlap, catchUp });
    },
  },
];

async function list(input: Input): Promise<number> {
  input.words();
  const found = await allPages<CronView>(createClient(), '/api/v1/cron', 'functions', {
    tenant: input.tenant,
    limit: PAGE_ITEMS,
  });
  if (input.json) await writeJson(found);
  else if (found.length === 0) note('There are none yet');
  else await write(table(['NAME', 'PATTERN', 'ZONE', 'NEXT RUN', 'LAST ENDED', 'POLICY'], found.map(row)));
  return 0;
}

const PAGE_ITEMS = 200;

const row = ({ name, pattern, timeZone, paused, next, finishedAt, overlap, catchUp }: CronView): string[] => [
  name,
  pattern,
  timeZone,
  paused ? 'paused' : (next[0] ?? 'never'),
  finishedAt ?? '-',
  `overlap ${overlap}, catch up ${catchUp}`,
];

async function change(input: Input, body: Readonly<Record<string, unknown>>): Promise<number> {
  const name = input.one('NAME');
  const view = await createClient().api<CronView>('PATCH', functionPath(name, '/cron'), {
    query: { tenant: input.tenant },
    body,
  });
  if (input.json) await writeJson(view);
  else await writeLine(`${name} ${view.paused ? 'is paused' : `runs next at ${view.next[0] ?? 'no time'}`}`);
  return 0;
}
