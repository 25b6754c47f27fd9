/** `cordon invoke`: calls a function as anyone may, through /fn. */

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { printable } from '../../lib/printable.ts';
import { createClient, faultText } from '../client.ts';
import { UsageError, onePositional, pairs } from '../command.ts';
import type { Command } from '../command.ts';
import { writeBody } from '../terminal.ts';

export const invokeCommand: Command = {
  name: 'invoke',
  usage: 'invoke NAME [options]',
  summary: 'Call a function and print its answer',
  options: [
    ['--data DATA', 'The request body: text (JSON by its content-type), @FILE, or - for standard input'],
    ['--method METHOD', 'Default: GET, or POST with --data'],
    ['--path /PATH', 'What follows /fn/NAME, query included'],
    ['--header NAME:VALUE', 'A request header; may be repeated'],
  ],
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: 'string' },
        method: { type: 'string' },
        path: { type: 'string', default: '' },
        header: { type: 'string', multiple: true, default: [] },
      },
    });
    const name = onePositional(positionals, 'NAME');
    if (!/^(?:$|[/?])/.test(values.path))
      throw new UsageError(`--path is ${JSON.stringify(values.path)}, but it must begin with /`);
    const body = values.data === undefined ? undefined : await dataOf(values.data);
    const headers = pairs('header', values.header, ':').map(([key, value]): [string, string] => [
      key.trim(),
      value.trim(),
    ]);
    const isTyped = headers.some(([key]) => key.toLowerCase() === 'content-type');
    const response = await createClient().anonymous({
      method: values.method?.toUpperCase() ?? (body === undefined ? 'GET' : 'POST'),
      path: `/fn/${encodeURIComponent(name)}${values.path}`,
      headers: body === undefined || isTyped ? headers : [['content-type', 'application/json'], ...headers],
      ...(body === undefined ? {} : { body }),
    });
    return report(response);
  },
};

async function report(response: Response): Promise<number> {
  // The server's own fault, in place of an answer; a function's own 4xx is an answer, and is printed as one.
  if (response.headers.has('cordon-fault')) {
    process.stderr.write(`cordon: ${printable(await faultText(response))}\n`);
    return 1;
  }
  await writeBody(response);
  return response.status >= 400 ? 1 : 0;
}

async function dataOf(data: string): Promise<string | Uint8Array<ArrayBuffer>> {
  if (data === '-') return new Uint8Array(await buffer(process.stdin));
  return data.startsWith('@') ? new Uint8Array(await readFile(data.slice(1))) : data;
}
