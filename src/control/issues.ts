/** Issues: what a validator found, as lines that name the field, what was expected there and what came. */

import type { z } from '@hono/zod-openapi';

const MAX_ISSUES = 20;
const MAX_SHOWN = 60;

export function issuesOf(error: z.ZodError, input: unknown): string[] {
  return error.issues.slice(0, MAX_ISSUES).map((issue) => describe(issue, input));
}

function describe(issue: z.core.$ZodIssue, input: unknown): string {
  const where = issue.path.length === 0 ? 'the body' : issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return `${where}: there is no field ${issue.keys.map(shown).join(', ')}`;
  return `${where}: ${expectation(issue)}, but ${came(issue.path, input)}`;
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(shown).join(' or ')}`;
  return issue.message;
}

function came(path: readonly PropertyKey[], input: unknown): string {
  let value = input;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return 'it is missing';
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return `it is ${shown(value)}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
