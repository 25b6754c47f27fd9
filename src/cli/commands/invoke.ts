/** `cordon invoke`: calls a function, as anyone may through /fn, or as the operator, who also sees what it logged. */

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { oneLine, printable } from '../../lib/printable.ts';
import { createClient, faultOf, functionPath } from '../client.ts';
import type { Client } from '../client.ts';
import { CliError, TENANT, UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import type { Input } from '../input.ts';
import { didYouMean } from '../suggest.ts';
import { styled, write, writeBody, writeJson } from '../terminal.ts';
import type { FunctionView } from '../views.ts';

export const invokeCommand: Command = {
  name: 'invoke',
  operands: 'NAME[@VERSION]',
  summary: 'Call a function and print its answer',
  notes: `Without --operator the call is anyone's: it goes to /fn/NAME and carries no token. With --operator it goes through the
operator API: an error comes with its stack, and what the function logged is printed to standard error. The exit code is 1
where the function answers with a status of 400 and above.`,
  options: [
    { name: 'data', short: 'd', value: 'DATA', meaning: 'The request body: text, @FILE, or - for standard input' },
    { name: 'method', short: 'X', value: 'METHOD', meaning: 'Default: GET, or POST with --data' },
    { name: 'path', value: '/PATH', meaning: 'What follows /fn/NAME, query included' },
    { name: 'header', short: 'H', value: 'NAME:VALUE', repeats: true, meaning: 'A request header' },
    { name: 'operator', meaning: 'Through the operator API, with logs' },
    { name: 'fresh', meaning: 'With --operator: in a new sandbox, apart from those that serve requests' },
    { ...TENANT, meaning: 'With --operator: whose' },
  ],
  examples: [
    ['cordon invoke hello --path "?name=you"', 'a GET'],
    [`cordon invoke hello --data '{"a": 1}'`, 'a POST with JSON'],
    ['cordon invoke hello@next --operator --fresh', 'a version that is not live yet, with its logs'],
  ],
  async run(input) {
    const call = await callOf(input);
    const client = createClient();
    if (input.flag('operator')) return operatorCall(client, call, input);
    for (const name of ['fresh', 'tenant'])
      if (input.flag(name) || input.text(name) !== undefined) throw new UsageError(`--${name} needs --operator`);
    return publicCall(client, call, input.json);
  },
};

interface Call {
  readonly name: string;
  /** `3`, `next`. */
  readonly label: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly [string, string][];
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

async function callOf(input: Input): Promise<Call> {
  const [name = '', label, ...rest] = input.one('NAME').split('@');
  if (name === '' || label === '' || rest.length > 0) throw new UsageError('NAME must be a name, or NAME@VERSION');
  const path = input.text('path') ?? '';
  if (!/^(?:$|[/?])/.test(path)) throw new UsageError(`--path is ${JSON.stringify(path)}, but it must begin with /`);
  const given = input.pairs('header', ':').map(([key, value]): [string, string] => [key.trim(), value.trim()]);
  const data = input.text('data');
  const isTyped = given.some(([key]) => key.toLowerCase() === 'content-type');
  return {
    name,
    label,
    method: input.text('method')?.toUpperCase() ?? (data === undefined ? 'GET' : 'POST'),
    path,
    headers: data === undefined || isTyped ? given : [['content-type', 'application/json'], ...given],
    body: data === undefined ? undefined : await dataOf(data),
  };
}

async function publicCall(client: Client, call: Call, asJson: boolean): Promise<number> {
  const { name, label, method, path, headers, body } = call;
  const target = label === undefined ? '' : `@${encodeURIComponent(label)}`;
  const response = await client.anonymous({
    method,
    path: `/fn/${encodeURIComponent(name)}${target}${path}`,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  // The server's own fault, in place of an answer; a function's own 4xx is an answer, and is printed as one.
  if (response.headers.has('cordon-fault')) throw await faultOf(response);
  if (asJson) await writeJson(await shownOf(response));
  else await writeBody(response);
  return response.status >= 400 ? 1 : 0;
}

async function shownOf(response: Response): Promise<Record<string, unknown>> {
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

interface InvokeView {
  readonly logs: readonly { readonly level: string; readonly message: string }[];
  /** Of these two there is one. */
  readonly response?: { readonly statusCode: number; readonly body: unknown; readonly isBase64Encoded?: boolean };
  readonly error?: { readonly code: string; readonly message: string; readonly stack: string | null };
}

async function operatorCall(client: Client, call: Call, input: Input): Promise<number> {
  const { name, method, path, headers, body } = call;
  const view = await client.api<InvokeView>('POST', functionPath(name, '/invoke'), {
    query: { tenant: input.tenant },
    body: {
      method,
      path,
      headers: Object.fromEntries(headers),
      body: body && textOf(body),
      version: await numberOf(client, call, input.tenant),
      fresh: input.flag('fresh') || undefined,
    },
  });
  if (input.json) await writeJson(view);
  else await show(view);
  return view.response === undefined || view.response.statusCode >= 400 ? 1 : 0;
}

async function show({ response, error, logs }: InvokeView): Promise<void> {
  for (const { level, message } of logs)
    process.stderr.write(`${styled('dim', `${level}:`, process.stderr)} ${oneLine(message)}\n`);
  if (error !== undefined) process.stderr.write(`cordon: ${printable(errorText(error))}\n`);
  if (response === undefined) return;
  const { body, isBase64Encoded } = response;
  const bytes = isBase64Encoded === true ? Buffer.from(String(body), 'base64') : null;
  if (bytes !== null) return write(process.stdout.isTTY ? printable(bytes.toString('utf8')) : bytes);
  await write(`${printable(typeof body === 'string' ? body : JSON.stringify(body, null, 2))}\n`);
}

/** A stack begins with the error's own sentence. */
function errorText({ code, message, stack }: NonNullable<InvokeView['error']>): string {
  if (stack === null || stack === '') return `${message} (${code})`;
  return `${stack.includes(message) ? stack : `${message}\n${stack}`} (${code})`;
}

/** What the API takes is a number; undefined: the live version. */
async function numberOf(
  client: Client,
  { name, label }: Call,
  tenant: string | undefined,
): Promise<number | undefined> {
  if (label === undefined) return undefined;
  if (/^\d{1,9}$/.test(label)) return Number(label);
  const { aliases } = await client.api<FunctionView>('GET', functionPath(name), { query: { tenant } });
  if (Object.hasOwn(aliases, label)) return aliases[label];
  throw new CliError(`${name} has no alias ${label}${didYouMean(label, Object.keys(aliases))}`);
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new UsageError('--data is no text: with --operator only text can be sent');
  }
}

async function dataOf(data: string): Promise<Uint8Array<ArrayBuffer>> {
  if (data === '-') return new Uint8Array(await buffer(process.stdin));
  return new Uint8Array(data.startsWith('@') ? await readFile(data.slice(1)) : Buffer.from(data));
}
