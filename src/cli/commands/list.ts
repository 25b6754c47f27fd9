/** `cordon list`: the functions of a tenant. */

import { createClient } from '../client.ts';
import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { allPages } from '../pages.ts';
import { table } from '../table.ts';
import { note, write, writeJson } from '../terminal.ts';
import { stateOf, versionText } from '../views.ts';
import type { FunctionView } from '../views.ts';

export const listCommand: Command = {
  name: 'list',
  operands: '',
  summary: 'List the deployed functions',
  options: [{ name: 'search', value: 'TEXT', meaning: 'Only those with this in their name' }, TENANT],
  examples: [
    ['cordon list', 'all of them'],
    ['cordon list --search mail --json', 'for a program'],
  ],
  async run(input) {
    input.words();
    const functions = await allPages<FunctionView>(createClient(), '/api/v1/functions', 'functions', {
      tenant: input.tenant,
      search: input.text('search'),
    });
    if (input.json) await writeJson(functions);
    else if (functions.length === 0) note('There are no functions yet');
    else await write(table(['NAME', 'VERSION', 'TIER', 'STATE', 'CHANGED'], functions.map(row)));
    return 0;
  },
};

const row = (view: FunctionView): string[] => [
  view.name,
  versionText(view),
  view.live?.tier ?? '-',
  stateOf(view),
  view.updatedAt,
];
