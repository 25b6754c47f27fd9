/** Audit log: who did what, over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { AuditRecord, AuditStore } from '../core/audit.ts';
import { isOperator, principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import { json, problem } from './shared.ts';

export interface AuditLogDeps {
  readonly auditLog: Pick<AuditStore, 'read'>;
}

export function addAuditLog(app: OpenAPIHono<ControlEnv>, deps: AuditLogDeps): void {
  app.openapi(auditRoute, async (c) => {
    const principal = principalOf(c);
    requireAdmin(principal);
    const { tenant: named, before, limit } = c.req.valid('query');
    // The operator who names no tenant reads of every one, and of what concerns none.
    const tenant = named === undefined && isOperator(principal) ? null : tenantFor(principal, named);
    const records = await deps.auditLog.read({ tenant, beforeId: before ?? null, limit });
    const next = records.length < limit ? null : (records.at(-1)?.id ?? null);
    return c.json({ entries: records.map(shownOf), next }, 200);
  });
}

function shownOf({ timeMs, details, ...rest }: AuditRecord): z.output<typeof entrySchema> {
  return { ...rest, details: { ...details }, time: new Date(timeMs).toISOString() };
}

const entrySchema = z
  .object({
    id: z.number(),
    time: z.string(),
    actor: z.string().openapi({ description: 'The id of a token or of a user, `operator` or `system`' }),
    action: z.string().openapi({ example: 'function.deploy' }),
    tenant: z.string().nullable(),
    target: z.string(),
    outcome: z.enum(['ok', 'refused', 'failed']),
    details: z.record(z.string(), z.unknown()),
  })
  .openapi('AuditEntry');

const querySchema = z.strictObject({
  tenant: z.string().optional(),
  before: z.coerce.number().int().min(1).optional().openapi({ description: 'The entries older than this id' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

const auditRoute = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  summary: 'Read the audit log',
  request: { query: querySchema },
  responses: {
    200: json(z.object({ entries: z.array(entrySchema), next: z.number().nullable() }), 'Newest first'),
    default: problem,
  },
});
