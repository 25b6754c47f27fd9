/** Tenants: the operator creates, lists, limits, suspends and erases them over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Audit } from '../core/audit.ts';
import { Fault } from '../core/faults.ts';
import { requireName } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';
import { DEFAULT_TENANT, type TenantQuotas, type TenantRecord, type TenantStore } from '../core/tenant.ts';
import { actorOf, principalOf, requireOperator, type ControlEnv } from './access.ts';
import { json, nameSchema, problem } from './shared.ts';

export interface TenantsDeps {
  readonly tenants: TenantStore;
  readonly tenantHooks: TenantHooks;
  readonly audit: Audit;
}

/** What has to follow when a tenant changes; each resolves when it is in effect. */
export interface TenantHooks {
  /** Its quotas or its suspension: they are read from memory while requests are served. */
  changed(name: string): void | Promise<void>;
  /** It is about to be erased: takes its routes away and retires its versions, so that nothing of it starts any more. */
  closing(name: string): void | Promise<void>;
  /** Its rows are gone: forgets what is held of its logs, variables, tokens and idempotency keys. */
  erased(name: string): void | Promise<void>;
}

export function addTenants(app: OpenAPIHono<ControlEnv>, deps: TenantsDeps): void {
  app.openapi(listTenantsRoute, async (c) => {
    requireOperator(principalOf(c));
    return c.json({ tenants: (await deps.tenants.list()).map(shownOf) }, 200);
  });
  app.openapi(createTenantRoute, async (c) => {
    const by = operatorOf(c);
    const { name, quotas } = c.req.valid('json');
    await deps.tenants.create(requireName('tenant', name));
    return c.json(shownOf(await changed(deps, by, 'create', name, { quotas: completed(quotas) })), 201);
  });
  app.openapi(getTenantRoute, async (c) => {
    requireOperator(principalOf(c));
    const { name } = c.req.valid('param');
    return c.json(shownOf((await deps.tenants.find(name)) ?? missing(name)), 200);
  });
  app.openapi(changeTenantRoute, async (c) => {
    const by = operatorOf(c);
    const { name } = c.req.valid('param');
    const { quotas, suspended } = c.req.valid('json');
    const before = (await deps.tenants.find(name)) ?? missing(name);
    const suspension =
      suspended === undefined ? {} : { suspendedMs: suspended ? (before.suspendedMs ?? Date.now()) : null };
    const change = { ...(quotas === undefined ? {} : { quotas: completed(quotas, before.quotas) }), ...suspension };
    const verb = suspended === undefined ? 'update' : suspended ? 'suspend' : 'resume';
    return c.json(shownOf(await changed(deps, by, verb, name, change)), 200);
  });
  app.openapi(deleteTenantRoute, async (c) => {
    await erase(deps, operatorOf(c), c.req.valid('param').name);
    return c.body(null, 204);
  });
}

function operatorOf(c: Context<ControlEnv>): Principal {
  const principal = principalOf(c);
  requireOperator(principal);
  return principal;
}

async function changed(
  deps: TenantsDeps,
  by: Principal,
  verb: string,
  name: string,
  change: Parameters<TenantStore['update']>[1],
): Promise<TenantRecord> {
  const record = (await deps.tenants.update(name, change)) ?? missing(name);
  await deps.tenantHooks.changed(name);
  deps.audit.record({
    actor: actorOf(by),
    action: `tenant.${verb}`,
    tenant: name,
    target: name,
    outcome: 'ok',
    details: { quotas: record.quotas, suspended: record.suspendedMs !== null },
  });
  return record;
}

/** Suspended first, so that nothing is deployed or started between the steps, nor after one that failed. */
async function erase({ tenants, tenantHooks, audit }: TenantsDeps, by: Principal, name: string): Promise<void> {
  if (name === DEFAULT_TENANT) throw new Fault('CONFLICT', 'The tenant default always exists and cannot be deleted');
  const entry = { actor: actorOf(by), action: 'tenant.delete', tenant: null, target: name, details: {} };
  if ((await tenants.update(name, { suspendedMs: Date.now() })) === null) missing(name);
  try {
    await tenantHooks.changed(name);
    await tenantHooks.closing(name);
    await tenants.erase(name);
    await tenantHooks.erased(name);
  } catch (error) {
    audit.record({ ...entry, outcome: 'failed' });
    throw error;
  }
  audit.record({ ...entry, outcome: 'ok' });
}

