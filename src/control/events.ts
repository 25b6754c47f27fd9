/** Events over HTTP: publish one, in Cordon's own words or in those of CloudEvents. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Events } from '../core/event.ts';
import { Fault } from '../core/faults.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import {
  batchOfEvents,
  binaryEvent,
  isBatch,
  isStructured,
  structuredEvent,
  type ReceivedEvent,
} from './cloud-events.ts';
import { issuesOf } from './issues.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface EventsDeps {
  readonly events: Events;
}

export function addEvents(app: OpenAPIHono<ControlEnv>, { events }: EventsDeps): void {
  app.openapi(publishRoute, async (c) => {
    const tenant = tenantFor(principalOf(c), c.req.valid('query').tenant);
    const type = c.req.header('content-type') ?? '';
    const body = await c.req.text();
    if (!isBatch(type)) return c.json(await events.publish({ tenant, ...eventOf(c, type, body) }), 202);
    // Begun in their order, which is also that of events of one key.
    const published = batchOfEvents(parsed(body)).map((event) => events.publish({ tenant, ...event }));
    return c.json(await allOf(published), 202);
  });
}

/** Rejects as the first that rejects, when all of them are over. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function eventOf(c: Context<ControlEnv>, type: string, body: string): ReceivedEvent {
  if (isStructured(type)) return structuredEvent(parsed(body));
  if (c.req.header('ce-specversion') !== undefined) return binaryEvent((name) => c.req.header(name), body);
  if (!/^application\/json\b/i.test(type))
    throw new Fault(
      'BAD_REQUEST',
      `Beside the content-type ${JSON.stringify(type.slice(0, 100))} a header ce-specversion is needed`,
    );
  const given = parsed(body);
  const event = eventSchema.safeParse(given);
  if (event.success) return withoutUndefined(event.data);
  const issues = issuesOf(event.error, given);
  throw new Fault('BAD_REQUEST', `The request is not valid: ${issues.join('; ')}`, { issues });
}

function withoutUndefined({ data, ...rest }: z.output<typeof eventSchema>): ReceivedEvent {
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return { ...(given as Pick<ReceivedEvent, 'channel'>), data: data ?? null };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new Fault('BAD_REQUEST', 'The body must be JSON');
  }
}

const eventSchema = z
  .strictObject({
    channel: z.string().openapi({ example: 'items:posts:created' }),
    data: z.unknown().optional().openapi({ description: 'Any JSON, at most 256 KB; default: null' }),
    id: z
      .string()
      .optional()
      .openapi({ description: 'Of two events with one id within a day the second is not delivered' }),
    key: z.string().optional().openapi({ description: 'Events of one key reach each function one after the other' }),
    delayMs: z.number().optional().openapi({ description: 'Not before then' }),
  })
  .openapi('PublishEvent');

const publishedSchema = z
  .object({
    id: z.string(),
    deliveries: z.number().openapi({ description: 'Functions that it was queued for' }),
    duplicate: z.boolean().openapi({ description: 'It had been published before, and nothing was queued' }),
  })
  .openapi('PublishedEvent');

const content = (
  description: string,
): { readonly schema: { readonly type: 'object'; readonly description: string } } => ({
  schema: { type: 'object', description },
});

const publishRoute = createRoute({
  method: 'post',
  path: '/api/events',
  summary: 'Publish an event to the functions that listen; also as a CloudEvent, structured, binary or as a batch',
  request: {
    query: tenantSchema,
    body: {
      content: {
        // Read by the route itself, which has more than one form of body to tell apart.
        'application/json': content(
          '`{ channel, data, id, key, delayMs }`, of which only channel is needed; or, with ce-* headers, the data of a CloudEvent',
        ),
        'application/cloudevents+json': content(
          'A CloudEvent: type is the channel, source and id name it, subject is the key',
        ),
        'application/cloudevents-batch+json': content('An array of CloudEvents'),
      },
      required: true,
    },
  },
  responses: { 202: json(z.union([publishedSchema, z.array(publishedSchema)]), 'It is durable'), default: problem },
});
