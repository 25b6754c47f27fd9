/** Rollouts: which version of a function answers whom, decided over HTTP. The answer is the function as it is then. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { FunctionRecord, FunctionStore } from '../core/function-record.ts';
import { principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import type { Changing, FunctionChanges } from './function-changes.ts';
import { functionOf, shownFunction, type ShownFunction } from './function-schemas.ts';
import { etagOf, expectedRevision } from './preconditions.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireTarget, tenantSchema } from './shared.ts';

export interface RolloutsDeps {
  readonly functions: Pick<FunctionStore, 'find'>;
  readonly functionChanges: Pick<FunctionChanges, 'promote' | 'rollback' | 'setAlias' | 'setCanary'>;
}

export function addRollouts(app: OpenAPIHono<ControlEnv>, deps: RolloutsDeps): void {
  const changes = deps.functionChanges;
  app.openapi(rollbackRoute, async (c) => {
    const at = await changing(c, deps, c.req.valid('query').tenant, c.req.valid('param').name);
    const { version = null } = c.req.valid('json');
    return c.json(answer(c, await changes.rollback(at, version)), 200);
  });
  app.openapi(promoteRoute, async (c) => {
    const at = await changing(c, deps, c.req.valid('query').tenant, c.req.valid('param').name);
    const { version = null } = c.req.valid('json');
    return c.json(answer(c, await changes.promote(at, version)), 200);
  });
  app.openapi(setAliasRoute, async (c) => {
    const { name, alias } = c.req.valid('param');
    const at = await changing(c, deps, c.req.valid('query').tenant, name);
    return c.json(answer(c, await changes.setAlias(at, alias, c.req.valid('json').version)), 200);
  });
  app.openapi(removeAliasRoute, async (c) => {
    const { name, alias } = c.req.valid('param');
    const at = await changing(c, deps, c.req.valid('query').tenant, name);
    return c.json(answer(c, await changes.setAlias(at, alias, null)), 200);
  });
  app.openapi(setCanaryRoute, async (c) => {
    const at = await changing(c, deps, c.req.valid('query').tenant, c.req.valid('param').name);
    const { version, weight } = c.req.valid('json');
    return c.json(answer(c, await changes.setCanary(at, { number: version, weight })), 200);
  });
  app.openapi(endCanaryRoute, async (c) => {
    const at = await changing(c, deps, c.req.valid('query').tenant, c.req.valid('param').name);
    return c.json(answer(c, await changes.setCanary(at, null)), 200);
  });
}

/** Nobody but an admin learns from a precondition whether there is such a function. */
async function changing(
  c: Context<ControlEnv>,
  deps: RolloutsDeps,
  named: string | undefined,
  given: string,
): Promise<Changing> {
  const by = principalOf(c);
  requireAdmin(by);
  const { tenant, name } = requireTarget(tenantFor(by, named), given);
  return { tenant, name, by, revision: await expectedRevision(c, deps, tenant, name) };
}

function answer(c: Context<ControlEnv>, record: FunctionRecord): ShownFunction {
  c.header('etag', etagOf(record));
  return functionOf(record);
}

const numberSchema = z.number().int().min(1).max(999_999_999);
const targetVersionSchema = z.strictObject({ version: numberSchema.optional() }).openapi('TargetVersion');
const aliasSchema = z.strictObject({ version: numberSchema }).openapi('Alias');
const canarySchema = z
  .strictObject({
    version: numberSchema,
    weight: z.number().min(0).max(1).openapi({ description: 'Its share of the requests that name no version' }),
  })
  .openapi('Canary');

const functionAnswer = { 200: json(shownFunction, 'The function'), default: problem } as const;
const request = { params: nameSchema, query: tenantSchema };
const aliasRequest = { params: nameSchema.extend({ alias: z.string() }), query: tenantSchema };
const targetVersion = { ...json(targetVersionSchema, 'The version'), required: false } as const;

const rollbackRoute = createRoute({
  method: 'post',
  path: `${FUNCTION_PATH}/rollback`,
  summary: 'Make the version live that was live before, or the one that is named',
  request: { ...request, body: targetVersion },
  responses: functionAnswer,
});

const promoteRoute = createRoute({
  method: 'post',
  path: `${FUNCTION_PATH}/promote`,
  summary: 'Make the canary live, or the version that is named',
  request: { ...request, body: targetVersion },
  responses: functionAnswer,
});

const setAliasRoute = createRoute({
  method: 'put',
  path: `${FUNCTION_PATH}/aliases/{alias}`,
  summary: 'Let a version answer at /fn/<name>@<alias>',
  request: { ...aliasRequest, body: { ...json(aliasSchema, 'The version'), required: true } },
  responses: functionAnswer,
});

const removeAliasRoute = createRoute({
  method: 'delete',
  path: `${FUNCTION_PATH}/aliases/{alias}`,
  summary: 'Take an alias away',
  request: aliasRequest,
  responses: functionAnswer,
});

const setCanaryRoute = createRoute({
  method: 'put',
  path: `${FUNCTION_PATH}/canary`,
  summary: 'Give a version a share of the requests; it ends by itself when it fails more often than the live one',
  request: { ...request, body: { ...json(canarySchema, 'The version and its share'), required: true } },
  responses: functionAnswer,
});

const endCanaryRoute = createRoute({
  method: 'delete',
  path: `${FUNCTION_PATH}/canary`,
  summary: 'Give all requests to the live version again',
  request,
  responses: functionAnswer,
});
