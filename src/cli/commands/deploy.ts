/** `cordon deploy`: sends a function's files to the server, which builds them and makes them live. */

import { parseArgs } from 'node:util';
import { createClient } from '../client.ts';
import { UsageError, numberOption, onePositional, pairs } from '../command.ts';
import type { Command } from '../command.ts';
import { readProject } from '../project.ts';
import type { Project } from '../project.ts';
import { write } from '../terminal.ts';

export const deployCommand: Command = {
  name: 'deploy',
  usage: 'deploy FILE --name NAME [options]',
  summary: 'Deploy a function, with everything that FILE imports',
  options: [
    ['--name NAME', 'What it is called: /fn/NAME'],
    ['--tenant TENANT', 'Whose it is (default: default)'],
    ['--handler NAME', 'The export to call as handler(event, context) (default: handler)'],
    ['--handler-kind KIND', 'module: exports decide (default); script: a body with a top-level return'],
    ['--timeout-ms N', 'How long one call may take'],
    ['--memory-mb N', 'How much memory one sandbox may use'],
    ['--env KEY=VALUE', 'A variable of its environment; may be repeated'],
    ['--stream-body', 'Start before the request body has ended'],
  ],
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        tenant: { type: 'string' },
        handler: { type: 'string' },
        'handler-kind': { type: 'string' },
        'timeout-ms': { type: 'string' },
        'memory-mb': { type: 'string' },
        env: { type: 'string', multiple: true, default: [] },
        'stream-body': { type: 'boolean', default: false },
      },
    });
    const file = onePositional(positionals, 'FILE');
    if (values.name === undefined) throw new UsageError('--name is missing');
    const body = {
      tenant: values.tenant,
      handler: values.handler,
      handlerKind: values['handler-kind'],
      timeoutMs: numberOption('timeout-ms', values['timeout-ms']),
      memoryMb: numberOption('memory-mb', values['memory-mb']),
      env: Object.fromEntries(pairs('env', values.env, '=')),
      requestBody: values['stream-body'] ? 'stream' : undefined,
      ...submitted(await readProject(file)),
    };
    const client = createClient();
    const response = await client.admin({
      method: 'PUT',
      path: `/api/v1/functions/${encodeURIComponent(values.name)}`,
      headers: [['content-type', 'application/json']],
      body: JSON.stringify(body),
    });
    const { name, version, tier } = (await response.json()) as { name: string; version: number; tier: string };
    await write(`${name}@${version} is live (${tier}): ${client.url}/fn/${name}\n`);
    return 0;
  },
};

/** Text as text, so that a request can be read; the rest as base64. */
function submitted({ files, entry }: Project): { files: Record<string, string | { base64: string }>; entry: string } {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const contents = [...files].map(([path, bytes]): [string, string | { base64: string }] => {
    try {
      return [path, decoder.decode(bytes)];
    } catch {
      return [path, { base64: Buffer.from(bytes).toString('base64') }];
    }
  });
  return { files: Object.fromEntries(contents), entry };
}
