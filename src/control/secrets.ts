/**
 * Secrets: admins set, list and remove the variables of a tenant or of one function over HTTP. A secret goes in and never
 * comes back; whoever wants another value sets it anew.
 */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Audit } from '../core/audit.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import { requireName } from '../core/function.ts';
import type { TenantStore } from '../core/tenant.ts';
import type { VariableRecord } from '../core/variable.ts';
import { actorOf, principalOf, requireAdmin, requireOperator, tenantFor, type ControlEnv } from './access.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireFunction, tenantSchema } from './shared.ts';

export interface SecretsDeps {
  readonly variables: VariableRegistry;
  readonly functions: Pick<FunctionStore, 'find'>;
  readonly tenants: Pick<TenantStore, 'find'>;
  readonly audit: Audit;
  /** What runs follows: the variables of this tenant (null) or of its function have changed. */
  changed(tenant: string, functionName: string | null): Promise<void> | void;
}

interface VariableChange {
  readonly name: string;
  readonly value: string;
  readonly isSecret: boolean;
  readonly hosts: readonly string[];
}

export interface VariableRegistry {
  /** Sets these and leaves the others as they are. Rejects with BAD_REQUEST, QUOTA_EXCEEDED. */
  set(tenant: string, functionName: string | null, changes: readonly VariableChange[]): Promise<void>;
  /** The names that were there. */
  remove(tenant: string, functionName: string | null, names: readonly string[]): Promise<readonly string[]>;
  /** In the order of their names; a secret's value is null. */
  list(
    tenant: string,
    functionName: string | null,
  ): Promise<readonly (VariableRecord & { readonly value: string | null })[]>;
  /** Seals everything by a new key. */
  rotate(): Promise<{
    readonly keyId: string;
    readonly resealed: number;
    readonly removedKeys: number;
    /** `tenant/function/name` of what no key opens. */
    readonly unreadable: readonly string[];
  }>;
}

/** What is shown in the place of a secret's value. */
const MASK = '••••';

export function addSecrets(app: OpenAPIHono<ControlEnv>, deps: SecretsDeps): void {
  addScope(app, deps, tenantRoutes);
  addScope(app, deps, functionRoutes);
  app.openapi(rotateRoute, async (c) => {
    const by = principalOf(c);
    requireOperator(by);
    const { keyId, resealed, removedKeys, unreadable } = await deps.variables.rotate();
    const outcome = unreadable.length === 0 ? 'ok' : 'failed';
    const details = { resealed, removedKeys, unreadable: unreadable.slice(0, 100) };
    deps.audit.record({
      actor: actorOf(by),
      action: 'secret.rotate-key',
      tenant: null,
      target: keyId,
      outcome,
      details,
    });
    return c.json({ keyId, resealed, removedKeys, unreadable: [...unreadable] }, 200);
  });
}

function addScope(app: OpenAPIHono<ControlEnv>, deps: SecretsDeps, routes: ScopeRoutes): void {
  app.openapi(routes.list, async (c) => {
    const scope = await scopeOf(deps, c);
    return c.json({ variables: await shownVariables(deps, scope) }, 200);
  });
  app.openapi(routes.set, async (c) => {
    const scope = await scopeOf(deps, c);
    const changes = c.req.valid('json').variables.map(changeOf);
    await deps.variables.set(scope.tenant, scope.functionName, changes);
    await tell(
      deps,
      c,
      scope,
      'secret.set',
      changes.map(({ name }) => name),
    );
    return c.json({ variables: await shownVariables(deps, scope) }, 200);
  });
  app.openapi(routes.remove, async (c) => {
    const scope = await scopeOf(deps, c);
    const removed = await deps.variables.remove(scope.tenant, scope.functionName, c.req.valid('json').names);
    if (removed.length > 0) await tell(deps, c, scope, 'secret.remove', removed);
    return c.json({ removed: [...removed] }, 200);
  });
}

interface Scope {
  readonly tenant: string;
  readonly functionName: string | null;
}

/** Rejects with FORBIDDEN, and with NOT_FOUND for what is not there or another tenant's. */
async function scopeOf(deps: SecretsDeps, c: Context<ControlEnv>): Promise<Scope> {
  const by = principalOf(c);
  requireAdmin(by);
  const tenant = tenantFor(by, c.req.query('tenant'));
  if ((await deps.tenants.find(tenant)) === null) throw new Fault('NOT_FOUND', `There is no tenant ${tenant}`);
  const name = c.req.param('name');
  if (name === undefined) return { tenant, functionName: null };
  await requireFunction(deps, tenant, requireName('function', name));
  return { tenant, functionName: name };
}

