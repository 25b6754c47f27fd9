/** Audit entries: what the host itself decided against a function, as the audit keeps it. */

import type { AuditEntry } from '../core/audit.ts';
import type { EgressRefusal } from '../core/egress.ts';
import type { QuarantineEvent } from '../core/quarantine.ts';

type Entry = Pick<AuditEntry, 'actor' | 'action' | 'tenant' | 'target' | 'outcome' | 'details'>;

export function refusalEntry(refusal: EgressRefusal): Entry {
  const { tenant, functionName, invocation, host, address, rule, version } = refusal;
  return {
    actor: 'system',
    action: 'egress.refused',
    tenant,
    target: functionName,
    outcome: 'refused',
    details: { invocation, version, host, address, rule },
  };
}

export function quarantineEntry({ version, state, cause, refusedMs }: QuarantineEvent): Entry {
  return {
    actor: 'system',
    action: 'function.quarantine',
    tenant: version.tenant,
    target: version.name,
    outcome: 'refused',
    details: { version: version.number, state, cause, refusedMs },
  };
}
