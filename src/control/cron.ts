/** Cron over HTTP: which functions run when; pause, run now, and ticks that an outside scheduler drives. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Audit } from '../core/audit.ts';
import { CATCH_UPS, OVERLAPS, type Cron, type CronFunction, type CronOptions } from '../core/cron.ts';
import type { Principal } from '../core/principal.ts';
import { actorOf, isOperator, principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireTarget, tenantSchema } from './shared.ts';

export interface CronDeps {
  readonly cron: Cron;
  readonly audit: Audit;
}

export function addCron(app: OpenAPIHono<ControlEnv>, deps: CronDeps): void {
  const { cron, audit } = deps;
  app.openapi(listRoute, async (c) => {
    const { tenant: named, after = null, limit } = c.req.valid('query');
    const { items, next } = await cron.list({ tenant: tenantFor(principalOf(c), named), after, limit });
    return c.json({ functions: items.map(shownOf), next }, 200);
  });
  app.openapi(tickRoute, async (c) => {
    const by = principalOf(c);
    requireAdmin(by);
    const { tenant: named } = c.req.valid('query');
    // The operator who names no tenant drives them all.
    const tenant = named === undefined && isOperator(by) ? null : tenantFor(by, named);
    return c.json({ fired: await cron.tick(tenant) }, 200);
  });
  app.openapi(readRoute, async (c) => {
    const { tenant, name } = targetOf(c, c.req.valid('query').tenant, c.req.valid('param').name);
    return c.json(shownOf(await cron.read(tenant, name)), 200);
  });
  app.openapi(changeRoute, async (c) => {
    const at = targetOf(c, c.req.valid('query').tenant, c.req.valid('param').name);
    requireAdmin(at.by);
    const { paused, overlap, catchUp } = c.req.valid('json');
    const change: Partial<CronOptions> = {
      ...(paused === undefined ? {} : { paused }),
      ...(overlap === undefined ? {} : { overlap }),
      ...(catchUp === undefined ? {} : { catchUp }),
    };
    const after = await cron.change(at.tenant, at.name, change);
    audit.record({ ...entryOf(at), action: 'cron.update', details: { ...change } });
    return c.json(shownOf(after), 200);
  });
  app.openapi(runRoute, async (c) => {
    const at = targetOf(c, c.req.valid('query').tenant, c.req.valid('param').name);
    requireAdmin(at.by);
    const id = await cron.runNow(at.tenant, at.name);
    audit.record({ ...entryOf(at), action: 'cron.run', details: { id } });
    return c.json({ id }, 202);
  });
}

interface Target {
  readonly tenant: string;
  readonly name: string;
  readonly by: Principal;
}

function targetOf(c: Context<ControlEnv>, tenant: string | undefined, name: string): Target {
  const by = principalOf(c);
  return { ...requireTarget(tenantFor(by, tenant), name), by };
}

function entryOf({ tenant, name, by }: Target) {
  return { actor: actorOf(by), tenant, target: name, outcome: 'ok' } as const;
}

function shownOf({ finishedMs, nextMs, ...rest }: CronFunction): z.output<typeof cronSchema> {
  return {
    ...rest,
    finishedAt: finishedMs === null ? null : new Date(finishedMs).toISOString(),
    next: nextMs.map((ms) => new Date(ms).toISOString()),
  };
}

const optionFields = {
  paused: z.boolean(),
  overlap: z.enum(OVERLAPS).openapi({ description: 'What happens to a tick while an earlier run lasts' }),
  catchUp: z
    .enum(CATCH_UPS)
    .openapi({ description: 'Which of the ticks that were missed are run: the last, all, none' }),
};

const cronSchema = z
  .object({
    tenant: z.string(),
    name: z.string(),
    pattern: z.string(),
    timeZone: z.string(),
    ...optionFields,
    finishedAt: z.string().nullable().openapi({ description: 'When its last run ended' }),
    next: z.array(z.string()).openapi({ description: 'The next five runs' }),
  })
  .openapi('CronFunction');

const changeSchema = z
  .strictObject({
    paused: optionFields.paused.optional(),
    overlap: optionFields.overlap.optional(),
    catchUp: optionFields.catchUp.optional(),
  })
  .openapi('CronChange');

const CRON_PATH = '/api/v1/cron';
const listSchema = tenantSchema.extend({
  after: z.string().max(100).optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(200).default(100),
});

const listRoute = createRoute({
  method: 'get',
  path: CRON_PATH,
  summary: 'List the functions that run at times, with their next runs',
  request: { query: listSchema },
  responses: {
    200: json(z.object({ functions: z.array(cronSchema), next: z.string().nullable() }), 'In the order of their names'),
    default: problem,
  },
});

const tickRoute = createRoute({
  method: 'post',
  path: `${CRON_PATH}/tick`,
  summary: 'Fire what is due now, for an outside scheduler; each tick is fired once however often this is called',
  request: { query: tenantSchema },
  responses: { 200: json(z.object({ fired: z.number() }), 'How many ticks were fired by this call'), default: problem },
});

const readRoute = createRoute({
  method: 'get',
  path: `${FUNCTION_PATH}/cron`,
  summary: 'When a function runs',
  request: { params: nameSchema, query: tenantSchema },
  responses: { 200: json(cronSchema, 'Its next runs'), default: problem },
});

const changeRoute = createRoute({
  method: 'patch',
  path: `${FUNCTION_PATH}/cron`,
  summary: 'Pause or resume the ticks of a function, or change what happens to those that overlap or were missed',
  request: {
    params: nameSchema,
    query: tenantSchema,
    body: { ...json(changeSchema, 'What is to change'), required: true },
  },
  responses: { 200: json(cronSchema, 'As it is now'), default: problem },
});

const runRoute = createRoute({
  method: 'post',
  path: `${FUNCTION_PATH}/cron/run`,
  summary: 'Run a function of cron now, beside its ticks',
  request: { params: nameSchema, query: tenantSchema },
  responses: { 202: json(z.object({ id: z.string() }), 'It is in the queue'), default: problem },
});
