/** `cordon tenants`: who owns functions here. For the operator. */

import { YES, confirm } from '../ask.ts';
import { createClient } from '../client.ts';
import type { Command } from '../command.ts';
import type { Input } from '../input.ts';
import { table } from '../table.ts';
import { write, writeJson, writeLine } from '../terminal.ts';

interface TenantView {
  readonly name: string;
  readonly quotas: Readonly<Record<string, number | null>>;
  readonly suspended: boolean;
  readonly createdAt: string;
}

const PATH = '/api/v1/tenants';
const pathOf = (name: string): string => `${PATH}/${encodeURIComponent(name)}`;

export const tenantsCommands: readonly Command[] = [
  {
    name: 'tenants create',
    operands: 'TENANT',
    summary: 'Make a tenant',
    options: [
      { name: 'functions', value: 'N', meaning: "How many functions it may have (default: the operator's)" },
      { name: 'concurrency', value: 'N', meaning: "How many calls may run and wait (default: the operator's)" },
    ],
    examples: [
      ['cordon tenants create acme && cordon tokens create acme-admin --role admin --tenant acme', 'and hand it over'],
    ],
    async run(input) {
      const quotas = { functions: input.number('functions'), concurrency: input.number('concurrency') };
      const body = { name: input.one('TENANT'), quotas };
      const view = await createClient().api<TenantView>('POST', PATH, { body });
      return said(input, view, `${view.name} is there`);
    },
  },
  {
    name: 'tenants list',
    operands: '',
    summary: 'List the tenants',
    options: [],
    examples: [['cordon tenants list', 'all of them']],
    run: list,
  },
  {
    name: 'tenants suspend',
    operands: 'TENANT',
    summary: 'Nothing of the tenant runs until it is resumed',
    options: [YES],
    examples: [['cordon tenants suspend acme', 'asks first']],
    async run(input) {
      await confirm(input, `Suspend ${input.one('TENANT')}? None of its functions answers then`);
      return suspend(input, true);
    },
  },
  {
    name: 'tenants resume',
    operands: 'TENANT',
    summary: 'Let a suspended tenant go on',
    options: [],
    examples: [['cordon tenants resume acme', 'at once']],
    run: (input) => suspend(input, false),
  },
  {
    name: 'tenants delete',
    operands: 'TENANT',
    summary: 'Erase a tenant: its functions, secrets, tokens and logs',
    options: [YES],
    examples: [['cordon tenants delete acme', 'asks first; nothing brings it back but a backup']],
    async run(input) {
      const name = input.one('TENANT');
      await confirm(input, `Erase ${name} with all its functions, secrets, tokens and logs, for good?`);
      await createClient().api('DELETE', pathOf(name));
      return said(input, { name, deleted: true }, `${name} is erased`);
    },
  },
];

async function list(input: Input): Promise<number> {
  input.words();
  const { tenants } = await createClient().api<{ tenants: TenantView[] }>('GET', PATH);
  if (input.json) await writeJson(tenants);
  else await write(table(['NAME', 'STATE', 'QUOTAS', 'CREATED'], tenants.map(row)));
  return 0;
}

const row = ({ name, suspended, quotas, createdAt }: TenantView): string[] => [
  name,
  suspended ? 'suspended' : 'running',
  Object.entries(quotas)
    .flatMap(([quota, value]) => (value === null ? [] : [`${quota} ${value}`]))
    .join(', '),
  createdAt,
];

async function suspend(input: Input, suspended: boolean): Promise<number> {
  const view = await createClient().api<TenantView>('PATCH', pathOf(input.one('TENANT')), { body: { suspended } });
  return said(input, view, `${view.name} is ${suspended ? 'suspended' : 'running'}`);
}

async function said(input: Input, value: object, sentence: string): Promise<number> {
  await (input.json ? writeJson(value) : writeLine(sentence));
  return 0;
}
