/** Dead letters: events and ticks whose function failed too often: looked at, replayed or discarded over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Audit } from '../core/audit.ts';
import { Fault } from '../core/faults.ts';
import type { DeadJob, Queue } from '../core/queue.ts';
import type { Principal } from '../core/principal.ts';
import { actorOf, principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface DeadLettersDeps {
  readonly queue: Pick<Queue, 'dead' | 'replay' | 'discard'>;
  readonly audit: Audit;
}

export function addDeadLetters(app: OpenAPIHono<ControlEnv>, deps: DeadLettersDeps): void {
  const { queue } = deps;
  app.openapi(listRoute, async (c) => {
    const { tenant: named, function: functionName, before = null, limit } = c.req.valid('query');
    const tenant = tenantFor(principalOf(c), named);
    const ofFunction = functionName === undefined ? {} : { functionName };
    // One more than is shown tells whether there is another page.
    const found = await queue.dead({ tenant, before, limit: limit + 1, ...ofFunction });
    const page = found.slice(0, limit);
    const next = found.length > limit ? (page.at(-1)?.id ?? null) : null;
    return c.json({ deadLetters: page.map(shownOf), next }, 200);
  });
  app.openapi(readRoute, async (c) => {
    const tenant = tenantFor(principalOf(c), c.req.valid('query').tenant);
    const { id } = c.req.valid('param');
    const [found] = await queue.dead({ tenant, id, before: null, limit: 1 });
    if (found === undefined) throw missing(tenant, id);
    return c.json({ ...shownOf(found), payload: JSON.parse(found.payload) as unknown }, 200);
  });
  app.openapi(replayRoute, async (c) => {
    const by = principalOf(c);
    const { tenant: named, ids } = c.req.valid('json');
    return c.json({ count: await changed(deps, 'replay', by, named, ids) }, 200);
  });
  app.openapi(discardRoute, async (c) => {
    const by = principalOf(c);
    const { tenant: named, ids } = c.req.valid('json');
    return c.json({ count: await changed(deps, 'discard', by, named, ids) }, 200);
  });
}

/** How many there were. */
async function changed(
  { queue, audit }: DeadLettersDeps,
  verb: 'replay' | 'discard',
  by: Principal,
  named: string | undefined,
  ids: readonly string[],
): Promise<number> {
  requireAdmin(by);
  const tenant = tenantFor(by, named);
  const count = await queue[verb](tenant, ids);
  if (count === 0) throw missing(tenant, ids[0] as string);
  const target = count === 1 && ids.length === 1 ? (ids[0] as string) : `${count} dead letters`;
  audit.record({
    actor: actorOf(by),
    action: `dead-letter.${verb}`,
    tenant,
    target,
    outcome: 'ok',
    details: { count },
  });
  return count;
}

function missing(tenant: string, id: string): Fault {
  return new Fault('NOT_FOUND', `Tenant ${tenant} has no dead letter ${JSON.stringify(id)}`);
}

function shownOf({ id, kind, functionName, key, attempts, lastError, addedMs, diedMs }: DeadJob): DeadLetter {
  const [addedAt, diedAt] = [addedMs, diedMs].map((ms) => new Date(ms).toISOString()) as [string, string];
  return { id, kind, function: functionName, key, attempts, error: lastError, addedAt, diedAt };
}

type DeadLetter = z.output<typeof deadLetterSchema>;

const PATH = '/api/v1/dead-letters';
const idSchema = z.string().min(1).max(200);

const deadLetterSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['event', 'cron']),
    function: z.string(),
    key: z.string().nullable(),
    attempts: z.number(),
    error: z.string().openapi({ description: 'Of the last attempt' }),
    addedAt: z.string(),
    diedAt: z.string(),
  })
  .openapi('DeadLetter');

const wholeSchema = deadLetterSchema
  .extend({ payload: z.unknown().openapi({ description: 'The event, or the tick' }) })
  .openapi('DeadLetterWithPayload');

const listSchema = tenantSchema.extend({
  function: z.string().max(63).optional(),
  before: idSchema.optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});

const changeSchema = z
  .strictObject({ tenant: z.string().optional(), ids: z.array(idSchema).min(1).max(1_000) })
  .openapi('DeadLetterIds');
const countSchema = z.object({ count: z.number().openapi({ description: 'How many there were' }) });

const listRoute = createRoute({
  method: 'get',
  path: PATH,
  summary: 'List dead letters: events and ticks whose function failed too often',
  request: { query: listSchema },
  responses: {
    200: json(z.object({ deadLetters: z.array(deadLetterSchema), next: z.string().nullable() }), 'Newest first'),
    default: problem,
  },
});

const readRoute = createRoute({
  method: 'get',
  path: `${PATH}/{id}`,
  summary: 'Read a dead letter with what is in it',
  request: { params: z.strictObject({ id: idSchema }), query: tenantSchema },
  responses: { 200: json(wholeSchema, 'The dead letter'), default: problem },
});

const replayRoute = createRoute({
  method: 'post',
  path: `${PATH}/replay`,
  summary: 'Deliver dead letters again',
  request: { body: { ...json(changeSchema, 'Which'), required: true } },
  responses: { 200: json(countSchema, 'They are in the queue again'), default: problem },
});

const discardRoute = createRoute({
  method: 'post',
  path: `${PATH}/discard`,
  summary: 'Throw dead letters away',
  request: { body: { ...json(changeSchema, 'Which'), required: true } },
  responses: { 200: json(countSchema, 'They are gone'), default: problem },
});
