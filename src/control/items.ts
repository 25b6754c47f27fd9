/**
 * Items: the REST path to collections, `/api/items/:collection`, for an application's users and for operators. What each may
 * do is decided where `ctx.db` has it decided, too; there is no other way to an item.
 */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Fault } from '../core/faults.ts';
import type { Item, Items, Subject } from '../core/items.ts';
import type { Principal } from '../core/principal.ts';
import { DEFAULT_TENANT } from '../core/tenant.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface ItemsDeps {
  readonly items: Items;
  isSuspended(tenant: string): boolean;
}

export function addItems(app: OpenAPIHono<ControlEnv>, { items, isSuspended }: ItemsDeps): void {
  const subjectOf = (c: Context<ControlEnv>): Subject => {
    const principal = principalOf(c);
    const tenant = tenantOf(principal, c.req.query('tenant'));
    if (isSuspended(tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${tenant} is suspended`);
    return { tenant, principal, hops: 0 };
  };
  app.openapi(listRoute, async (c) => {
    const { collection } = c.req.valid('param');
    const found = await items.list(subjectOf(c), collection, queryOf(c.req.valid('query')));
    return c.json({ items: found as Shown[] }, 200);
  });
  app.openapi(oneRoute, async (c) => {
    const { collection, id } = c.req.valid('param');
    return c.json((await items.one(subjectOf(c), collection, id)) ?? missing(collection, id), 200);
  });
  app.openapi(createItemRoute, async (c) => {
    const { collection } = c.req.valid('param');
    return c.json(await items.create(subjectOf(c), collection, c.req.valid('json')), 201);
  });
  app.openapi(updateRoute, async (c) => {
    const { collection, id } = c.req.valid('param');
    const changed = await items.update(subjectOf(c), collection, id, c.req.valid('json'));
    return c.json(changed ?? missing(collection, id), 200);
  });
  app.openapi(deleteRoute, async (c) => {
    const { collection, id } = c.req.valid('param');
    if (!(await items.delete(subjectOf(c), collection, id))) missing(collection, id);
    return c.body(null, 204);
  });
}

/** Whoever shows no token is nobody in particular, and of no tenant but the default one. */
function tenantOf(principal: Principal, named: string | undefined): string {
  if (principal.role !== 'anonymous' || principal.claims !== null) return tenantFor(principal, named);
  if (named === undefined || named === DEFAULT_TENANT) return DEFAULT_TENANT;
  throw new Fault('NOT_FOUND', `There is no tenant ${JSON.stringify(named.slice(0, 80))} without a token`);
}

function missing(collection: string, id: string): never {
  throw new Fault('NOT_FOUND', `There is no item ${JSON.stringify(id.slice(0, 80))} in ${collection.slice(0, 80)}`);
}

type Shown = Record<string, unknown>;

/** As `ctx.db.list` takes it; a field that was not sent is left out. Throws BAD_REQUEST. */
function queryOf({ filter, sort, fields, limit, offset }: z.output<typeof listQuery>): Item {
  return {
    ...(filter === undefined ? {} : { filter: filterOf(filter) }),
    ...(sort === undefined ? {} : { sort: sort.split(',') }),
    ...(fields === undefined ? {} : { fields: fields.split(',') }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
    ...(offset === undefined ? {} : { offset: Number(offset) }),
  };
}

function filterOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Fault('BAD_REQUEST', 'filter: expected JSON, as in {"created_at":{"_gt":"$now(-1 day)"}}');
  }
}

const whole = z.string().regex(/^\d{1,7}$/, { error: 'expected a whole number' });

const listQuery = z.strictObject({
  filter: z
    .string()
    .max(16_384)
    .optional()
    .openapi({ description: 'JSON: `{ field: { _operator: value } }`', example: '{"status":{"_eq":"open"}}' }),
  sort: z
    .string()
    .max(1_024)
    .optional()
    .openapi({ description: 'Fields, separated by commas; `-created_at`: the last first' }),
  fields: z.string().max(8_192).optional().openapi({ description: 'Those that are wanted, separated by commas' }),
  limit: whole.optional().openapi({ description: 'At most 1000; default 100' }),
  offset: whole.optional(),
  tenant: tenantSchema.shape.tenant,
});

const itemSchema = z.record(z.string(), z.unknown()).openapi('Item', {
  description: 'Its own fields, with id, owner, created_at and updated_at beside them',
});
const fieldsSchema = z.record(z.string(), z.unknown()).openapi('ItemFields', { description: 'Its own fields' });

const COLLECTION_PATH = '/api/items/{collection}';
const ITEM_PATH = `${COLLECTION_PATH}/{id}`;
const collectionParams = z.strictObject({ collection: z.string() });
const itemParams = z.strictObject({ collection: z.string(), id: z.string() });
const body = { ...json(fieldsSchema, 'The fields'), required: true };

const listRoute = createRoute({
  method: 'get',
  path: COLLECTION_PATH,
  summary: 'List the items of a collection that the caller may read',
  request: { params: collectionParams, query: listQuery },
  responses: {
    200: json(z.object({ items: z.array(itemSchema) }), 'In the order that was asked for'),
    default: problem,
  },
});

const oneRoute = createRoute({
  method: 'get',
  path: ITEM_PATH,
  summary: 'Read an item',
  request: { params: itemParams, query: tenantSchema },
  responses: { 200: json(itemSchema, 'The item'), default: problem },
});

const createItemRoute = createRoute({
  method: 'post',
  path: COLLECTION_PATH,
  summary: 'Create an item; publishes items:<collection>:created',
  request: { params: collectionParams, query: tenantSchema, body },
  responses: { 201: json(itemSchema, 'The item; its id alone, where the caller may not read it'), default: problem },
});

const updateRoute = createRoute({
  method: 'patch',
  path: ITEM_PATH,
  summary: 'Change fields of an item; publishes items:<collection>:updated',
  request: { params: itemParams, query: tenantSchema, body },
  responses: { 200: json(itemSchema, 'The item; its id alone, where the caller may not read it'), default: problem },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: ITEM_PATH,
  summary: 'Delete an item; publishes items:<collection>:deleted',
  request: { params: itemParams, query: tenantSchema },
  responses: { 204: { description: 'It is gone' }, default: problem },
});
