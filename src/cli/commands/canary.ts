/** `cordon canary`: a share of the requests for a new version, which ends by itself when it fails more often. */

import { TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import { release, versionNumber } from '../release.ts';

export const canaryCommands: readonly Command[] = [
  {
    name: 'canary set',
    operands: 'NAME VERSION SHARE',
    summary: 'Give a version a share of the requests: 5%',
    notes: `When the new version fails more often than the live one, the canary ends by itself. "cordon promote NAME" makes it
live for all.`,
    options: [TENANT],
    examples: [
      ['cordon deploy hello --no-live', 'makes version 7, say'],
      ['cordon canary set hello 7 5%', 'one request in twenty'],
    ],
    run(input) {
      const [name, version, share] = input.words('NAME', 'VERSION', 'SHARE');
      return release(input, 'PUT', name, '/canary', { version: versionNumber(version), weight: weightOf(share) });
    },
  },
  {
    name: 'canary end',
    operands: 'NAME',
    summary: 'Give all requests to the live version again',
    options: [TENANT],
    examples: [['cordon canary end hello', 'at once']],
    run: (input) => release(input, 'DELETE', input.one('NAME'), '/canary'),
  },
];

/** `5%` or `0.05`; a bare 5 could mean either. */
function weightOf(share: string): number {
  const [, digits = '', percent] = /^(\d{1,3}(?:\.\d{1,4})?)(%?)$/.exec(share) ?? [];
  const weight = percent === '%' ? Number(digits) / 100 : Number(digits);
  if (digits !== '' && weight >= 0 && weight <= 1) return weight;
  throw new UsageError(`SHARE is ${JSON.stringify(share)}, but it must be from 0% to 100%, or from 0 to 1`);
}
