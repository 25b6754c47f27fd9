/** Invocation results: the outcome of what was invoked asynchronously, kept for whoever asks later, and shown over HTTP. */

import { randomBytes } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { InvocationResult, InvocationResultStore } from '../core/invocation-result.ts';
import type { InvocationOutcome, RunningInvocation } from '../core/whole-invocation.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { shownResponse, type ShownResponse } from './invoke-outcome.ts';
import { json, problem, tenantSchema } from './shared.ts';

export const INVOCATION_PATH = '/api/v1/invocations/{id}';

export interface InvocationResultsDeps {
  readonly invocationResults: Pick<InvocationResultStore, 'put' | 'find'>;
  /** Hears of an outcome that could not be kept. */
  report(error: unknown): void;
}

/**
 * Resolves with the id to ask for, once it is kept that the invocation runs; its outcome follows. The id has a part that
 * can't be guessed, since whoever knows it may read the answer that somebody else's rights brought.
 */
export async function keepResult(
  deps: InvocationResultsDeps,
  version: FunctionVersion,
  { id: invocation, outcome }: RunningInvocation,
): Promise<string> {
  const running: InvocationResult = {
    id: `${invocation}-${randomBytes(16).toString('hex')}`,
    tenant: version.tenant,
    functionName: version.name,
    version: version.number,
    status: 'running',
    response: null,
    fault: null,
    createdMs: Date.now(),
    finishedMs: null,
  };
  await deps.invocationResults.put(running);
  outcome
    .then((ended) => deps.invocationResults.put({ ...running, ...endOf(ended), finishedMs: Date.now() }))
    .catch(deps.report);
  return running.id;
}

function endOf({ response, fault }: InvocationOutcome): Pick<InvocationResult, 'status' | 'response' | 'fault'> {
  if (response !== null) return { status: 'succeeded', response, fault: null };
  const { code, message } = fault ?? new Fault('INTERNAL', 'There was no response');
  return { status: 'failed', response: null, fault: { code, message } };
}

export function addInvocationResults(app: OpenAPIHono<ControlEnv>, deps: InvocationResultsDeps): void {
  app.openapi(getInvocationRoute, async (c) => {
    const tenant = tenantFor(principalOf(c), c.req.valid('query').tenant);
    const { id } = c.req.valid('param');
    const result = await deps.invocationResults.find(tenant, id);
    if (result === null)
      throw new Fault('NOT_FOUND', `Tenant ${tenant} has no invocation ${JSON.stringify(id.slice(0, 100))}`);
    c.header('cache-control', 'no-store');
    return c.json(shownOf(result), 200);
  });
}

function shownOf(result: InvocationResult): z.output<typeof invocationSchema> {
  const { id, functionName, version, status, response, fault, createdMs, finishedMs } = result;
  return {
    id,
    function: functionName,
    version,
    status,
    response: response === null ? null : shownResponse(response),
    error: fault === null ? null : { ...fault },
    createdAt: new Date(createdMs).toISOString(),
    finishedAt: finishedMs === null ? null : new Date(finishedMs).toISOString(),
  };
}

export const invocationResponse: z.ZodType<ShownResponse> = z
  .object({
    statusCode: z.number(),
    headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    body: z.unknown().openapi({ description: 'JSON as what it says, other text as it is, bytes in base64' }),
    isBase64Encoded: z.literal(true).optional(),
  })
  .openapi('InvocationResponse') as z.ZodType<ShownResponse>;

const invocationSchema = z
  .object({
    id: z.string(),
    function: z.string(),
    version: z.number(),
    status: z.enum(['running', 'succeeded', 'failed']).openapi({ description: 'succeeded: it gave a response' }),
    response: invocationResponse.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    createdAt: z.string(),
    finishedAt: z.string().nullable(),
  })
  .openapi('Invocation');

const getInvocationRoute = createRoute({
  method: 'get',
  path: INVOCATION_PATH,
  summary: 'Show an asynchronous invocation, and its response once there is one',
  request: { params: z.strictObject({ id: z.string().max(200) }), query: tenantSchema },
  responses: { 200: json(invocationSchema, 'The invocation'), default: problem },
});
