/** `cordon tokens`: credentials for the operator API, each for a tenant and a role. */

import { YES, confirm } from '../ask.ts';
import { createClient } from '../client.ts';
import { TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import type { Input } from '../input.ts';
import { table } from '../table.ts';
import { note, write, writeJson, writeLine } from '../terminal.ts';

interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly role: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

const PATH = '/api/v1/tokens';

export const tokensCommands: readonly Command[] = [
  {
    name: 'tokens create',
    operands: 'NAME',
    summary: 'Make a token; it is shown once',
    notes: 'The token alone goes to standard output.',
    options: [
      {
        name: 'role',
        value: 'ROLE',
        choices: ['admin', 'user', 'service_role'],
        meaning: 'admin manages, user deploys what an admin has to activate, service_role invokes (default: user)',
      },
      { name: 'expires-in-days', value: 'N', meaning: 'After which it is not valid any more (default: never)' },
      { name: 'every-tenant', meaning: 'For every tenant: an operator, with --role admin' },
      { ...TENANT, meaning: 'The only tenant it is for (default: your own, else default)' },
    ],
    examples: [
      ['cordon tokens create ci --role admin --tenant acme --expires-in-days 90', 'for a pipeline'],
      ['export CORDON_ADMIN_TOKEN=$(cordon tokens create me --role admin)', 'to use it at once'],
    ],
    run: create,
  },
  {
    name: 'tokens list',
    operands: '',
    summary: 'List tokens, without the tokens themselves',
    options: [TENANT],
    examples: [['cordon tokens list', 'with when each was used last']],
    run: list,
  },
  {
    name: 'tokens revoke',
    operands: 'ID',
    summary: 'Make a token worthless, at once',
    options: [YES],
    examples: [['cordon tokens revoke 0199a3c2', 'by the id that the list shows']],
    run: revoke,
  },
];

async function create(input: Input): Promise<number> {
  const everyTenant = input.flag('every-tenant');
  if (everyTenant && input.tenant !== undefined) throw new UsageError('--every-tenant and --tenant exclude each other');
  const answer = await createClient().api<TokenView & { token: string }>('POST', PATH, {
    body: {
      name: input.one('NAME'),
      tenant: everyTenant ? null : input.tenant,
      role: input.text('role') ?? 'user',
      expiresInDays: input.number('expires-in-days'),
    },
  });
  if (input.json) await writeJson(answer);
  else {
    note(`${answer.name} (${answer.id}), ${answer.role} of ${answer.tenant ?? 'every tenant'}. It is not shown again:`);
    await writeLine(answer.token);
  }
  return 0;
}

async function list(input: Input): Promise<number> {
  input.words();
  const { tokens } = await createClient().api<{ tokens: TokenView[] }>('GET', PATH, {
    query: { tenant: input.tenant },
  });
  if (input.json) await writeJson(tokens);
  else if (tokens.length === 0) note('There are none yet');
  else await write(table(['ID', 'NAME', 'TENANT', 'ROLE', 'STATE', 'LAST USED'], tokens.map(row)));
  return 0;
}

const row = (token: TokenView): string[] => [
  token.id,
  token.name,
  token.tenant ?? 'every',
  token.role,
  stateOf(token),
  token.lastUsedAt ?? 'never',
];

function stateOf({ revokedAt, expiresAt }: TokenView): string {
  if (revokedAt !== null) return `revoked ${revokedAt}`;
  if (expiresAt === null) return 'valid';
  return `${Date.parse(expiresAt) > Date.now() ? 'valid until' : 'expired'} ${expiresAt}`;
}

async function revoke(input: Input): Promise<number> {
  const id = input.one('ID');
  await confirm(input, `Revoke ${id}?`);
  await createClient().api('DELETE', `${PATH}/${encodeURIComponent(id)}`);
  if (input.json) await writeJson({ id, revoked: true });
  else await writeLine(`${id} is revoked`);
  return 0;
}
