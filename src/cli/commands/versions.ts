/** `cordon versions`: what was deployed of a function, newest first. */

import { createClient, functionPath } from '../client.ts';
import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { table } from '../table.ts';
import { write, writeJson } from '../terminal.ts';
import { roleOf, tierText } from '../views.ts';
import type { FunctionView, VersionView } from '../views.ts';

export const versionsCommand: Command = {
  name: 'versions',
  operands: 'NAME',
  summary: 'List the versions of a function',
  options: [{ name: 'limit', value: 'N', meaning: 'How many of the newest (default: 20)' }, TENANT],
  examples: [['cordon versions hello', 'newest first']],
  async run(input) {
    const name = input.one('NAME');
    const client = createClient();
    const query = { tenant: input.tenant };
    const [view, { versions }] = await Promise.all([
      client.api<FunctionView>('GET', functionPath(name), { query }),
      client.api<{ versions: VersionView[] }>('GET', functionPath(name, '/versions'), {
        query: { ...query, limit: input.number('limit') ?? 20 },
      }),
    ]);
    if (input.json) await writeJson(versions);
    else await write(table(['VERSION', 'IS', 'CODE', 'TIER', 'BY', 'DEPLOYED'], versions.map(rowOf(view))));
    return 0;
  },
};

const rowOf =
  (view: FunctionView) =>
  (version: VersionView): string[] => {
    const { number, hash, createdBy, createdAt } = version;
    return [`@${number}`, roleOf(view, number), hash.slice(0, 8), tierText(version), createdBy, createdAt];
  };
