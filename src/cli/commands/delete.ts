/** `cordon delete`: removes a function, its versions and its lines of log. */

import { YES, confirm } from '../ask.ts';
import { createClient, functionPath } from '../client.ts';
import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { writeJson, writeLine } from '../terminal.ts';

export const deleteCommand: Command = {
  name: 'delete',
  operands: 'NAME',
  summary: 'Delete a function, its versions and its logs',
  options: [YES, TENANT],
  examples: [
    ['cordon delete hello', 'asks first'],
    ['cordon delete hello --yes', 'in a script'],
  ],
  async run(input) {
    const name = input.one('NAME');
    await confirm(input, `Delete ${name}, all its versions, secrets and logs?`);
    await createClient().api('DELETE', functionPath(name), { query: { tenant: input.tenant } });
    if (input.json) await writeJson({ name, deleted: true });
    else await writeLine(`${name} is deleted`);
    return 0;
  },
};
