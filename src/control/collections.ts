/** Collections: admins say which collections a tenant has, and who may do what with their items. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Audit } from '../core/audit.ts';
import { Fault } from '../core/faults.ts';
import type { Collection, ItemStore } from '../core/items.ts';
import { actorOf, principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface CollectionsDeps {
  readonly collections: Pick<ItemStore, 'collection' | 'collections' | 'putCollection' | 'removeCollection'>;
  readonly audit: Audit;
}

/** Of one tenant. */
const MAX_COLLECTIONS = 1_000;

export function addCollections(app: OpenAPIHono<ControlEnv>, { collections, audit }: CollectionsDeps): void {
  const note = (c: Context<ControlEnv>, action: string, tenant: string, slug: string, details: object): void =>
    audit.record({
      actor: actorOf(principalOf(c)),
      action,
      tenant,
      target: slug,
      outcome: 'ok',
      details: { ...details },
    });
  app.openapi(listRoute, async (c) => {
    const found = await collections.collections(adminTenant(c));
    return c.json({ collections: found.map(shownOf) }, 200);
  });
  app.openapi(getRoute, async (c) => {
    const { slug } = c.req.valid('param');
    return c.json(shownOf((await collections.collection(adminTenant(c), slug)) ?? missing(slug)), 200);
  });
  app.openapi(putRoute, async (c) => {
    const tenant = adminTenant(c);
    const { slug } = c.req.valid('param');
    const { permissions } = c.req.valid('json');
    const kept = await collections.putCollection({ tenant, slug, permissions }, MAX_COLLECTIONS, Date.now());
    note(c, 'collection.set', tenant, slug, permissions);
    return c.json(shownOf(kept), 200);
  });
  app.openapi(removeRoute, async (c) => {
    const tenant = adminTenant(c);
    const { slug } = c.req.valid('param');
    if (!(await collections.removeCollection(tenant, slug))) missing(slug);
    note(c, 'collection.delete', tenant, slug, {});
    return c.body(null, 204);
  });
}

/** Throws FORBIDDEN, NOT_FOUND. */
function adminTenant(c: Context<ControlEnv>): string {
  const principal = principalOf(c);
  requireAdmin(principal);
  return tenantFor(principal, c.req.query('tenant'));
}

function missing(slug: string): never {
  throw new Fault('NOT_FOUND', `There is no collection ${slug}`);
}

function shownOf({ slug, permissions, createdMs, updatedMs }: Collection): z.output<typeof collectionSchema> {
  const { read, create, update, delete: remove } = permissions;
  return {
    slug,
    permissions: { read, create, update, delete: remove },
    createdAt: new Date(createdMs).toISOString(),
    updatedAt: new Date(updatedMs).toISOString(),
  };
}

const ruleSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,100}$/, { error: 'expected public, authenticated, owner, none or the name of a role' })
  .openapi({
    description:
      '`public`, `authenticated`, `owner`, `none`, or a role of the application’s. Admins and the system always may',
    example: 'authenticated',
  });

const permissionsSchema = z
  .strictObject({
    read: ruleSchema.default('none'),
    create: ruleSchema.default('none'),
    update: ruleSchema.default('none'),
    delete: ruleSchema.default('none'),
  })
  .openapi('CollectionPermissions');

const collectionSchema = z
  .object({ slug: z.string(), permissions: permissionsSchema, createdAt: z.string(), updatedAt: z.string() })
  .openapi('Collection');

const COLLECTIONS_PATH = '/api/v1/collections';
const COLLECTION_PATH = `${COLLECTIONS_PATH}/{slug}`;
const params = z.strictObject({
  slug: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, {
    error: 'expected letters, digits and _, not beginning with a digit, at most 63 of them',
  }),
});

const listRoute = createRoute({
  method: 'get',
  path: COLLECTIONS_PATH,
  summary: 'List the collections of a tenant',
  request: { query: tenantSchema },
  responses: { 200: json(z.object({ collections: z.array(collectionSchema) }), 'By name'), default: problem },
});

const getRoute = createRoute({
  method: 'get',
  path: COLLECTION_PATH,
  summary: 'Read a collection',
  request: { params, query: tenantSchema },
  responses: { 200: json(collectionSchema, 'The collection'), default: problem },
});

const putRoute = createRoute({
  method: 'put',
  path: COLLECTION_PATH,
  summary: 'Make a collection, or give it other permissions',
  request: {
    params,
    query: tenantSchema,
    body: {
      ...json(
        z.strictObject({ permissions: permissionsSchema }).openapi('SetCollection'),
        'What is not named is for admins and the system alone',
      ),
      required: true,
    },
  },
  responses: { 200: json(collectionSchema, 'The collection'), default: problem },
});

const removeRoute = createRoute({
  method: 'delete',
  path: COLLECTION_PATH,
  summary: 'Delete a collection with all its items',
  request: { params, query: tenantSchema },
  responses: { 204: { description: 'It is gone' }, default: problem },
});
