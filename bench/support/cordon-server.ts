/** CordonServer: Cordon as an operator would start it, with its default settings and a data directory of its own. */

import { Client } from './client.ts';
import { startChild } from './child.ts';
import type { Child } from './child.ts';

export interface CordonServer extends Child {
  readonly client: Client;
  /** Resolves with how many invocations one sandbox of it serves side by side. */
  deploy(name: string, code: string, tenant?: string): Promise<number>;
}

export const ADMIN_TOKEN = 'a-token-for-benchmarks-only';
/** `<tenant>.<domain>` is the Host header of a tenant. */
const DOMAIN = 'bench.test';
const MOST_REPORTS = 5;
/** An idle executor made room for another: that is as it should be. */
const MEMORY_REPORT = 'MB for executors are used up';

/** `env` changes settings: a benchmark that does so says it in its notes. */
export async function startCordon(env: Readonly<Record<string, string>> = {}): Promise<CordonServer> {
  const child = await startChild({
    script: '../bin/cordon.js',
    args: ['serve', '--open-execute'],
    env: { CORDON_ADMIN_TOKEN: ADMIN_TOKEN, CORDON_DOMAIN: DOMAIN, ...env },
  });
  const client = new Client(child.url);
  return {
    ...child,
    client,
    async deploy(name, code, tenant = 'default') {
      const { body } = await client.send({
        path: `/api/v1/functions/${name}`,
        method: 'PUT',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ code, tenant }),
      });
      return (JSON.parse(body) as { live: { limits: { concurrency: number } } }).live.limits.concurrency;
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      process.stderr.write(reportsIn(child.output()));
      await child[Symbol.asyncDispose]();
    },
  };
}

export function hostOf(tenant: string): string {
  return `${tenant}.${DOMAIN}`;
}

/** What happened to executors: nothing should, and it explains figures that are odd. */
function reportsIn(output: string): string {
  const reports = output.split('\n').filter((line) => line.startsWith('[cordon]') && !line.includes(MEMORY_REPORT));
  return reports
    .slice(0, MOST_REPORTS)
    .map((line) => `${line}\n`)
    .join('');
}
