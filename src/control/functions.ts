/** Functions: deploy, list, show and delete them over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Deployment, FunctionRecord } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import { requireName } from '../core/function.ts';
import { TIER_NAMES } from '../core/tier.ts';
import type { ControlDeps } from './deps.ts';
import {
  DEFAULT_TENANT,
  FUNCTIONS_PATH,
  FUNCTION_PATH,
  json,
  missing,
  nameSchema,
  problem,
  requireFunction,
  requireTarget,
} from './shared.ts';
import { sourceFiles } from './source-files.ts';

export function addFunctions(app: OpenAPIHono, deps: ControlDeps): void {
  app.openapi(deployRoute, async (c) => {
    const deployment = deploymentOf(c.req.valid('param').name, c.req.valid('json'));
    return c.json(shownOf(await deps.deploy(deployment)), 200);
  });
  app.openapi(createFunctionRoute, async (c) => {
    const { name, ...body } = c.req.valid('json');
    return c.json(shownOf(await deps.deploy(deploymentOf(name, body))), 201);
  });
  app.openapi(listRoute, async (c) => {
    const records = await deps.functions.functionsOf(requireName('tenant', c.req.valid('query').tenant));
    return c.json({ functions: records.map(shownOf) }, 200);
  });
  app.openapi(getRoute, async (c) => {
    const { tenant, name } = requireTarget(c.req.valid('query').tenant, c.req.valid('param').name);
    return c.json(shownOf(await requireFunction(deps, tenant, name)), 200);
  });
  app.openapi(deleteRoute, async (c) => {
    const { tenant, name } = requireTarget(c.req.valid('query').tenant, c.req.valid('param').name);
    if (!(await deps.functions.deleteFunction(tenant, name))) throw missing(tenant, name);
    return c.body(null, 204);
  });
}

/** A field that is not here is refused: a misspelt limit must not be silently without effect. */
const deploymentFields = {
  tenant: z.string().default(DEFAULT_TENANT),
  files: z
    .record(
      z.string(),
      z.union([z.string(), z.strictObject({ base64: z.string() })], {
        error: 'expected the text of the file, or { "base64": … }',
      }),
    )
    .optional()
    .openapi({ description: 'Path → content. Packages lie under node_modules/.' }),
  code: z.string().optional().openapi({ description: 'The whole function, in place of files' }),
  entry: z.string().optional().openapi({ description: 'The file to start from; not needed when there is one file' }),
  handler: z.string().optional().openapi({ description: 'The export that handler(event, context) is looked up by' }),
  handlerKind: z.enum(['module', 'script']).optional(),
  timeoutMs: z.number().optional(),
  memoryMb: z.number().optional(),
  tier: z.enum(TIER_NAMES).optional(),
  cordon: z.enum(['function', 'tenant', 'shared']).optional(),
  env: z.record(z.string(), z.string()).optional(),
  requestBody: z.enum(['buffer', 'stream']).optional(),
  passAuthorization: z.boolean().optional(),
};

const deploymentSchema = z.strictObject(deploymentFields).openapi('Deployment');
const namedDeploymentSchema = z.strictObject({ name: z.string(), ...deploymentFields }).openapi('NamedDeployment');

const tenantSchema = z.strictObject({ tenant: z.string().default(DEFAULT_TENANT) });

const functionSchema = z
  .object({
    tenant: z.string(),
    name: z.string(),
    version: z.number(),
    hash: z.string(),
    tier: z.enum(TIER_NAMES),
    cordon: z.enum(['function', 'tenant', 'shared']),
    handler: z.string(),
    handlerKind: z.enum(['module', 'script']),
    limits: z.object({
      timeoutMs: z.number(),
      memoryMb: z.number(),
      requestBytes: z.number(),
      responseBytes: z.number(),
      logBytes: z.number(),
      concurrency: z.number(),
    }),
    env: z.array(z.string()).openapi({ description: 'Names; the values are not shown' }),
    requestBody: z.enum(['buffer', 'stream']),
    passAuthorization: z.boolean(),
    createdAt: z.string(),
    deployedAt: z.string(),
  })
  .openapi('Function');

const deployRoute = createRoute({
  method: 'put',
  path: FUNCTION_PATH,
  summary: 'Deploy a version and make it live',
  request: { params: nameSchema, body: { ...json(deploymentSchema, 'The function'), required: true } },
  responses: { 200: json(functionSchema, 'The function, live'), default: problem },
});

const createFunctionRoute = createRoute({
  method: 'post',
  path: FUNCTIONS_PATH,
  summary: 'Deploy a version and make it live; the name is in the body',
  request: { body: { ...json(namedDeploymentSchema, 'The function'), required: true } },
  responses: { 201: json(functionSchema, 'The function, live'), default: problem },
});

const listRoute = createRoute({
  method: 'get',
  path: FUNCTIONS_PATH,
  summary: 'List the functions of a tenant',
  request: { query: tenantSchema },
  responses: {
    200: json(z.object({ functions: z.array(functionSchema) }), 'In the order of their names'),
    default: problem,
  },
});

const getRoute = createRoute({
  method: 'get',
  path: FUNCTION_PATH,
  summary: 'Show a function',
  request: { params: nameSchema, query: tenantSchema },
  responses: { 200: json(functionSchema, 'The function'), default: problem },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: FUNCTION_PATH,
  summary: 'Delete a function, its versions and its lines of log',
  request: { params: nameSchema, query: tenantSchema },
  responses: { 204: { description: 'It is gone' }, default: problem },
});

/** Throws BAD_REQUEST. */
function deploymentOf(functionName: string, body: z.output<typeof deploymentSchema>): Deployment {
  const { tenant, files, code, entry, handler, env, ...rest } = body;
  requireName('tenant', tenant);
  requireName('function', functionName);
  return {
    ...withoutUndefined(rest),
    ...(handler === undefined ? {} : { handlerName: handler }),
    ...(env === undefined ? {} : { env: environmentOf(env) }),
    ...sourceFiles({ files, code, entry }),
    tenant,
    name: functionName,
  };
}

function shownOf(record: FunctionRecord): z.output<typeof functionSchema> {
  const { envNames, createdMs, deployedMs, handler, handlerName, limits, ...rest } = record;
  return {
    ...rest,
    handler: handlerName,
    handlerKind: handler,
    limits: { ...limits },
    env: [...envNames],
    createdAt: new Date(createdMs).toISOString(),
    deployedAt: new Date(deployedMs).toISOString(),
  };
}

function environmentOf(env: Record<string, string>): Record<string, string> {
  for (const name of Object.keys(env)) {
    if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) && name !== '__proto__') continue;
    throw new Fault(
      'BAD_REQUEST',
      `env: ${JSON.stringify(name.slice(0, 80))} is not a name of letters, digits and _, not beginning with a digit`,
    );
  }
  return env;
}

type WithoutUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** With exactOptionalPropertyTypes a field is absent, not undefined. */
function withoutUndefined<T extends object>(value: T): Partial<WithoutUndefined<T>> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<
    WithoutUndefined<T>
  >;
}
