/** `cordon execute`: runs a file once, in a sandbox of its own, without deploying it. */

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { printable } from '../../lib/printable.ts';
import { createClient, faultOf } from '../client.ts';
import { TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { write, writeJson } from '../terminal.ts';

export const executeCommand: Command = {
  name: 'execute',
  operands: 'FILE',
  summary: 'Run a file once (- reads standard input) and print its result',
  options: [
    TENANT,
    { name: 'env', value: 'KEY=VALUE', repeats: true, meaning: 'A variable of its environment' },
    { name: 'timeout-ms', value: 'N', meaning: 'How long it may take, 1000 to 30000 (default: 10000)' },
    { name: 'memory-mb', value: 'N', meaning: 'How much memory it may use, 64 to 512 (default: 128)' },
  ],
  examples: [
    ['cordon execute script.ts', 'what its handler returns'],
    ["echo 'return 1 + 1' | cordon execute -", 'a function body'],
  ],
  async run(input) {
    const file = input.one('FILE');
    const code = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
    const response = await createClient().optional({
      method: 'POST',
      path: '/execute',
      headers: [['content-type', 'application/json']],
      body: JSON.stringify({
        code,
        envVars: Object.fromEntries(input.pairs('env', '=')),
        timeout: input.number('timeout-ms'),
        memory: input.number('memory-mb'),
        tenant: input.tenant,
      }),
    });
    return report(response, input.json);
  },
};

interface ExecuteAnswer {
  readonly success?: boolean;
  readonly result?: { readonly body?: unknown };
  readonly error?: string;
  readonly stack?: string | null;
}

async function report(response: Response, asJson: boolean): Promise<number> {
  const answer = (await response
    .clone()
    .json()
    .catch(() => ({}))) as ExecuteAnswer;
  if (answer.success === undefined) throw await faultOf(response);
  if (asJson) {
    await writeJson(answer);
    return answer.success ? 0 : 1;
  }
  if (answer.success) {
    const body = answer.result?.body ?? null;
    await write(`${printable(typeof body === 'string' ? body : JSON.stringify(body, null, 2))}\n`);
    return 0;
  }
  process.stderr.write(`cordon: ${printable(sentence(answer.error ?? 'it failed', answer.stack))}\n`);
  return 1;
}

/** A stack begins with the error's own sentence. */
function sentence(error: string, stack: string | null | undefined): string {
  if (!stack) return error;
  return stack.includes(error) ? stack : `${error}\n${stack}`;
}
