/** `cordon delete`: removes a function, its versions and its lines of log. */

import { parseArgs } from 'node:util';
import { createClient } from '../client.ts';
import { onePositional } from '../command.ts';
import type { Command } from '../command.ts';
import { write } from '../terminal.ts';

export const deleteCommand: Command = {
  name: 'delete',
  usage: 'delete NAME',
  summary: 'Delete a function, its versions and its logs',
  options: [['--tenant TENANT', 'Whose it is (default: default)']],
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { tenant: { type: 'string', default: 'default' } },
    });
    const name = onePositional(positionals, 'NAME');
    const path = `/api/v1/functions/${encodeURIComponent(name)}?tenant=${encodeURIComponent(values.tenant)}`;
    await createClient().admin({ method: 'DELETE', path });
    await write(`${name} is deleted\n`);
    return 0;
  },
};
