/** Deploying: one function on its way to the server, for the commands that send any. */

import { ServerFault, functionPath } from './client.ts';
import type { Client } from './client.ts';
import { bodyOf } from './project/deployment.ts';
import type { DeploymentBody, Prepared } from './project/deployment.ts';
import type { DeployedView, FunctionView } from './views.ts';

export type DeployHow = Pick<DeploymentBody, 'tenant' | 'live' | 'alias'>;

/** Throws a {@link ServerFault}; then nothing has changed. */
export function deploy(client: Client, prepared: Prepared, how: DeployHow): Promise<DeployedView> {
  return client.api<DeployedView>('PUT', functionPath(prepared.name), { body: bodyOf(prepared, how) });
}

/** Null: there is none. */
export async function findFunction(
  client: Client,
  name: string,
  tenant: string | undefined,
): Promise<FunctionView | null> {
  try {
    return await client.api<FunctionView>('GET', functionPath(name), { query: { tenant } });
  } catch (error) {
    if (error instanceof ServerFault && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}
