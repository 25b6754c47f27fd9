/** Functions: deploy, list, show, change and delete them over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Deployment } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionRecord, FunctionStore } from '../core/function-record.ts';
import type { Principal } from '../core/principal.ts';
import { principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import type { Deployed } from './deployer.ts';
import {
  deploymentBody,
  deploymentOf,
  functionUpdateBody,
  namedDeploymentBody,
  updateOf,
} from './deployment-schemas.ts';
import type { FunctionChanges } from './function-changes.ts';
import { functionOf, shownDeployed, shownFunction, versionOf, type ShownDeployed } from './function-schemas.ts';
import { once, type IdempotencyDeps } from './idempotency.ts';
import { etagOf, expectedRevision } from './preconditions.ts';
import {
  FUNCTIONS_PATH,
  FUNCTION_PATH,
  json,
  missing,
  nameSchema,
  problem,
  requireFunction,
  requireTarget,
  tenantSchema,
} from './shared.ts';

export interface FunctionsDeps extends IdempotencyDeps {
  readonly functions: Pick<FunctionStore, 'find' | 'list'>;
  readonly deployer: {
    deploy(deployment: Deployment, by: Principal): Promise<Deployed>;
    /** False where there is none. */
    remove(tenant: string, name: string, by: Principal): Promise<boolean>;
  };
  readonly functionChanges: Pick<FunctionChanges, 'update'>;
}

type ControlContext = Context<ControlEnv>;

export function addFunctions(app: OpenAPIHono<ControlEnv>, deps: FunctionsDeps): void {
  addDeploying(app, deps);
  addReading(app, deps);
  app.openapi(updateRoute, async (c) => {
    const at = targetOf(c, c.req.valid('query').tenant, c.req.valid('param').name);
    requireAdmin(at.by);
    const revision = await expectedRevision(c, deps, at.tenant, at.name);
    return c.json(
      answer(c, await deps.functionChanges.update({ ...at, revision }, updateOf(c.req.valid('json')))),
      200,
    );
  });
  app.openapi(deleteRoute, async (c) => {
    const { tenant, name, by } = targetOf(c, c.req.valid('query').tenant, c.req.valid('param').name);
    requireAdmin(by);
    await expectedRevision(c, deps, tenant, name);
    if (!(await deps.deployer.remove(tenant, name, by))) throw missing(tenant, name);
    return c.body(null, 204);
  });
}

function addDeploying(app: OpenAPIHono<ControlEnv>, deps: FunctionsDeps): void {
  app.openapi(createFunctionRoute, async (c) => {
    const { name: given, ...body } = c.req.valid('json');
    const { tenant, name, by } = targetOf(c, body.tenant, given);
    // The type of a route has no word for an answer that was given before.
    return (await once(c, deps, tenant, async () => {
      if ((await deps.functions.find(tenant, name)) !== null)
        throw new Fault('CONFLICT', `Tenant ${tenant} has a function ${name} already; PUT deploys a new version of it`);
      c.header('location', `${FUNCTIONS_PATH}/${name}`);
      return c.json(deployedAnswer(c, await deps.deployer.deploy(deploymentOf(tenant, name, body), by)), 201);
    })) as never;
  });
  app.openapi(deployRoute, async (c) => {
    const body = c.req.valid('json');
    const { tenant, name, by } = targetOf(c, body.tenant, c.req.valid('param').name);
    await expectedRevision(c, deps, tenant, name);
    return c.json(deployedAnswer(c, await deps.deployer.deploy(deploymentOf(tenant, name, body), by)), 200);
  });
}

function addReading(app: OpenAPIHono<ControlEnv>, deps: FunctionsDeps): void {
  app.openapi(listRoute, async (c) => {
    const { tenant: named, after = null, limit, search } = c.req.valid('query');
    const tenant = tenantFor(principalOf(c), named);
    const query = { tenant, after, limit, ...(search === undefined ? {} : { search }) };
    const { items, next } = await deps.functions.list(query);
    return c.json({ functions: items.map(functionOf), next }, 200);
  });
  app.openapi(getRoute, async (c) => {
    const { tenant, name } = targetOf(c, c.req.valid('query').tenant, c.req.valid('param').name);
    return c.json(answer(c, await requireFunction(deps, tenant, name)), 200);
  });
}

function targetOf(
  c: ControlContext,
  tenant: string | undefined,
  name: string,
): { readonly tenant: string; readonly name: string; readonly by: Principal } {
  const by = principalOf(c);
  return { ...requireTarget(tenantFor(by, tenant), name), by };
}

function answer(c: ControlContext, record: FunctionRecord): ReturnType<typeof functionOf> {
  c.header('etag', etagOf(record));
  return functionOf(record);
}

function deployedAnswer(c: ControlContext, deployed: Deployed): ShownDeployed {
  return { ...answer(c, deployed), added: versionOf(deployed.added) };
}

const listQuerySchema = tenantSchema.extend({
  after: z.string().max(100).optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  search: z.string().max(63).optional().openapi({ description: 'Part of the name' }),
});

const deployRoute = createRoute({
  method: 'put',
  path: FUNCTION_PATH,
  summary: 'Deploy a version and make it live',
  request: { params: nameSchema, body: { ...json(deploymentBody, 'The function'), required: true } },
  responses: { 200: json(shownDeployed, 'The function, and the version that was added'), default: problem },
});

const createFunctionRoute = createRoute({
  method: 'post',
  path: FUNCTIONS_PATH,
  summary: 'Create a function; with an Idempotency-Key it happens once',
  request: { body: { ...json(namedDeploymentBody, 'The function'), required: true } },
  responses: { 201: json(shownDeployed, 'The function, and its version'), default: problem },
});

const listRoute = createRoute({
  method: 'get',
  path: FUNCTIONS_PATH,
  summary: 'List the functions of a tenant',
  request: { query: listQuerySchema },
  responses: {
    200: json(
      z.object({ functions: z.array(shownFunction), next: z.string().nullable() }),
      'In the order of their names',
    ),
    default: problem,
  },
});

const getRoute = createRoute({
  method: 'get',
  path: FUNCTION_PATH,
  summary: 'Show a function',
  request: { params: nameSchema, query: tenantSchema },
  responses: { 200: json(shownFunction, 'The function'), default: problem },
});

const updateRoute = createRoute({
  method: 'patch',
  path: FUNCTION_PATH,
  summary: 'Change a function without a new version; If-Match is honoured',
  request: {
    params: nameSchema,
    query: tenantSchema,
    body: { ...json(functionUpdateBody, 'What changes'), required: true },
  },
  responses: { 200: json(shownFunction, 'The function'), default: problem },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: FUNCTION_PATH,
  summary: 'Delete a function, its versions and its lines of log',
  request: { params: nameSchema, query: tenantSchema },
  responses: { 204: { description: 'It is gone' }, default: problem },
});
