/** Service invoke: a test run of a service's newest code in a fresh sandbox, which shows the actual error. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { DeploymentStore } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';
import type { ServiceRecord, ServiceStore } from '../core/service.ts';
import type { InvocationOutcome } from '../core/whole-invocation.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { eventSchema, requestOfEvent } from './event-request.ts';
import { linesOf, requireRun, shownResponse } from './invoke-outcome.ts';
import { countInvocation, requireInvocable, type InvokingDeps } from './invoking.ts';
import { requireService, serviceIdSchema, SERVICE_PATH } from './service-paths.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface ServiceInvokeDeps extends InvokingDeps {
  readonly services: Pick<ServiceStore, 'find'>;
  readonly functions: Pick<FunctionStore, 'find' | 'versions'>;
  readonly deployments: Pick<DeploymentStore, 'list'>;
}

export function addServiceInvoke(app: OpenAPIHono<ControlEnv>, deps: ServiceInvokeDeps): void {
  app.openapi(serviceInvokeRoute, async (c) => {
    const principal = principalOf(c);
    const tenant = tenantFor(principal, c.req.valid('query').tenant);
    await countInvocation(c, deps, principal);
    const service = await requireService(deps.services, tenant, c.req.valid('param').id);
    const request = requestOfEvent(c.req.valid('json').event ?? {}, service.functionName);
    const version = await newestVersion(deps, service, principal);
    if (version === null) return c.json(await failedDeployment(deps, service), 200);
    const { outcome } = deps.invocations.run(version, {
      ...request,
      principal,
      cause: 'invoke',
      reply: 'http',
      fresh: true,
    });
    return c.json(resultOf(await outcome), 200);
  });
}

/** The newest, not the live one: where they differ, the newest is the one that something is wrong with. */
async function newestVersion(
  deps: ServiceInvokeDeps,
  { tenant, functionName }: ServiceRecord,
  { role }: Principal,
): Promise<FunctionVersion | null> {
  const record = await deps.functions.find(tenant, functionName);
  if (record === null) return null;
  requireInvocable(deps, record);
  const [newest] = (await deps.functions.versions(tenant, functionName, null, 1)).items;
  if (newest === undefined) return null;
  // Only an admin tries out what no admin has reviewed.
  return deps.releases.versionOf(tenant, functionName, newest.number, { unreviewed: role === 'admin' });
}

/** Nothing was ever built, so that the error of the build is the answer. */
async function failedDeployment(
  deps: ServiceInvokeDeps,
  { name, tenant, functionName }: ServiceRecord,
): Promise<InvokeResult> {
  const [last] = await deps.deployments.list(tenant, functionName, 1);
  if (last?.status !== 'failed')
    throw new Fault('CONFLICT', `The service ${name} has no version yet: its deployment has not ended`);
  return {
    success: false,
    error: last.error ?? 'The deployment failed',
    code: 'DEPLOYMENT_FAILED',
    stack: null,
    logs: last.log === '' ? [] : last.log.trimEnd().split('\n'),
    duration: 0,
  };
}

type InvokeResult = z.output<typeof invokeResultSchema>;

function resultOf(outcome: InvocationOutcome): InvokeResult {
  requireRun(outcome);
  const { response, fault, durationMs } = outcome;
  const logs = linesOf(outcome);
  if (response !== null) return { success: true, result: shownResponse(response), logs, duration: durationMs };
  return {
    success: false,
    error: fault?.message ?? 'There is no response',
    code: fault?.code ?? 'INTERNAL',
    stack: fault?.details.stack ?? null,
    logs,
    duration: durationMs,
  };
}

const logsSchema = z.array(z.string()).openapi({ description: 'What the function wrote to its console' });
const durationSchema = z.number().openapi({ description: 'ms' });

const invokeResultSchema = z
  .union([
    z.object({
      success: z.literal(true),
      result: z.object({
        statusCode: z.number(),
        headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
        body: z.unknown(),
        isBase64Encoded: z.literal(true).optional(),
      }),
      logs: logsSchema,
      duration: durationSchema,
    }),
    z.object({
      success: z.literal(false),
      error: z.string(),
      code: z.string(),
      stack: z.string().nullable(),
      logs: logsSchema,
      duration: durationSchema,
    }),
  ])
  .openapi('InvokeResult');

const invokeSchema = z.strictObject({ event: eventSchema.optional() }).openapi('InvokeService');

const serviceInvokeRoute = createRoute({
  method: 'post',
  path: `${SERVICE_PATH}/invoke`,
  summary: "Run a service's newest code once, apart from what serves requests",
  request: {
    params: serviceIdSchema,
    query: tenantSchema,
    body: { ...json(invokeSchema, 'The event'), required: false },
  },
  responses: { 200: json(invokeResultSchema, 'What it answered, or its actual error'), default: problem },
});