/** The change is kept by now, and so goes into the audit whatever becomes of what runs. */
async function tell(
  deps: SecretsDeps,
  c: Context<ControlEnv>,
  { tenant, functionName }: Scope,
  action: string,
  names: readonly string[],
): Promise<void> {
  const actor = actorOf(principalOf(c));
  const target = functionName ?? tenant;
  deps.audit.record({ actor, action, tenant, target, outcome: 'ok', details: { functionName, names } });
  await deps.changed(tenant, functionName);
}

/** Values are checked here and not by the schema, whose complaints show what they found. */
function changeOf({ name, value, secret, hosts }: z.output<typeof changeSchema>): VariableChange {
  const shownName = JSON.stringify(name.slice(0, 128));
  if (typeof value !== 'string') throw new Fault('BAD_REQUEST', `${shownName}: its value must be a string`);
  if (/^•+$/.test(value))
    throw new Fault('BAD_REQUEST', `${shownName}: its value is the mask of a secret; send the value, or leave it out`);
  return { name, value, isSecret: secret, hosts };
}

async function shownVariables(
  { variables }: SecretsDeps,
  { tenant, functionName }: Scope,
): Promise<z.output<typeof variableSchema>[]> {
  return (await variables.list(tenant, functionName)).map(({ name, value, isSecret, hosts, updatedMs }) => ({
    name,
    value: isSecret ? MASK : (value ?? MASK),
    secret: isSecret,
    hosts: [...hosts],
    updatedAt: new Date(updatedMs).toISOString(),
  }));
}

const changeSchema = z.strictObject({
  name: z.string().openapi({ description: 'Letters, digits and _; not CORDON_…' }),
  value: z.unknown().openapi({ type: 'string', description: 'At most 64 KB' }),
  secret: z.boolean().default(true).openapi({
    description: 'Sealed, never shown again, and redacted from logs where it has at least 6 characters',
  }),
  hosts: z.array(z.string()).default([]).openapi({
    description:
      'Hosts (`api.example.com`, `*.cdn.io`). Not empty: the function sees a placeholder, and the value takes its place in request headers to these hosts only',
  }),
});

const changesSchema = z
  .strictObject({ variables: z.array(changeSchema).max(200) })
  .openapi('VariableChanges', { description: 'Those that are not named stay as they are' });

const namesSchema = z.strictObject({ names: z.array(z.string().max(128)).min(1).max(200) }).openapi('VariableNames');

const variableSchema = z
  .object({
    name: z.string(),
    value: z.string().openapi({ description: `\`${MASK}\` for a secret` }),
    secret: z.boolean(),
    hosts: z.array(z.string()),
    updatedAt: z.string(),
  })
  .openapi('Variable');

const listed = json(z.object({ variables: z.array(variableSchema) }), 'In the order of their names');
const removed = json(z.object({ removed: z.array(z.string()) }), 'The names that were there');

type ScopeRoutes = ReturnType<typeof scopeRoutes>;

function scopeRoutes<Params extends { params?: typeof nameSchema }>(path: string, whose: string, params: Params) {
  return {
    list: createRoute({
      method: 'get',
      path,
      summary: `List the variables of ${whose}, without the values of secrets`,
      request: { ...params, query: tenantSchema },
      responses: { 200: listed, default: problem },
    }),
    set: createRoute({
      method: 'put',
      path,
      summary: `Set variables of ${whose}`,
      request: {
        ...params,
        query: tenantSchema,
        body: { ...json(changesSchema, 'The variables'), required: true },
      },
      responses: { 200: listed, default: problem },
    }),
    remove: createRoute({
      method: 'delete',
      path,
      summary: `Remove variables of ${whose}`,
      request: { ...params, query: tenantSchema, body: { ...json(namesSchema, 'The names'), required: true } },
      responses: { 200: removed, default: problem },
    }),
  };
}

const tenantRoutes = scopeRoutes('/api/v1/secrets', 'a tenant', {});
const functionRoutes = scopeRoutes(`${FUNCTION_PATH}/secrets`, 'a function', { params: nameSchema });

const rotateRoute = createRoute({
  method: 'post',
  path: '/api/v1/secrets/rotate-key',
  summary: 'Seal every secret by a new key, while everything goes on; for the operator',
  responses: {
    200: json(
      z.object({
        keyId: z.string(),
        resealed: z.number(),
        removedKeys: z.number(),
        unreadable: z.array(z.string()).openapi({ description: 'Secrets that no key opens: set them again' }),
      }),
      'The key that seals from now on',
    ),
    default: problem,
  },
});
