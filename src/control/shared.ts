/** Shared: what every route of the operator API has in common. */

import { z } from '@hono/zod-openapi';
import { Fault } from '../core/faults.ts';
import type { FunctionRecord, FunctionStore } from '../core/function-record.ts';
import { requireName } from '../core/function.ts';
import type { ProblemBody } from '../core/problem.ts';

export const FUNCTIONS_PATH = '/api/v1/functions';
export const FUNCTION_PATH = '/api/v1/functions/{name}';

/** In the path. */
export const nameSchema: z.ZodObject<{ name: z.ZodString }, z.core.$strict> = z.strictObject({ name: z.string() });

/** In the query; absent: the principal's own. */
export const tenantSchema: z.ZodObject<{ tenant: z.ZodOptional<z.ZodString> }, z.core.$strict> = z.strictObject({
  tenant: z.string().optional().openapi({ description: "Default: the token's own tenant, else `default`" }),
});

const problemSchema: z.ZodType<ProblemBody> = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.number(),
    code: z.string(),
    detail: z.string(),
    issues: z.array(z.string()).optional(),
    retryAfter: z.number().optional(),
  })
  .openapi('Problem') as z.ZodType<ProblemBody>;

interface JsonResponse<Schema> {
  readonly description: string;
  readonly content: { readonly 'application/json': { readonly schema: Schema } };
}

export function json<Schema extends z.ZodType>(schema: Schema, description: string): JsonResponse<Schema> {
  return { description, content: { 'application/json': { schema } } };
}

/** Any other status. */
export const problem: {
  description: string;
  content: { 'application/problem+json': { schema: z.ZodType<ProblemBody> } };
} = {
  description: 'A fault',
  content: { 'application/problem+json': { schema: problemSchema } },
};

/** Throws BAD_REQUEST. */
export function requireTarget(tenant: string, name: string): { readonly tenant: string; readonly name: string } {
  return { tenant: requireName('tenant', tenant), name: requireName('function', name) };
}

/** Rejects with NOT_FOUND. */
export async function requireFunction(
  deps: { readonly functions: Pick<FunctionStore, 'find'> },
  tenant: string,
  name: string,
): Promise<FunctionRecord> {
  const record = await deps.functions.find(tenant, name);
  if (record === null) throw missing(tenant, name);
  return record;
}

export function missing(tenant: string, name: string): Fault {
  return new Fault('NOT_FOUND', `Tenant ${tenant} has no function ${name}`);
}
