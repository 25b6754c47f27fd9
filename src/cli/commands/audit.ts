/** `cordon audit`: what operators did, and what was refused to functions on the way out. */

import { createClient } from '../client.ts';
import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { table } from '../table.ts';
import { note, write, writeJson } from '../terminal.ts';

interface EntryView {
  readonly id: number;
  readonly time: string;
  readonly actor: string;
  readonly action: string;
  readonly tenant: string | null;
  readonly target: string;
  readonly outcome: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export const auditCommand: Command = {
  name: 'audit',
  operands: '',
  summary: 'Show what was done and refused, newest first',
  options: [{ name: 'limit', value: 'N', meaning: 'How many (default: 50)' }, TENANT],
  examples: [
    ['cordon audit --tenant acme', 'of one tenant'],
    ['cordon audit --limit 1000 --json', 'for a program'],
  ],
  async run(input) {
    input.words();
    const { entries } = await createClient().api<{ entries: EntryView[] }>('GET', '/api/v1/audit', {
      query: { tenant: input.tenant, limit: input.number('limit') ?? 50 },
    });
    if (input.json) await writeJson(entries);
    else if (entries.length === 0) note('There is nothing yet');
    else await write(table(['TIME', 'WHO', 'DID', 'TENANT', 'TO', 'OUTCOME', 'DETAILS'], entries.map(row)));
    return 0;
  },
};

const row = ({ time, actor, action, tenant, target, outcome, details }: EntryView): string[] => [
  time,
  actor,
  action,
  tenant ?? '-',
  target,
  outcome,
  Object.keys(details).length === 0 ? '' : JSON.stringify(details),
];
