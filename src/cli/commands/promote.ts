/** `cordon promote`: a version that waits, or the canary, becomes live. */

import { TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import { release, versionNumber } from '../release.ts';

export const promoteCommand: Command = {
  name: 'promote',
  operands: 'NAME [VERSION]',
  summary: 'Make a version live: the canary, or the one that is named',
  options: [TENANT],
  examples: [
    ['cordon deploy --no-live hello && cordon promote hello 7', 'deploy first, switch later'],
    ['cordon promote hello', 'the canary takes all requests'],
  ],
  run(input) {
    const [name, version, ...rest] = input.positionals;
    if (name === undefined) throw new UsageError('NAME is missing');
    if (rest.length > 0) throw new UsageError(`there is no use for ${JSON.stringify(rest[0])}`);
    return release(input, 'POST', name, '/promote', version === undefined ? {} : { version: versionNumber(version) });
  },
};
