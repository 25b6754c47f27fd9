/** Service variables: `env_vars` of a service, as the variables of its function. */

import type { VariableRecord } from '../core/variable.ts';
import { MASK, variableOf, type ServiceVariable } from './service-schemas.ts';

export interface ServiceVariablesDeps {
  readonly variables: {
    /** Sets these and leaves the others as they are. Rejects with BAD_REQUEST, QUOTA_EXCEEDED. */
    set(
      tenant: string,
      functionName: string | null,
      changes: readonly {
        readonly name: string;
        readonly value: string;
        readonly isSecret: boolean;
        readonly hosts: readonly string[];
      }[],
    ): Promise<void>;
    remove(tenant: string, functionName: string | null, names: readonly string[]): Promise<readonly string[]>;
    /** A secret's value is null. */
    list(
      tenant: string,
      functionName: string | null,
    ): Promise<readonly (VariableRecord & { readonly value: string | null })[]>;
  };
  /** What runs follows: the variables of this tenant (null) or of its function have changed. */
  changed(tenant: string, functionName: string | null): Promise<void> | void;
}

export async function shownVariables(
  { variables }: ServiceVariablesDeps,
  tenant: string,
  functionName: string,
): Promise<ServiceVariable[]> {
  return (await variables.list(tenant, functionName)).map(variableOf);
}

/** Afterwards there are those that were sent, and no others; the mask stands for a secret that stays as it is. */
export async function replaceVariables(
  { variables, changed }: ServiceVariablesDeps,
  tenant: string,
  functionName: string,
  sent: readonly ServiceVariable[],
): Promise<void> {
  const before = await variables.list(tenant, functionName);
  const secrets = new Set(before.filter(({ isSecret }) => isSecret).map(({ name }) => name));
  const wanted = sent.filter(({ key, value, is_secret }) => !(is_secret && value === MASK && secrets.has(key)));
  await variables.set(
    tenant,
    functionName,
    wanted.map(({ key, value, is_secret }) => ({ name: key, value, isSecret: is_secret, hosts: [] })),
  );
  const named = new Set(sent.map(({ key }) => key));
  const gone = before.filter(({ name }) => !named.has(name)).map(({ name }) => name);
  if (gone.length > 0) await variables.remove(tenant, functionName, gone);
  if (wanted.length > 0 || gone.length > 0) await changed(tenant, functionName);
}
