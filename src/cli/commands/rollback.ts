/** `cordon rollback`: an earlier version answers again. */

import { TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import { release, versionNumber } from '../release.ts';

export const rollbackCommand: Command = {
  name: 'rollback',
  operands: 'NAME [VERSION]',
  summary: 'Make the version live that was live before, or an earlier one',
  options: [TENANT],
  examples: [
    ['cordon rollback hello', 'undo the last deployment'],
    ['cordon rollback hello 3', 'back to version 3'],
  ],
  run(input) {
    const [name, version, ...rest] = input.positionals;
    if (name === undefined) throw new UsageError('NAME is missing');
    if (rest.length > 0) throw new UsageError(`there is no use for ${JSON.stringify(rest[0])}`);
    return release(input, 'POST', name, '/rollback', version === undefined ? {} : { version: versionNumber(version) });
  },
};
