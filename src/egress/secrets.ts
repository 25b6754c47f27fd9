/**
 * Secrets: a function holds a placeholder, and the value takes its place on the way out: in the values of request headers,
 * and only towards the hosts that the secret is bound to. A placeholder that goes elsewhere stays one.
 */

import type { BoundSecret } from '../core/egress.ts';
import { names } from './host-patterns.ts';
import type { Destination } from './host-patterns.ts';

/** A new list (name, value, name, value …) where something was substituted, else the same. */
export function withSecrets(
  headers: readonly string[],
  secrets: readonly BoundSecret[],
  destination: Destination,
): readonly string[] {
  if (secrets.length === 0) return headers;
  const bound = secrets.filter(
    ({ hosts, placeholder }) => placeholder !== '' && names(withoutStar(hosts), destination),
  );
  if (bound.length === 0) return headers;
  return headers.map((text, index) =>
    index % 2 === 0
      ? text
      : bound.reduce((value, { placeholder, value: secret }) => value.replaceAll(placeholder, () => secret), text),
  );
}

/** Puts the placeholder back where the other side repeats a value. */
export function redacted(text: string, secrets: readonly BoundSecret[]): string {
  return secrets.reduce(
    (kept, { placeholder, value }) => (value === '' ? kept : kept.replaceAll(value, () => placeholder)),
    text,
  );
}

/** A secret that is bound to everything is bound to nothing: `*` is no host. */
const narrowed = new WeakMap<readonly string[], readonly string[]>();

function withoutStar(hosts: readonly string[]): readonly string[] {
  if (!hosts.some((host) => host.trim() === '*')) return hosts;
  const known = narrowed.get(hosts);
  if (known !== undefined) return known;
  const made = hosts.filter((host) => host.trim() !== '*');
  narrowed.set(hosts, made);
  return made;
}