function missing(name: string): never {
  throw new Fault('NOT_FOUND', `There is no tenant ${JSON.stringify(name.slice(0, 80))}`);
}

type Quotas = TenantRecord['quotas'];

const NO_QUOTAS: Quotas = { functions: null, concurrency: null };

function completed(
  given: { readonly [K in keyof TenantQuotas]?: number | null | undefined } | undefined,
  before: Quotas = NO_QUOTAS,
): Quotas {
  return {
    functions: given?.functions === undefined ? before.functions : given.functions,
    concurrency: given?.concurrency === undefined ? before.concurrency : given.concurrency,
  };
}

function shownOf({ name, quotas, suspendedMs, createdMs }: TenantRecord): z.output<typeof tenantShownSchema> {
  return {
    name,
    quotas: { ...quotas },
    suspended: suspendedMs !== null,
    suspendedAt: suspendedMs === null ? null : new Date(suspendedMs).toISOString(),
    createdAt: new Date(createdMs).toISOString(),
  };
}

const TENANTS_PATH = '/api/v1/tenants';
const TENANT_PATH = `${TENANTS_PATH}/{name}`;

const quotaOf = (max: number, description: string): z.ZodOptional<z.ZodNullable<z.ZodNumber>> =>
  z.number().int().min(0).max(max).nullable().optional().openapi({ description });

const quotasSchema = z.strictObject({
  functions: quotaOf(1_000_000, "Functions that may exist; null: the operator's default"),
  concurrency: quotaOf(100_000, "Calls running and waiting; null: the operator's default"),
});

const tenantShownSchema = z
  .object({
    name: z.string(),
    quotas: z.object({ functions: z.number().nullable(), concurrency: z.number().nullable() }),
    suspended: z.boolean(),
    suspendedAt: z.string().nullable(),
    createdAt: z.string(),
  })
  .openapi('Tenant');

const newTenantSchema = z.strictObject({ name: z.string(), quotas: quotasSchema.optional() }).openapi('NewTenant');

const tenantChangeSchema = z
  .strictObject({
    quotas: quotasSchema.optional(),
    suspended: z.boolean().optional().openapi({ description: 'While it is, nothing of the tenant runs or deploys' }),
  })
  .openapi('TenantChange');

const listTenantsRoute = createRoute({
  method: 'get',
  path: TENANTS_PATH,
  summary: 'List the tenants',
  responses: {
    200: json(z.object({ tenants: z.array(tenantShownSchema) }), 'In the order of their names'),
    default: problem,
  },
});

const createTenantRoute = createRoute({
  method: 'post',
  path: TENANTS_PATH,
  summary: 'Create a tenant',
  request: { body: { ...json(newTenantSchema, 'The tenant'), required: true } },
  responses: { 201: json(tenantShownSchema, 'The tenant'), default: problem },
});

const getTenantRoute = createRoute({
  method: 'get',
  path: TENANT_PATH,
  summary: 'Show a tenant',
  request: { params: nameSchema },
  responses: { 200: json(tenantShownSchema, 'The tenant'), default: problem },
});

const changeTenantRoute = createRoute({
  method: 'patch',
  path: TENANT_PATH,
  summary: 'Change the quotas of a tenant, suspend or resume it',
  request: { params: nameSchema, body: { ...json(tenantChangeSchema, 'What changes'), required: true } },
  responses: { 200: json(tenantShownSchema, 'The tenant'), default: problem },
});

const deleteTenantRoute = createRoute({
  method: 'delete',
  path: TENANT_PATH,
  summary: 'Erase a tenant and all that belongs to it',
  request: { params: nameSchema },
  responses: { 204: { description: 'Nothing of it is left' }, default: problem },
});
