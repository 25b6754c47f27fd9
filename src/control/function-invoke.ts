/** Function invoke: an operator runs a function and gets its response, its error and what it wrote; at once or later. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Fault } from '../core/faults.ts';
import type { FunctionRecord, FunctionStore } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';
import type { InvocationOutcome, InvocationRequest } from '../core/whole-invocation.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { requestOfEvent } from './event-request.ts';
import { INVOCATION_PATH, invocationResponse, keepResult, type InvocationResultsDeps } from './invocation-results.ts';
import { requireRun, shownResponse } from './invoke-outcome.ts';
import { countInvocation, requireInvocable, type InvokingDeps } from './invoking.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireFunction, requireTarget, tenantSchema } from './shared.ts';

export interface FunctionInvokeDeps extends Omit<InvokingDeps, 'releases'>, InvocationResultsDeps {
  readonly functions: Pick<FunctionStore, 'find'>;
  readonly releases: {
    versionOf(
      tenant: string,
      name: string,
      number: number,
      how: { readonly unreviewed: boolean },
    ): Promise<FunctionVersion | null>;
  };
}

export function addFunctionInvoke(app: OpenAPIHono<ControlEnv>, deps: FunctionInvokeDeps): void {
  app.openapi(invokeRoute, async (c) => {
    const principal = principalOf(c);
    const { tenant: named } = c.req.valid('query');
    const { tenant, name } = requireTarget(tenantFor(principal, named), c.req.valid('param').name);
    await countInvocation(c, deps, principal);
    const body = c.req.valid('json');
    const record = await requireFunction(deps, tenant, name);
    requireInvocable(deps, record);
    const version = await wantedVersion(deps, record, body.version, principal);
    const run = deps.invocations.run(version, requestOf(name, body, principal));
    if (!prefersAsync(c.req.header('prefer'))) return c.json(resultOf(await run.outcome), 200);
    const id = await keepResult(deps, version, run);
    const location = `${INVOCATION_PATH.replace('{id}', id)}${named === undefined ? '' : `?tenant=${tenant}`}`;
    c.header('location', location);
    c.header('preference-applied', 'respond-async');
    return c.json({ id, location }, 202);
  });
}

/** Only an admin tries out what no admin has reviewed. */
async function wantedVersion(
  { releases }: FunctionInvokeDeps,
  { tenant, name, live }: FunctionRecord,
  wanted: number | undefined,
  { role }: Principal,
): Promise<FunctionVersion> {
  const number = wanted ?? live?.number;
  if (number === undefined) throw new Fault('CONFLICT', `No version of the function ${name} is live`);
  const version = await releases.versionOf(tenant, name, number, { unreviewed: role === 'admin' });
  if (version === null) throw new Fault('NOT_FOUND', `Tenant ${tenant} has no ${name}@${number}`);
  return version;
}

function requestOf(
  name: string,
  { method, path, headers, body, fresh }: InvokeBody,
  principal: Principal,
): InvocationRequest {
  const query = path.indexOf('?');
  const pathname = query < 0 ? path : path.slice(0, query);
  const event = { httpMethod: method, path: `/fn/${name}${pathname}`, headers, body };
  const { url, ...request } = requestOfEvent(event, name);
  return {
    ...request,
    url: query < 0 ? url : url + path.slice(query),
    principal,
    cause: 'invoke',
    reply: 'http',
    fresh,
  };
}

/** RFC 7240. */
function prefersAsync(prefer: string | undefined): boolean {
  return (prefer ?? '')
    .split(',')
    .some((preference) => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async');
}

function resultOf(outcome: InvocationOutcome): z.output<typeof resultSchema> {
  requireRun(outcome);
  const { id, response, fault, durationMs } = outcome;
  const rest = { id, logs: outcome.logs.map((entry) => ({ ...entry })), durationMs };
  if (response !== null) return { ...rest, ok: true, response: shownResponse(response) };
  const { code, message, details } = fault ?? new Fault('INTERNAL', 'There was no response');
  return { ...rest, ok: false, error: { code, message, stack: details.stack ?? null } };
}

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/, { error: 'expected the name of a header' });
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'expected the value of a header' });

const invokeSchema = z
  .strictObject({
    method: z
      .string()
      .regex(/^[A-Za-z]{1,20}$/, { error: 'expected a method' })
      .optional()
      .openapi({ description: 'Default: GET, or POST with a body' }),
    path: z
      .string()
      .max(8192)
      .regex(/^(?:\/[^\s?#\\]*)?(?:\?[^\s#]*)?$/, {
        error: 'expected what follows /fn/<name>: a path, a query, or both',
      })
      .default(''),
    headers: z.record(headerName, headerValue).optional(),
    body: z.unknown().optional().openapi({ description: 'Text as it is sent, or any JSON' }),
    version: z.number().int().min(1).max(999_999_999).optional().openapi({ description: 'Default: the live one' }),
    fresh: z.boolean().default(false).openapi({ description: 'In a sandbox apart from those that serve requests' }),
  })
  .openapi('InvokeFunction');
type InvokeBody = z.output<typeof invokeSchema>;

const resultFields = {
  id: z.string(),
  logs: z.array(
    z.object({ level: z.enum(['debug', 'info', 'warn', 'error']), message: z.string(), timeMs: z.number() }),
  ),
  durationMs: z.number(),
};

const resultSchema = z
  .union([
    z.object({ ok: z.literal(true), response: invocationResponse, ...resultFields }),
    z.object({
      ok: z.literal(false),
      error: z.object({ code: z.string(), message: z.string(), stack: z.string().nullable() }),
      ...resultFields,
    }),
  ])
  .openapi('InvocationResult');

const invokeRoute = createRoute({
  method: 'post',
  path: `${FUNCTION_PATH}/invoke`,
  summary: 'Run a function; with "Prefer: respond-async" its outcome is kept for later',
  request: {
    params: nameSchema,
    query: tenantSchema,
    body: { ...json(invokeSchema, 'The request'), required: true },
  },
  responses: {
    200: json(resultSchema, 'Its response, or why there is none'),
    202: json(z.object({ id: z.string(), location: z.string() }), 'It runs'),
    default: problem,
  },
});
