/** Script invoke: `POST /api/functions/:name/invoke` of seed 002: an admin runs a function with JSON and gets what it returned. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { InvocationOutcome } from '../core/whole-invocation.ts';
import { principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import { linesOf, requireRun } from './invoke-outcome.ts';
import { requireInvocable, type InvokingDeps } from './invoking.ts';
import { json, nameSchema, problem, requireFunction, requireTarget, tenantSchema } from './shared.ts';

export interface ScriptInvokeDeps extends Pick<InvokingDeps, 'invocations' | 'releases' | 'isSuspended'> {
  readonly functions: Pick<FunctionStore, 'find'>;
}

export function addScriptInvoke(app: OpenAPIHono<ControlEnv>, deps: ScriptInvokeDeps): void {
  app.openapi(scriptInvokeRoute, async (c) => {
    const principal = principalOf(c);
    requireAdmin(principal);
    const tenant = tenantFor(principal, c.req.valid('query').tenant);
    const { name } = requireTarget(tenant, c.req.valid('param').name);
    const data = requireJsonText(await c.req.text());
    const version = await liveVersion(deps, tenant, name);
    const { outcome } = deps.invocations.run(version, {
      principal,
      cause: 'invoke',
      method: 'POST',
      url: `http://localhost/fn/${name}`,
      headers: ['content-type', 'application/json'],
      body: data === '' ? null : Buffer.from(data),
      reply: 'value',
      fresh: false,
    });
    return c.json(resultOf(await outcome), 200);
  });
}

async function liveVersion(deps: ScriptInvokeDeps, tenant: string, name: string): Promise<FunctionVersion> {
  const record = await requireFunction(deps, tenant, name);
  requireInvocable(deps, record);
  const version = record.live === null ? null : await deps.releases.versionOf(tenant, name, record.live.number);
  if (version === null) throw new Fault('CONFLICT', `No version of the function ${name} is live`);
  return version;
}

/** What the body says reaches the function as it was sent. */
function requireJsonText(text: string): string {
  try {
    if (text !== '') JSON.parse(text);
  } catch {
    throw new Fault('BAD_REQUEST', 'The body becomes ctx.data: it must be JSON, or empty');
  }
  return text;
}

type ScriptResult = z.output<typeof resultSchema>;

function resultOf(outcome: InvocationOutcome): ScriptResult {
  requireRun(outcome);
  const logs = linesOf(outcome);
  if (outcome.response === null) return { ok: false, error: outcome.fault?.message ?? 'There is no result', logs };
  try {
    return { ok: true, result: returnedValue(outcome.response.body), logs };
  } catch {
    return { ok: false, error: 'The result is not JSON', logs };
  }
}

/** A value that says nothing of HTTP came in an envelope that the guest's side put around it. Throws for anything else. */
function returnedValue(envelope: Uint8Array): unknown {
  const { buffer, byteOffset, byteLength } = envelope;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
  const { statusCode, headers, body } = JSON.parse(text) as { statusCode: number; headers?: object; body?: unknown };
  const isPlain = statusCode === 200 && Object.keys(headers ?? {}).length === 0;
  return isPlain ? (body ?? null) : { statusCode, headers: headers ?? {}, body: body ?? null };
}

const resultSchema = z
  .union([
    z.object({
      ok: z.literal(true),
      result: z.unknown().openapi({ description: 'What the function returned, as JSON; undefined is null' }),
      logs: z.array(z.string()),
    }),
    z.object({ ok: z.literal(false), error: z.string(), logs: z.array(z.string()) }),
  ])
  .openapi('ScriptResult');

const scriptInvokeRoute = createRoute({
  method: 'post',
  path: '/api/functions/{name}/invoke',
  summary: 'Run a function as the calling admin; the body is ctx.data',
  request: {
    params: nameSchema,
    query: tenantSchema,
    body: { ...json(z.unknown(), 'Any JSON'), required: false },
  },
  responses: { 200: json(resultSchema, 'What it returned, or why it did not'), default: problem },
});
