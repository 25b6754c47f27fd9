/** `cordon dead-letters`: events and ticks whose function failed too often. */

import { YES, confirm } from '../ask.ts';
import { createClient, type Client } from '../client.ts';
import { TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import type { Input } from '../input.ts';
import { table } from '../table.ts';
import { note, write, writeJson, writeLine } from '../terminal.ts';

interface DeadLetterView {
  readonly id: string;
  readonly kind: string;
  readonly function: string;
  readonly attempts: number;
  readonly error: string;
  readonly diedAt: string;
}

const PATH = '/api/v1/dead-letters';
const PAGE_ITEMS = 100;

const OF_FUNCTION = { name: 'function', value: 'NAME', meaning: 'Those of one function' } as const;
const ALL = { name: 'all', meaning: 'All of them, in place of ids' } as const;

export const deadLettersCommands: readonly Command[] = [
  {
    name: 'dead-letters list',
    operands: '',
    summary: 'List events and ticks whose function failed too often, newest first',
    options: [{ name: 'limit', value: 'N', meaning: 'How many (default: 50)' }, OF_FUNCTION, TENANT],
    examples: [['cordon dead-letters list --function mailer', 'with the error of the last attempt']],
    run: list,
  },
  {
    name: 'dead-letters show',
    operands: 'ID',
    summary: 'Show one with the event that is in it',
    options: [TENANT],
    examples: [['cordon dead-letters show event:q83vEjRWeJA', 'as JSON']],
    async run(input) {
      const path = `${PATH}/${encodeURIComponent(input.one('ID'))}`;
      await writeJson(await createClient().api('GET', path, { query: { tenant: input.tenant } }));
      return 0;
    },
  },
  {
    name: 'dead-letters replay',
    operands: '[ID …]',
    summary: 'Deliver them again',
    options: [ALL, OF_FUNCTION, TENANT],
    examples: [['cordon dead-letters replay --all --function mailer', 'once its error is mended']],
    run: (input) => change(input, 'replay', 'in the queue again'),
  },
  {
    name: 'dead-letters discard',
    operands: '[ID …]',
    summary: 'Throw them away',
    options: [ALL, OF_FUNCTION, YES, TENANT],
    examples: [['cordon dead-letters discard event:q83vEjRWeJA', 'for good']],
    async run(input) {
      await confirm(input, `Throw ${input.flag('all') ? 'all of them' : input.positionals.join(', ')} away?`);
      return change(input, 'discard', 'gone');
    },
  },
];

async function list(input: Input): Promise<number> {
  input.words();
  const letters = await lettersOf(createClient(), input, input.number('limit') ?? 50);
  if (input.json) await writeJson(letters);
  else if (letters.length === 0) note('There are none');
  else await write(table(['ID', 'FUNCTION', 'ATTEMPTS', 'DIED', 'ERROR'], letters.map(row)));
  return 0;
}

const row = ({ id, function: name, attempts, diedAt, error }: DeadLetterView): string[] => [
  id,
  name,
  String(attempts),
  diedAt,
  error,
];

async function change(input: Input, verb: 'replay' | 'discard', state: string): Promise<number> {
  const ids = input.positionals;
  if (input.flag('all') === ids.length > 0) throw new UsageError('name ids, or say --all');
  if (!input.flag('all') && input.text('function') !== undefined) throw new UsageError('--function goes with --all');
  const client = createClient();
  const wanted = ids.length > 0 ? ids : (await lettersOf(client, input, Infinity)).map(({ id }) => id);
  let count = 0;
  for (let i = 0; i < wanted.length; i += PAGE_ITEMS) {
    const body = { tenant: input.tenant, ids: wanted.slice(i, i + PAGE_ITEMS) };
    count += (await client.api<{ count: number }>('POST', `${PATH}/${verb}`, { body })).count;
  }
  if (input.json) await writeJson({ count });
  else await writeLine(`${count} ${count === 1 ? 'is' : 'are'} ${state}`);
  return 0;
}

/** The newest so many, page by page. */
async function lettersOf(client: Client, input: Input, count: number): Promise<DeadLetterView[]> {
  const found: DeadLetterView[] = [];
  for (let before: string | undefined; found.length < count;) {
    const page: { deadLetters: DeadLetterView[]; next: string | null } = await client.api('GET', PATH, {
      query: {
        tenant: input.tenant,
        function: input.text('function'),
        before,
        limit: Math.min(PAGE_ITEMS, count - found.length),
      },
    });
    found.push(...page.deadLetters);
    if (page.next === null) break;
    before = page.next;
  }
  return found;
}
