/** Service paths: where services are, and how one is found. */

import { z } from '@hono/zod-openapi';
import { Fault } from '../core/faults.ts';
import type { ServiceRecord, ServiceStore } from '../core/service.ts';

export const SERVICES_PATH = '/api/v1/services';
export const SERVICE_PATH = '/api/v1/services/{id}';

export const serviceIdSchema: z.ZodObject<{ id: z.ZodString }, z.core.$strict> = z.strictObject({ id: z.string() });

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Rejects with NOT_FOUND. */
export async function requireService(
  services: Pick<ServiceStore, 'find'>,
  tenant: string,
  id: string,
): Promise<ServiceRecord> {
  const service = UUID.test(id) ? await services.find(tenant, id.toLowerCase()) : null;
  if (service === null)
    throw new Fault('NOT_FOUND', `Tenant ${tenant} has no service ${JSON.stringify(id.slice(0, 80))}`);
  return service;
}
