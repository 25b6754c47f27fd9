/** Service schemas: what `/api/v1/services/` takes and shows, in the words of seed 003. */

import { z } from '@hono/zod-openapi';
import type { DeploymentPhase, DeploymentRecord, DeploymentStatus } from '../core/deployment.ts';
import type { ServiceRecord } from '../core/service.ts';
import type { VariableRecord } from '../core/variable.ts';

/** Takes the place of a secret's value; sent back, it leaves the value as it is. */
export const MASK = '••••';

export interface ServiceVariable {
  readonly key: string;
  readonly value: string;
  readonly is_secret: boolean;
}

/** Of a service and of its changes; what is left out has a default, or stays. */
interface ServiceSettings {
  readonly function_handler?: string | undefined;
  readonly public_domain?: string | null | undefined;
  /** All of them: those that are not named go. */
  readonly env_vars?: readonly ServiceVariable[] | undefined;
  readonly memory_mb?: number | undefined;
  readonly cpu_shares?: number | null | undefined;
  readonly min_replicas?: number | undefined;
  readonly max_replicas?: number | undefined;
}

export interface NewService extends ServiceSettings {
  readonly name: string;
  readonly deploy_type: 'FUNCTION';
  readonly function_name?: string | undefined;
  readonly function_code: string;
  readonly function_runtime: string;
}

export interface ServiceChange extends ServiceSettings {
  readonly function_code?: string | undefined;
  readonly function_runtime?: string | undefined;
  readonly public_domain_approved?: boolean | undefined;
}

export interface ShownDeployment {
  readonly id: string;
  readonly status: DeploymentStatus;
  readonly phase: DeploymentPhase;
  readonly error: string | null;
  readonly log: string;
  readonly version: number | null;
  readonly created_at: string;
  readonly finished_at: string | null;
}

export interface ListedService {
  readonly id: string;
  readonly name: string;
  readonly deploy_type: 'FUNCTION';
  readonly function_name: string;
  readonly function_runtime: string;
  readonly function_handler: string;
  readonly public_domain: string | null;
  readonly public_domain_status: 'active' | 'pending' | null;
  readonly memory_mb: number;
  readonly cpu_shares: number | null;
  readonly min_replicas: number;
  readonly max_replicas: number;
  /** False: it waits for the review of an admin. */
  readonly active: boolean;
  readonly live_version: number | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface ShownService extends ListedService {
  /** Of the newest version; null where none was built. */
  readonly function_code: string | null;
  readonly env_vars: ServiceVariable[];
  /** The one that this request started. */
  readonly deployment: ShownDeployment | null;
}

const codeSchema = z
  .string()
  .min(1)
  .openapi({ description: 'The source. It is kept in the clear: secrets belong in env_vars' });
const runtimeSchema = z.string().openapi({ example: 'node18' });

const settings = {
  function_handler: z.string().min(1).max(200).optional().openapi({ description: 'The export that is called' }),
  public_domain: z.string().min(1).max(300).nullable().optional(),
  env_vars: z
    .array(z.strictObject({ key: z.string(), value: z.string(), is_secret: z.boolean().default(false) }))
    .max(200)
    .optional()
    .openapi({ description: 'All of them: those that are not named go' }),
  memory_mb: z.number().int().optional().openapi({ description: 'Heap of one sandbox' }),
  cpu_shares: z.number().int().min(2).max(262_144).nullable().optional().openapi({ description: 'As Docker counts' }),
  min_replicas: z.number().int().min(0).max(20).optional(),
  max_replicas: z.number().int().min(0).max(20).optional(),
};

// oxlint-disable-next-line no-control-regex
const NAME = /^[^\0-\x1f\x7f]{1,100}$/;

export const newService: z.ZodType<NewService> = z
  .strictObject({
    name: z.string().regex(NAME, { error: 'expected 1 to 100 characters' }),
    deploy_type: z.literal('FUNCTION'),
    function_name: z.string().optional().openapi({ description: 'In the URL: /fn/<function_name>; default: the name' }),
    function_code: codeSchema,
    function_runtime: runtimeSchema,
    ...settings,
  })
  .openapi('NewService');

export const serviceChange: z.ZodType<ServiceChange> = z
  .strictObject({
    function_code: codeSchema.optional(),
    function_runtime: runtimeSchema.optional(),
    public_domain_approved: z.boolean().optional().openapi({ description: "The operator's approval" }),
    ...settings,
  })
  .openapi('ServiceChange');

export const shownDeployment: z.ZodType<ShownDeployment> = z
  .object({
    id: z.string(),
    status: z.enum(['running', 'succeeded', 'failed']),
    phase: z.enum(['build', 'deploy', 'health-check']).openapi({ description: 'Where it is, or where it ended' }),
    error: z.string().nullable(),
    log: z.string(),
    version: z.number().nullable(),
    created_at: z.string(),
    finished_at: z.string().nullable(),
  })
  .openapi('ServiceDeployment');

const shownFields = {
  id: z.string().openapi({ description: 'A UUID' }),
  name: z.string(),
  deploy_type: z.literal('FUNCTION'),
  function_name: z.string(),
  function_runtime: z.string(),
  function_handler: z.string(),
  public_domain: z.string().nullable(),
  public_domain_status: z.enum(['active', 'pending']).nullable(),
  memory_mb: z.number(),
  cpu_shares: z.number().nullable(),
  min_replicas: z.number(),
  max_replicas: z.number(),
  active: z.boolean().openapi({ description: 'False: it waits for the review of an admin' }),
  live_version: z.number().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
};

export const listedService: z.ZodType<ListedService> = z.object(shownFields).openapi('ListedService');

export const shownService: z.ZodType<ShownService> = z
  .object({
    ...shownFields,
    function_code: z.string().nullable().openapi({ description: 'Of the newest version; null where none was built' }),
    env_vars: z.array(z.object({ key: z.string(), value: z.string(), is_secret: z.boolean() })),
    deployment: shownDeployment.nullable().openapi({ description: 'The one that this request started' }),
  })
  .openapi('Service');

export function deploymentOf(record: DeploymentRecord): ShownDeployment {
  const { id, status, phase, error, log, version, createdMs, finishedMs } = record;
  const finished_at = finishedMs === null ? null : timeOf(finishedMs);
  return { id, status, phase, error, log, version, created_at: timeOf(createdMs), finished_at };
}

export function listedOf(
  service: ServiceRecord,
  rest: Pick<ListedService, 'public_domain_status' | 'active' | 'live_version'>,
): ListedService {
  return {
    id: service.id,
    name: service.name,
    deploy_type: 'FUNCTION',
    function_name: service.functionName,
    function_runtime: service.runtime,
    function_handler: service.handler,
    public_domain: service.publicDomain,
    memory_mb: service.memoryMb,
    cpu_shares: service.cpuShares,
    min_replicas: service.minReplicas,
    max_replicas: service.maxReplicas,
    ...rest,
    created_at: timeOf(service.createdMs),
    updated_at: timeOf(service.updatedMs),
  };
}

export function variableOf(variable: VariableRecord & { readonly value: string | null }): ServiceVariable {
  const { name, value, isSecret } = variable;
  return { key: name, value: isSecret ? MASK : (value ?? MASK), is_secret: isSecret };
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
