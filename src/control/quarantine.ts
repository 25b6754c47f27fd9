/** Quarantine: which versions of a function misbehaved, and until when they are alone or refused. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { FunctionStore } from '../core/function-record.ts';
import type { QuarantinedVersion } from '../core/quarantine.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireFunction, requireTarget, tenantSchema } from './shared.ts';

export interface QuarantineDeps {
  readonly functions: Pick<FunctionStore, 'find'>;
  readonly quarantine: {
    of(tenant: string, name: string): readonly QuarantinedVersion[];
  };
}

export function addQuarantine(app: OpenAPIHono<ControlEnv>, { functions, quarantine }: QuarantineDeps): void {
  app.openapi(quarantineRoute, async (c) => {
    const { tenant: named } = c.req.valid('query');
    const { tenant, name } = requireTarget(tenantFor(principalOf(c), named), c.req.valid('param').name);
    await requireFunction({ functions }, tenant, name);
    return c.json({ versions: quarantine.of(tenant, name).map(shownOf) }, 200);
  });
}

function shownOf(found: QuarantinedVersion): z.output<typeof quarantinedSchema> {
  const { version, state, cause, refusals, sinceMs, refusedUntilMs, freeMs } = found;
  return {
    version,
    state,
    cause,
    refusals,
    since: new Date(sinceMs).toISOString(),
    refusedUntil: refusedUntilMs === null ? null : new Date(refusedUntilMs).toISOString(),
    free: new Date(freeMs).toISOString(),
  };
}

const quarantinedSchema = z
  .object({
    version: z.number(),
    state: z.enum(['alone', 'refused']).openapi({ description: '`alone`: in an executor of its own' }),
    cause: z.string().openapi({ example: 'out-of-memory', description: 'What it did last' }),
    refusals: z.number().openapi({ description: 'How often it was refused without a break' }),
    since: z.string(),
    refusedUntil: z.string().nullable(),
    free: z.string().openapi({ description: 'When it is free, if it behaves' }),
  })
  .openapi('QuarantinedVersion');

const quarantineRoute = createRoute({
  method: 'get',
  path: `${FUNCTION_PATH}/quarantine`,
  summary: 'Which versions of a function are in quarantine on this server',
  request: { params: nameSchema, query: tenantSchema },
  responses: {
    200: json(z.object({ versions: z.array(quarantinedSchema) }), 'None: the function is free'),
    default: problem,
  },
});
