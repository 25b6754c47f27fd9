/** `cordon info`: everything there is to know of one function. */

import { createClient, functionPath } from '../client.ts';
import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { sheet } from '../table.ts';
import { write, writeJson } from '../terminal.ts';
import { stateOf, versionText, tierText } from '../views.ts';
import type { FunctionView } from '../views.ts';

export const infoCommand: Command = {
  name: 'info',
  operands: 'NAME',
  summary: 'Show a function: what is live, its settings, its address',
  options: [TENANT],
  examples: [['cordon info hello --json', 'for a program']],
  async run(input) {
    const client = createClient();
    const view = await client.api<FunctionView>('GET', functionPath(input.one('NAME')), {
      query: { tenant: input.tenant },
    });
    await (input.json ? writeJson(view) : write(sheet(linesOf(view, client.url))));
    return 0;
  },
};

type Line = readonly [name: string, value: string | undefined];

function linesOf(view: FunctionView, url: string): Line[] {
  const { live, publicDomain, publicDomainApproved } = view;
  const domain =
    publicDomain === null ? undefined : `${publicDomain}${publicDomainApproved === false ? ' (not approved yet)' : ''}`;
  return [
    ['name', view.name],
    ['tenant', view.tenant],
    ['state', stateOf(view)],
    ['version', versionText(view)],
    ['aliases', listed(Object.entries(view.aliases).map(([alias, number]) => `${alias} = @${number}`))],
    ['address', `${url}/fn/${view.name}`],
    ['public domain', domain],
    ...(live === null ? [] : versionLines(live)),
    ['created', view.createdAt],
    ['changed', view.updatedAt],
  ];
}

function versionLines(live: NonNullable<FunctionView['live']>): Line[] {
  return [
    ['code', live.hash],
    ['tier', tierText(live)],
    ['cordon', live.cordon],
    ['handler', `${live.handler} (${live.handlerKind})`],
    [
      'limits',
      Object.entries(live.limits)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['env', listed(live.env)],
    ['grant', live.grant === null ? 'all' : (listed(live.grant) ?? 'none')],
    ['JWT', live.verifyJwt ? 'verified on /functions/v1' : 'not verified'],
    ['CORS', live.cors === null ? undefined : JSON.stringify(live.cors)],
    ['egress', JSON.stringify(live.egress)],
    ['request body', live.requestBody],
    ['deployed', `${live.createdAt} by ${live.createdBy}`],
  ];
}

const listed = (items: readonly string[]): string | undefined => (items.length === 0 ? undefined : items.join(', '));
