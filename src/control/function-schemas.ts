/** Function schemas: what `/api/v1/functions` shows of functions, versions and deployments. */

import { z } from '@hono/zod-openapi';
import type { ChosenReplicas, DeploymentRecord } from '../core/deployment.ts';
import type { FunctionRecord, VersionRecord } from '../core/function-record.ts';
import { CAPABILITY_NAMES } from '../core/grants.ts';
import type { Limits } from '../core/limits.ts';
import { WALL_LEVELS } from '../core/wall-level.ts';
import { RUNTIMES } from '../core/runtime.ts';
import { TIER_NAMES } from '../core/tier.ts';

type ShownLimits = Omit<Limits, keyof ChosenReplicas> & { readonly [K in keyof ChosenReplicas]?: number | undefined };

/** A version without its code. */
export interface ShownVersion extends Omit<VersionRecord, 'handler' | 'handlerName' | 'env' | 'createdMs' | 'limits'> {
  readonly limits: ShownLimits;
  readonly handler: string;
  readonly handlerKind: VersionRecord['handler'];
  readonly env: readonly string[];
  readonly createdAt: string;
}

/** By path, as a deployment sends them. */
export type ShownFiles = Readonly<Record<string, string | { readonly base64: string }>>;

export interface ShownVersionWithSources extends ShownVersion {
  readonly files?: ShownFiles | undefined;
}

type Kept = Pick<
  FunctionRecord,
  'id' | 'tenant' | 'name' | 'active' | 'trigger' | 'publicDomain' | 'publicDomainApproved' | 'aliases' | 'revision'
>;

export interface ShownFunction extends Kept {
  readonly live: ShownVersion | null;
  readonly canary: { readonly version: number; readonly weight: number; readonly startedAt: string } | null;
  readonly previousVersion: number | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface ShownDeployed extends ShownFunction {
  readonly added: ShownVersion;
}

export interface ShownDeploymentRecord extends Omit<
  DeploymentRecord,
  'tenant' | 'functionName' | 'createdMs' | 'finishedMs'
> {
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

const versionSchema = z
  .object({
    number: z.number(),
    hash: z.string().openapi({ description: 'SHA-256 of the sources and the entry' }),
    tier: z.enum(TIER_NAMES),
    runtime: z.enum(RUNTIMES),
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
      cpuMs: z.number(),
      processMemoryMb: z.number(),
      subrequests: z.number(),
      openStreams: z.number(),
      egressBytes: z.number(),
      pendingTimers: z.number(),
      minReplicas: z.number().optional(),
      maxReplicas: z.number().optional(),
      cpuShares: z.number().optional(),
    }),
    env: z.array(z.string()).openapi({ description: 'Names; the values are not shown' }),
    grant: z.array(z.string()).nullable().openapi({ description: "Of the tenant's variables; null: all" }),
    requestBody: z.enum(['buffer', 'stream']),
    passAuthorization: z.boolean(),
    verifyJwt: z.boolean(),
    cors: z
      .object({
        origins: z.array(z.string()),
        methods: z.array(z.string()),
        headers: z.array(z.string()),
        credentials: z.boolean(),
        maxAgeSeconds: z.number(),
      })
      .nullable(),
    egress: z.object({ allow: z.array(z.string()).nullable(), refusal: z.enum(['throw', 'response']) }),
    capabilities: z.array(z.enum(CAPABILITY_NAMES)),
    codeGeneration: z.boolean(),
    minimumWall: z.enum(WALL_LEVELS).nullable(),
    codeBytes: z.number(),
    createdBy: z.string(),
    reviewed: z.boolean().openapi({ description: 'An admin deployed it' }),
    createdAt: z.string(),
  })
  .openapi('Version');
export const shownVersion: z.ZodType<ShownVersion> = versionSchema;

const filesSchema = z
  .record(z.string(), z.union([z.string(), z.object({ base64: z.string() })]))
  .optional()
  .openapi({ description: 'With sources=1: as they were deployed' });
export const shownVersionWithSources: z.ZodType<ShownVersionWithSources> = versionSchema
  .extend({ files: filesSchema })
  .openapi('VersionWithSources');

const functionSchema = z
  .object({
    id: z.string().openapi({ description: 'A UUID' }),
    tenant: z.string(),
    name: z.string(),
    active: z.boolean().openapi({ description: 'False: it waits for the review of an admin, and is never run' }),
    trigger: z.object({ kind: z.enum(['http', 'event', 'cron']), pattern: z.string().nullable() }),
    publicDomain: z.string().nullable(),
    publicDomainApproved: z.boolean(),
    live: versionSchema.nullable(),
    canary: z.object({ version: z.number(), weight: z.number(), startedAt: z.string() }).nullable(),
    aliases: z.record(z.string(), z.number()),
    previousVersion: z.number().nullable().openapi({ description: 'What a rollback without a number makes live' }),
    revision: z.number().openapi({ description: 'Grows with every change; the ETag' }),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('Function');
export const shownFunction: z.ZodType<ShownFunction> = functionSchema;

export const shownDeployed: z.ZodType<ShownDeployed> = functionSchema
  .extend({ added: versionSchema })
  .openapi('DeployedFunction');

export const shownDeploymentRecord: z.ZodType<ShownDeploymentRecord> = z
  .object({
    id: z.string(),
    version: z.number().nullable(),
    status: z.enum(['running', 'succeeded', 'failed']),
    phase: z.enum(['build', 'deploy', 'health-check']).openapi({ description: 'Where it is, or where it ended' }),
    error: z.string().nullable(),
    log: z.string(),
    createdAt: z.string(),
    finishedAt: z.string().nullable(),
  })
  .openapi('DeploymentRecord');

export function functionOf(record: FunctionRecord): ShownFunction {
  const { live, canary, previousNumber, createdMs, updatedMs, ...kept } = record;
  return {
    ...kept,
    live: live === null ? null : versionOf(live),
    canary:
      canary === null ? null : { version: canary.number, weight: canary.weight, startedAt: timeOf(canary.startedMs) },
    previousVersion: previousNumber,
    createdAt: timeOf(createdMs),
    updatedAt: timeOf(updatedMs),
  };
}

export function versionOf({ handler, handlerName, env, createdMs, ...kept }: VersionRecord): ShownVersion {
  return { ...kept, handler: handlerName, handlerKind: handler, env: Object.keys(env), createdAt: timeOf(createdMs) };
}

export function deploymentRecordOf(record: DeploymentRecord): ShownDeploymentRecord {
  const { tenant: _tenant, functionName: _name, createdMs, finishedMs, ...kept } = record;
  return { ...kept, createdAt: timeOf(createdMs), finishedAt: finishedMs === null ? null : timeOf(finishedMs) };
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
