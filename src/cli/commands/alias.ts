/** `cordon alias`: a name for a version, at which it answers whether it is live or not. */

import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { release, versionNumber } from '../release.ts';

export const aliasCommands: readonly Command[] = [
  {
    name: 'alias set',
    operands: 'NAME ALIAS VERSION',
    summary: 'Let a version answer at /fn/NAME@ALIAS',
    options: [TENANT],
    examples: [['cordon alias set hello next 7', 'then: curl …/fn/hello@next']],
    run(input) {
      const [name, alias, version] = input.words('NAME', 'ALIAS', 'VERSION');
      return release(input, 'PUT', name, `/aliases/${encodeURIComponent(alias)}`, { version: versionNumber(version) });
    },
  },
  {
    name: 'alias remove',
    operands: 'NAME ALIAS',
    summary: 'Take an alias away',
    options: [TENANT],
    examples: [['cordon alias remove hello next', 'the version stays']],
    run(input) {
      const [name, alias] = input.words('NAME', 'ALIAS');
      return release(input, 'DELETE', name, `/aliases/${encodeURIComponent(alias)}`);
    },
  },
];
