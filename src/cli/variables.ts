/** Variables: the values that a tenant or a function has on the server, and what a dotenv file says of them. */

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import { functionPath } from './client.ts';
import type { Client } from './client.ts';

export interface VariableView {
  readonly name: string;
  readonly secret: boolean;
  /** Null, or dots, where it is a secret. */
  readonly value: string | null;
  readonly hosts: readonly string[];
  readonly updatedAt: string;
}

const TENANT_PATH = '/api/v1/secrets';

/** Of a function where one is named, else of the tenant. */
export const variablesPath = (functionName: string | undefined): string =>
  functionName === undefined ? TENANT_PATH : functionPath(functionName, '/secrets');

export async function tenantSecrets(client: Client, tenant: string | undefined): Promise<readonly VariableView[]> {
  return (await client.api<{ variables: VariableView[] }>('GET', TENANT_PATH, { query: { tenant } })).variables;
}

/** None for a function that is not deployed yet. */
export async function functionSecrets(
  client: Client,
  name: string,
  tenant: string | undefined,
): Promise<readonly VariableView[]> {
  try {
    const path = variablesPath(name);
    return (await client.api<{ variables: VariableView[] }>('GET', path, { query: { tenant } })).variables;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'NOT_FOUND') return [];
    throw error;
  }
}

/** The variables of a dotenv file; `-` reads standard input. */
export async function readEnvFile(path: string): Promise<Readonly<Record<string, string>>> {
  const content = path === '-' ? await text(process.stdin) : await readFile(path, 'utf8');
  return Object.fromEntries(
    Object.entries(parseEnv(content)).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
