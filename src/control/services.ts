/** Services: functions in the words of seed 003, `/api/v1/services/`. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { principalOf, tenantFor, type ControlEnv } from './access.ts';
import { addServiceInvoke, type ServiceInvokeDeps } from './service-invoke.ts';
import { requireService, serviceIdSchema, SERVICE_PATH, SERVICES_PATH } from './service-paths.ts';
import {
  deploymentOf,
  listedService,
  newService,
  serviceChange,
  shownDeployment,
  shownService,
} from './service-schemas.ts';
import { ServiceDesk, type ServiceDeskDeps } from './service-desk.ts';
import { json, problem, tenantSchema } from './shared.ts';

export type ServicesDeps = ServiceDeskDeps & ServiceInvokeDeps;

export function addServices(app: OpenAPIHono<ControlEnv>, deps: ServicesDeps): void {
  const desk = new ServiceDesk(deps);
  app.openapi(createServiceRoute, async (c) => {
    const by = principalOf(c);
    return c.json(await desk.create(tenantFor(by, c.req.valid('query').tenant), c.req.valid('json'), by), 201);
  });
  app.openapi(listServicesRoute, async (c) => {
    const { tenant: named, after, limit } = c.req.valid('query');
    const tenant = tenantFor(principalOf(c), named);
    const services = await deps.services.list(tenant, after ?? null, limit);
    const next = services.length < limit ? null : (services.at(-1)?.name ?? null);
    return c.json({ results: await Promise.all(services.map((service) => desk.listed(service))), next }, 200);
  });
  app.openapi(getServiceRoute, async (c) => {
    const tenant = tenantFor(principalOf(c), c.req.valid('query').tenant);
    const service = await requireService(deps.services, tenant, c.req.valid('param').id);
    return c.json(await desk.shown(service, null), 200);
  });
  app.openapi(changeServiceRoute, async (c) => {
    const by = principalOf(c);
    const tenant = tenantFor(by, c.req.valid('query').tenant);
    const service = await requireService(deps.services, tenant, c.req.valid('param').id);
    return c.json(await desk.change(service, c.req.valid('json'), by), 200);
  });
  app.openapi(deleteServiceRoute, async (c) => {
    const by = principalOf(c);
    const tenant = tenantFor(by, c.req.valid('query').tenant);
    await desk.remove(await requireService(deps.services, tenant, c.req.valid('param').id), by);
    return c.body(null, 204);
  });
  app.openapi(redeployRoute, async (c) => {
    const by = principalOf(c);
    const tenant = tenantFor(by, c.req.valid('query').tenant);
    const service = await requireService(deps.services, tenant, c.req.valid('param').id);
    return c.json(deploymentOf(await desk.redeploy(service, by)), 202);
  });
  app.openapi(listDeploymentsRoute, async (c) => {
    const { tenant: named, limit } = c.req.valid('query');
    const service = await requireService(deps.services, tenantFor(principalOf(c), named), c.req.valid('param').id);
    const records = await deps.deployments.list(service.tenant, service.functionName, limit);
    return c.json({ results: records.map(deploymentOf) }, 200);
  });
  addServiceInvoke(app, deps);
}

const pageSchema = z.strictObject({
  tenant: z.string().optional(),
  after: z.string().optional().openapi({ description: 'The name after which the page begins' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

const createServiceRoute = createRoute({
  method: 'post',
  path: SERVICES_PATH,
  summary: 'Create a service and start its first deployment',
  request: { query: tenantSchema, body: { ...json(newService, 'The service'), required: true } },
  responses: { 201: json(shownService, 'The service, with the deployment that runs'), default: problem },
});

const listServicesRoute = createRoute({
  method: 'get',
  path: SERVICES_PATH,
  summary: 'List the services of a tenant',
  request: { query: pageSchema },
  responses: {
    200: json(
      z.object({ results: z.array(listedService), next: z.string().nullable() }),
      'In the order of their names',
    ),
    default: problem,
  },
});

const getServiceRoute = createRoute({
  method: 'get',
  path: SERVICE_PATH,
  summary: 'Show a service',
  request: { params: serviceIdSchema, query: tenantSchema },
  responses: { 200: json(shownService, 'The service'), default: problem },
});

const changeServiceRoute = createRoute({
  method: 'patch',
  path: SERVICE_PATH,
  summary: 'Change a service; new code, runtime, handler or memory starts a deployment',
  request: {
    params: serviceIdSchema,
    query: tenantSchema,
    body: { ...json(serviceChange, 'What changes'), required: true },
  },
  responses: { 200: json(shownService, 'The service, with the deployment that runs, if any'), default: problem },
});

const deleteServiceRoute = createRoute({
  method: 'delete',
  path: SERVICE_PATH,
  summary: 'Delete a service, its function and all that is its own',
  request: { params: serviceIdSchema, query: tenantSchema },
  responses: { 204: { description: 'It is gone' }, default: problem },
});

const redeployRoute = createRoute({
  method: 'post',
  path: `${SERVICE_PATH}/redeploy`,
  summary: 'Deploy the newest code again, as a new version',
  request: { params: serviceIdSchema, query: tenantSchema },
  responses: { 202: json(shownDeployment, 'The deployment that runs'), default: problem },
});

const listDeploymentsRoute = createRoute({
  method: 'get',
  path: `${SERVICE_PATH}/deployments`,
  summary: 'List the deployments of a service',
  request: {
    params: serviceIdSchema,
    query: z.strictObject({
      tenant: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
    }),
  },
  responses: { 200: json(z.object({ results: z.array(shownDeployment) }), 'Newest first'), default: problem },
});
