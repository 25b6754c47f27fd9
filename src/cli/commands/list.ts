/** `cordon list`: the functions of a tenant. */

import { parseArgs } from 'node:util';
import { createClient } from '../client.ts';
import { UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import { write } from '../terminal.ts';

interface ListedFunction {
  readonly name: string;
  readonly version: number;
  readonly tier: string;
  readonly deployedAt: string;
}

export const listCommand: Command = {
  name: 'list',
  usage: 'list',
  summary: 'List the deployed functions',
  options: [['--tenant TENANT', 'Whose (default: default)']],
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { tenant: { type: 'string', default: 'default' } },
    });
    if (positionals.length > 0) throw new UsageError(`list takes no ${JSON.stringify(positionals[0])}`);
    const response = await createClient().admin({
      method: 'GET',
      path: `/api/v1/functions?tenant=${encodeURIComponent(values.tenant)}`,
    });
    const { functions } = (await response.json()) as { functions: ListedFunction[] };
    if (functions.length === 0) process.stderr.write(`Tenant ${values.tenant} has no functions yet\n`);
    const width = Math.max(0, ...functions.map(({ name }) => name.length));
    for (const { name, version, tier, deployedAt } of functions) {
      await write(`${name.padEnd(width)}  @${version}  ${tier}  ${deployedAt}\n`);
    }
    return 0;
  },
};
