/** Who may do what: one table for `ctx.db` and `/api/items`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolvePermission, standingOf } from '../../../../src/capabilities/db/permission.ts';
import { ANONYMOUS, OPERATOR, SYSTEM } from '../../../../src/core/principal.ts';
import type { Principal } from '../../../../src/core/principal.ts';

const USER: Principal = { ...ANONYMOUS, role: 'user', tenant: 'acme', id: 'ann', roles: ['editor'] };
const CALLERS: Readonly<Record<string, Principal>> = {
  anonymous: ANONYMOUS,
  user: USER,
  nameless: { ...USER, id: null },
  stranger: { ...USER, tenant: 'rival' },
  service: { ...USER, role: 'service_role' },
  strangerService: { ...USER, role: 'service_role', tenant: 'rival' },
  admin: { ...USER, role: 'admin' },
  operator: OPERATOR,
  system: { ...SYSTEM, tenant: 'acme' },
  strangerSystem: { ...SYSTEM, tenant: 'rival' },
};
const RULES = ['public', 'authenticated', 'owner', 'editor', 'admin', 'none', '__proto__', ''];

const TABLE: Readonly<Record<string, readonly string[]>> = {
  anonymous: ['all', 'none', 'none', 'none', 'none', 'none', 'none', 'none'],
  user: ['all', 'all', 'own', 'all', 'none', 'none', 'none', 'none'],
  nameless: ['all', 'all', 'none', 'all', 'none', 'none', 'none', 'none'],
  stranger: ['all', 'none', 'none', 'none', 'none', 'none', 'none', 'none'],
  service: RULES.map(() => 'all'),
  strangerService: ['all', 'none', 'none', 'none', 'none', 'none', 'none', 'none'],
  admin: RULES.map(() => 'all'),
  operator: RULES.map(() => 'all'),
  system: RULES.map(() => 'all'),
  strangerSystem: ['all', 'none', 'none', 'none', 'none', 'none', 'none', 'none'],
};

for (const [name, principal] of Object.entries(CALLERS))
  test(`what ${name} may do by each rule`, () => {
    const subject = { tenant: 'acme', principal, hops: 0 };
    assert.deepEqual(
      RULES.map((rule) => resolvePermission(subject, rule)),
      TABLE[name],
    );
  });

test('a role that is named like a rule gives nothing more', () => {
  const principal = { ...ANONYMOUS, roles: ['public', 'editor', 'service_role'] };
  const subject = { tenant: 'acme', principal, hops: 0 };
  assert.equal(standingOf(subject), 'anonymous');
  assert.equal(resolvePermission(subject, 'editor'), 'none');
});
