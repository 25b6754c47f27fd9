/** Versions: what was deployed of a function, and how each deployment went, over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { DeploymentStore, SourceFiles } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import {
  deploymentRecordOf,
  shownDeploymentRecord,
  shownVersion,
  shownVersionWithSources,
  versionOf,
  type ShownFiles,
} from './function-schemas.ts';
import { FUNCTION_PATH, json, nameSchema, problem, requireFunction, requireTarget, tenantSchema } from './shared.ts';

export interface VersionsDeps {
  readonly functions: Pick<FunctionStore, 'find' | 'versions' | 'sources'>;
  readonly deployments: Pick<DeploymentStore, 'list'>;
}

export function addVersions(app: OpenAPIHono<ControlEnv>, deps: VersionsDeps): void {
  app.openapi(listVersionsRoute, async (c) => {
    const { tenant: named, before = null, limit } = c.req.valid('query');
    const { tenant, name } = requireTarget(tenantFor(principalOf(c), named), c.req.valid('param').name);
    await requireFunction(deps, tenant, name);
    const { items, next } = await deps.functions.versions(tenant, name, before, limit);
    return c.json({ versions: items.map(versionOf), next }, 200);
  });
  app.openapi(getVersionRoute, async (c) => {
    const { tenant: named, sources } = c.req.valid('query');
    const { name: given, number } = c.req.valid('param');
    const { tenant, name } = requireTarget(tenantFor(principalOf(c), named), given);
    const [version] = (await deps.functions.versions(tenant, name, number + 1, 1)).items;
    if (version?.number !== number) throw new Fault('NOT_FOUND', `Tenant ${tenant} has no ${name}@${number}`);
    const files = sources === '1' ? { files: shownFiles(await deps.functions.sources(tenant, name, number)) } : {};
    return c.json({ ...versionOf(version), ...files }, 200);
  });
  app.openapi(listDeploymentsRoute, async (c) => {
    const { tenant: named, limit } = c.req.valid('query');
    const { tenant, name } = requireTarget(tenantFor(principalOf(c), named), c.req.valid('param').name);
    // Those of a function that never came to be are worth reading, too.
    const records = await deps.deployments.list(tenant, name, limit);
    if (records.length === 0) await requireFunction(deps, tenant, name);
    return c.json({ deployments: records.map(deploymentRecordOf) }, 200);
  });
}

/** As a deployment would send them. */
function shownFiles(files: SourceFiles): ShownFiles {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, shownFile(bytes)]));
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function shownFile(bytes: Uint8Array): ShownFiles[string] {
  try {
    return decoder.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

const limitSchema = z.coerce.number().int().min(1).max(1000).default(100);
const numberSchema = z.coerce.number().int().min(1).max(999_999_999);

const listVersionsRoute = createRoute({
  method: 'get',
  path: `${FUNCTION_PATH}/versions`,
  summary: 'List the versions of a function',
  request: {
    params: nameSchema,
    query: tenantSchema.extend({
      before: numberSchema.optional().openapi({ description: '`next` of the page before' }),
      limit: limitSchema,
    }),
  },
  responses: {
    200: json(z.object({ versions: z.array(shownVersion), next: z.string().nullable() }), 'Newest first'),
    default: problem,
  },
});

const getVersionRoute = createRoute({
  method: 'get',
  path: `${FUNCTION_PATH}/versions/{number}`,
  summary: 'Show a version, with its sources where that is asked',
  request: {
    params: nameSchema.extend({ number: numberSchema }),
    query: tenantSchema.extend({ sources: z.enum(['0', '1']).default('0') }),
  },
  responses: { 200: json(shownVersionWithSources, 'The version'), default: problem },
});

const listDeploymentsRoute = createRoute({
  method: 'get',
  path: `${FUNCTION_PATH}/deployments`,
  summary: 'List the deployments of a function: how far each is, or how it ended',
  request: { params: nameSchema, query: tenantSchema.extend({ limit: limitSchema }) },
  responses: {
    200: json(z.object({ deployments: z.array(shownDeploymentRecord) }), 'Newest first'),
    default: problem,
  },
});
