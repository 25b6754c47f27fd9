/** What a variable may be called and hold, checked before it is kept. */

import { Fault } from '../../core/faults.ts';
import { MB } from '../../core/limits.ts';
import { hostPattern } from '../../lib/host-names.ts';

/** As it is asked for. */
export interface VariableChange {
  readonly name: string;
  readonly value: string;
  readonly isSecret: boolean;
  /** Not empty: a secret that egress puts in on the way to these hosts only. */
  readonly hosts: readonly string[];
}

const MAX_VALUE_BYTES = 64 * 1024;
/** Of one function, and of all functions of one tenant. */
const MAX_VARIABLES = 200;
/** All values of one function, or of one tenant, together. */
const MAX_SCOPE_BYTES = MB / 4;
const MAX_HOSTS = 20;

/** With the hosts in their one form. Throws BAD_REQUEST with an issue for each that is wrong, and never shows a value. */
export function requireChanges(changes: readonly VariableChange[]): VariableChange[] {
  const issues = changes.flatMap((change) => issuesOf(change).map((issue) => `${shown(change.name)}: ${issue}`));
  const names = changes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) issues.push(`${shown(twice)}: named twice`);
  if (issues.length > 0)
    throw new Fault('BAD_REQUEST', issues.slice(0, 20).join('; '), { issues: issues.slice(0, 20) });
  return changes.map((change) => ({ ...change, hosts: change.hosts.map((host) => hostPattern(host) as string) }));
}

/** Throws QUOTA_EXCEEDED. `sizes`: the bytes of each variable that there would be. */
export function requireRoom(where: string, sizes: readonly number[]): void {
  if (sizes.length > MAX_VARIABLES)
    throw new Fault('QUOTA_EXCEEDED', `${where} would have ${sizes.length} variables, but may have ${MAX_VARIABLES}`);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes > MAX_SCOPE_BYTES)
    throw new Fault(
      'QUOTA_EXCEEDED',
      `The variables of ${where} would take ${bytes} bytes, but may take ${MAX_SCOPE_BYTES} together`,
    );
}

function issuesOf({ name, value, isSecret, hosts }: VariableChange): string[] {
  return [nameIssue(name), valueIssue(value), hostsIssue(hosts, isSecret, value)].filter((issue) => issue !== null);
}

function nameIssue(name: string): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) || name === '__proto__')
    return 'not a name of at most 128 letters, digits and _, not beginning with a digit';
  return /^CORDON_/i.test(name) ? 'names that begin with CORDON_ are Cordon’s own' : null;
}

function valueIssue(value: string): string | null {
  const bytes = Buffer.byteLength(value);
  if (bytes > MAX_VALUE_BYTES) return `its value has ${bytes} bytes, but may have ${MAX_VALUE_BYTES}`;
  if (value.includes('\0')) return 'its value has a NUL character, which no environment can hold';
  return value.isWellFormed() ? null : 'its value is not well-formed Unicode';
}

function hostsIssue(hosts: readonly string[], isSecret: boolean, value: string): string | null {
  if (hosts.length === 0) return null;
  if (!isSecret) return 'only a secret can be bound to hosts';
  if (hosts.length > MAX_HOSTS) return `bound to ${hosts.length} hosts, but may be bound to ${MAX_HOSTS}`;
  const wrong = hosts.find((host) => host === '*' || hostPattern(host) === undefined);
  if (wrong !== undefined)
    return `${shown(wrong)} is not a host: expected names like api.example.com, *.cdn.io or cdn.io:8443, and not *`;
  // It takes the place of a placeholder in a header, where a line end would begin another.
  return value !== '' && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
    ? null
    : 'a secret that is bound to hosts must be able to stand in a header: one line of Latin-1, not empty';
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 128));
