/** `cordon secrets`: values that functions get in their environment and that nobody is shown again. */

import { YES, askSecret, confirm } from '../ask.ts';
import { createClient } from '../client.ts';
import { CliError, TENANT, UsageError } from '../command.ts';
import type { Command, Option } from '../command.ts';
import type { Input } from '../input.ts';
import { table } from '../table.ts';
import { note, write, writeJson, writeLine } from '../terminal.ts';
import { readEnvFile, variablesPath } from '../variables.ts';
import type { VariableView } from '../variables.ts';

const FUNCTION: Option = {
  name: 'function',
  short: 'f',
  value: 'NAME',
  meaning: 'Of this function alone (default: of all the functions of the tenant)',
};

export const secretsCommands: readonly Command[] = [
  {
    name: 'secrets set',
    operands: '[NAME | NAME=VALUE]…',
    summary: 'Set secrets; a value that is not given is asked for, and not shown',
    notes: `A value on the command line stays in the shell's history. Give the name alone and type the value, or send lines of
NAME=VALUE to standard input, or name a file with --env-file.`,
    options: [
      { name: 'env-file', value: 'FILE', meaning: 'Also every NAME=VALUE of this file (- is standard input)' },
      { name: 'plain', meaning: 'No secrets: the values are shown when they are listed' },
      {
        name: 'host',
        value: 'HOST',
        repeats: true,
        meaning: 'The function sees a placeholder, and the value is put in its place on the way to this host only',
      },
      FUNCTION,
      TENANT,
    ],
    examples: [
      ['cordon secrets set API_KEY', 'asks for the value'],
      ['cordon secrets set --env-file .env.production --function mailer', 'of one function'],
      ['pass show stripe | cordon secrets set STRIPE_KEY --host api.stripe.com', 'bound to a host'],
    ],
    run: set,
  },
  {
    name: 'secrets list',
    operands: '',
    summary: 'List secrets and variables, without the values of secrets',
    options: [FUNCTION, TENANT],
    examples: [['cordon secrets list --function mailer', 'those of one function']],
    run: list,
  },
  {
    name: 'secrets unset',
    operands: 'NAME…',
    summary: 'Remove secrets and variables',
    options: [FUNCTION, TENANT],
    examples: [['cordon secrets unset API_KEY OLD_KEY', 'two at once']],
    run: unset,
  },
  {
    name: 'secrets rotate-key',
    operands: '',
    summary: 'Seal every secret with a new key, while everything goes on',
    options: [YES],
    examples: [['cordon secrets rotate-key --yes', 'in a script']],
    run: rotateKey,
  },
];

async function set(input: Input): Promise<number> {
  const values = await valuesOf(input);
  const names = Object.keys(values);
  if (names.length === 0) throw new UsageError('there is nothing to set: name a secret');
  const variables = Object.entries(values).map(([name, value]) => ({
    name,
    value,
    secret: !input.flag('plain'),
    hosts: input.list('host'),
  }));
  await createClient().api('PUT', variablesPath(input.text('function')), {
    query: { tenant: input.tenant },
    body: { variables },
  });
  if (input.json) await writeJson({ set: names });
  else await writeLine(`set: ${names.join(', ')}`);
  return 0;
}

async function valuesOf(input: Input): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  const file = input.text('env-file') ?? (input.positionals.length === 0 && !process.stdin.isTTY ? '-' : undefined);
  if (file !== undefined) Object.assign(values, await readEnvFile(file));
  const unnamed = input.positionals.filter((word) => !word.includes('='));
  for (const word of input.positionals) {
    const at = word.indexOf('=');
    if (at >= 0) values[word.slice(0, at)] = word.slice(at + 1);
  }
  // A pipe holds one value; several names would have to share it.
  if (!process.stdin.isTTY && unnamed.length === 1 && file !== '-') {
    values[unnamed[0]!] = await pipedValue();
    return values;
  }
  for (const name of unnamed) values[name] = await askSecret(name);
  return values;
}

/** Without the line end that every tool puts after it. */
async function pipedValue(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  const value = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (value === '') throw new UsageError('standard input is empty: send the value to it');
  return value;
}

async function list(input: Input): Promise<number> {
  input.words();
  const { variables } = await createClient().api<{ variables: VariableView[] }>(
    'GET',
    variablesPath(input.text('function')),
    { query: { tenant: input.tenant } },
  );
  if (input.json) await writeJson(variables);
  else if (variables.length === 0) note('There are none yet');
  else
    await write(
      table(
        ['NAME', 'VALUE', 'HOSTS', 'SET'],
        variables.map(({ name, secret, value, hosts, updatedAt }) => [
          name,
          secret ? '••••' : (value ?? ''),
          hosts.join(', '),
          updatedAt,
        ]),
      ),
    );
  return 0;
}

async function unset(input: Input): Promise<number> {
  const names = input.positionals;
  if (names.length === 0) throw new UsageError('NAME is missing');
  const { removed } = await createClient().api<{ removed: string[] }>('DELETE', variablesPath(input.text('function')), {
    query: { tenant: input.tenant },
    body: { names },
  });
  const missing = names.filter((name) => !removed.includes(name));
  if (input.json) await writeJson({ removed });
  else if (removed.length > 0) await writeLine(`unset: ${removed.join(', ')}`);
  if (missing.length > 0) throw new CliError(`there was no ${missing.join(', ')}`);
  return 0;
}

/** What `POST /api/v1/secrets/rotate-key` tells. */
interface RotationView {
  readonly resealed: number;
  /** `tenant/function/name` of what no key opens. */
  readonly unreadable: readonly string[];
}

async function rotateKey(input: Input): Promise<number> {
  input.words();
  await confirm(input, 'Seal every secret of every tenant with a new key?');
  const answer = await createClient().api<RotationView>('POST', '/api/v1/secrets/rotate-key', { body: {} });
  if (input.json) await writeJson(answer);
  else await writeLine(`${answer.resealed} secrets are sealed with a new key`);
  if (answer.unreadable.length === 0) return 0;
  throw new CliError(`no key opens these, set them again: ${answer.unreadable.join(', ')}`);
}
