/** Logs: a function's lines over HTTP, those that were kept and those that are being written. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { FunctionStore } from '../core/function-record.ts';
import type { LogLine, LogQuery } from '../core/log-line.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { followResponse } from './follow.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireFunction, requireTarget, tenantSchema } from './shared.ts';

export interface LogsDeps {
  readonly functions: Pick<FunctionStore, 'find'>;
  readonly logs: {
    read(query: LogQuery): Promise<LogLine[]>;
    follow(target: Omit<LogQuery, 'limit'>, signal: AbortSignal): AsyncIterableIterator<LogLine>;
  };
}

export function addLogs(app: OpenAPIHono<ControlEnv>, deps: LogsDeps): void {
  app.openapi(logsRoute, async (c) => {
    const { after = null, limit, follow, ...query } = c.req.valid('query');
    const { tenant, name } = requireTarget(tenantFor(principalOf(c), query.tenant), c.req.valid('param').name);
    await requireFunction(deps, tenant, name);
    if (follow === '1') {
      // The route's type has no word for a stream of JSON.
      return followResponse((signal) => deps.logs.follow({ tenant, name, afterId: after }, signal)) as never;
    }
    return c.json({ lines: await deps.logs.read({ tenant, name, afterId: after, limit }) }, 200);
  });
}

const logsSchema = tenantSchema.extend({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .openapi({ description: 'The lines that follow this id; without it, the newest' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  follow: z
    .enum(['0', '1'])
    .default('0')
    .openapi({ description: '1: newline-delimited JSON, as the lines are written' }),
});

const lineSchema = z
  .object({
    id: z.number(),
    tenant: z.string(),
    name: z.string(),
    version: z.number(),
    invocation: z.string().nullable(),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    timeMs: z.number(),
  })
  .openapi('LogLine');

const logsRoute = createRoute({
  method: 'get',
  path: `${FUNCTION_PATH}/logs`,
  summary: 'Read the lines of a function',
  request: { params: nameSchema, query: logsSchema },
  responses: {
    200: json(z.object({ lines: z.array(lineSchema) }), 'In the order in which they were written'),
    default: problem,
  },
});
