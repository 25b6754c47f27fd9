/** Usage: what a tenant's functions took, over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { FunctionUsage, UsageTotals } from '../core/usage.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface UsageDeps {
  readonly usage: {
    readonly startedMs: number;
    /** Of the tenant's functions, up to now; `sinceMs`: where it reaches back beyond this start. */
    read(tenant: string): TenantUsage | Promise<TenantUsage>;
  };
}

interface TenantUsage {
  readonly sinceMs?: number;
  readonly total: UsageTotals;
  readonly functions: readonly FunctionUsage[];
}

export function addUsage(app: OpenAPIHono<ControlEnv>, { usage }: UsageDeps): void {
  app.openapi(usageRoute, async (c) => {
    const { tenant: named, function: name, after = '', limit } = c.req.valid('query');
    const tenant = tenantFor(principalOf(c), named);
    const { total, functions, sinceMs = usage.startedMs } = await usage.read(tenant);
    const wanted = functions
      .filter((one) => (name === undefined ? one.name > after : one.name === name))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = wanted.slice(0, limit);
    const next = wanted.length > limit ? (page.at(-1)?.name ?? null) : null;
    const since = new Date(sinceMs).toISOString();
    return c.json({ tenant, since, total: shownTotals(total), functions: page.map(shownUsage), next }, 200);
  });
}

function shownUsage({ name, faultsByCode, hours, ...totals }: FunctionUsage): z.output<typeof functionSchema> {
  return {
    name,
    ...shownTotals(totals),
    faultsByCode: { ...faultsByCode },
    hours: hours.map(({ timeMs, ...ofHour }) => ({ time: new Date(timeMs).toISOString(), ...shownTotals(ofHour) })),
  };
}

/** Fractions of a millisecond say nothing. */
function shownTotals({ wallMs, cpuMs, mbSeconds, ...counts }: UsageTotals): z.output<typeof totalsSchema> {
  const { invocations, coldStarts, sentBytes, receivedBytes, faults } = counts;
  const rounded = {
    wallMs: Math.round(wallMs),
    cpuMs: Math.round(cpuMs),
    mbSeconds: Math.round(mbSeconds * 1000) / 1000,
  };
  return { invocations, coldStarts, ...rounded, sentBytes, receivedBytes, faults };
}

const totalsSchema = z.object({
  invocations: z.number(),
  coldStarts: z.number().openapi({ description: 'Sandboxes that were opened' }),
  wallMs: z.number().openapi({ description: 'Running time' }),
  cpuMs: z.number().openapi({ description: 'Estimated: the exact CPU time of an executor, by running time' }),
  mbSeconds: z.number().openapi({ description: 'The memory limit by the running time' }),
  sentBytes: z.number().openapi({ description: 'Bodies that fetch sent' }),
  receivedBytes: z.number().openapi({ description: 'Bodies that fetch received' }),
  faults: z.number(),
});

const functionSchema = totalsSchema
  .extend({
    name: z
      .string()
      .openapi({ description: '`execute`: POST /execute; `(others)`: more functions than are told apart' }),
    faultsByCode: z.record(z.string(), z.number()),
    hours: z.array(totalsSchema.extend({ time: z.string() })).openapi({ description: 'The last 24 in which it ran' }),
  })
  .openapi('FunctionUsage');

const usageRoute = createRoute({
  method: 'get',
  path: '/api/v1/usage',
  summary: 'What a tenant’s functions took',
  request: {
    query: tenantSchema.extend({
      function: z.string().max(63).optional().openapi({ description: 'This function alone' }),
      after: z.string().max(100).optional().openapi({ description: '`next` of the page before' }),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
  },
  responses: {
    200: json(
      z.object({
        tenant: z.string(),
        since: z.string(),
        total: totalsSchema,
        functions: z.array(functionSchema),
        next: z.string().nullable(),
      }),
      'In the order of their names',
    ),
    default: problem,
  },
});
