/** docs/security-attacks.md lists the attacks that there are. CORDON_TEST_WRITE=1 writes it anew. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { attackPage } from '../../../src/attest/attack-table.ts';
import { ATTACKS } from '../../../src/attest/attacks.ts';

const PAGE = new URL('../../../docs/security-attacks.md', import.meta.url);

test('the manual lists every attack', () => {
  const page = attackPage(ATTACKS);
  if (process.env['CORDON_TEST_WRITE'] === '1') writeFileSync(PAGE, page);
  assert.equal(readFileSync(PAGE, 'utf8'), page);
});

test('there are more than 150 attacks, and no two have one name', () => {
  assert.ok(ATTACKS.length > 150);
  const names = ATTACKS.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
});
