/** Deployment schemas: what `/api/v1/functions` takes. A field that is not here is refused: a misspelt limit must not be without effect. */

import { z } from '@hono/zod-openapi';
import type { ChosenReplicas, Deployment } from '../core/deployment.ts';
import type { EgressRule } from '../core/egress.ts';
import { CAPABILITY_NAMES, DEFAULT_CAPABILITIES } from '../core/grants.ts';
import type { ChosenLimits } from '../core/limits.ts';
import { RUNTIME_WORDS, runtimeOf } from '../core/runtime.ts';
import { TIER_WORDS } from '../core/tier.ts';
import { WALL_LEVELS } from '../core/wall-level.ts';
import type { FunctionUpdate } from './function-changes.ts';
import { sourceFiles, type SubmittedSource } from './source-files.ts';

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** A {@link Deployment} as it is sent: its files as text, its tenant in the principal's own words. */
export interface DeploymentBody
  extends
    Loose<Omit<Deployment, 'id' | 'tenant' | 'name' | 'files' | 'handlerName' | 'egress' | 'limits' | 'fallbackTiers'>>,
    Loose<Pick<Deployment, 'tenant'>> {
  readonly files?: SubmittedSource['files'];
  readonly code?: string | undefined;
  readonly handler?: string | undefined;
  readonly egress?: Loose<EgressRule> | undefined;
  readonly limits?: Loose<ChosenLimits & ChosenReplicas> | undefined;
}

export interface NamedDeploymentBody extends DeploymentBody {
  readonly name: string;
}

export type FunctionUpdateBody = Loose<FunctionUpdate>;

const fileSchema = z.union([z.string(), z.strictObject({ base64: z.string() })], {
  error: 'expected the text of the file, or { "base64": … }',
});

const triggerSchema = z
  .strictObject({
    kind: z.enum(['http', 'event', 'cron']),
    pattern: z.string().nullable().default(null).openapi({ example: 'items:posts:*' }),
  })
  .openapi('Trigger');

const corsSchema = z
  .strictObject({
    origins: z.array(z.string()).openapi({ example: ['https://app.example.com'] }),
    methods: z.array(z.string()).default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    headers: z.array(z.string()).default(['authorization', 'x-client-info', 'apikey', 'content-type']),
    credentials: z.boolean().default(false),
    maxAgeSeconds: z.number().default(600),
  })
  .openapi('Cors');

const egressSchema = z
  .strictObject({
    allow: z
      .array(z.string())
      .nullable()
      .optional()
      .openapi({ example: ['api.example.com', '*.cdn.io'] }),
    refusal: z.enum(['throw', 'response']).optional(),
  })
  .openapi('Egress');

const limitsSchema = z
  .strictObject({
    cpuMs: z.number().optional().openapi({ description: 'CPU time of one invocation' }),
    processMemoryMb: z.number().optional().openapi({ description: 'Memory of its whole executor' }),
    subrequests: z.number().optional().openapi({ description: 'Calls of fetch and ctx.* in one invocation' }),
    openStreams: z.number().optional().openapi({ description: 'Of these, open at a time' }),
    egressBytes: z.number().optional().openapi({ description: 'Bytes sent and received by these' }),
    pendingTimers: z.number().optional().openapi({ description: 'Timers of one sandbox that may be waiting' }),
    minReplicas: z.number().optional().openapi({ description: 'Sandboxes that stand ready without a call' }),
    maxReplicas: z.number().optional().openapi({ description: 'The most sandboxes, by load' }),
    cpuShares: z.number().optional().openapi({ description: 'Of a contended CPU, where it has a process to itself' }),
  })
  .openapi('ChosenLimits');

const fields = {
  files: z
    .record(z.string(), fileSchema)
    .optional()
    .openapi({ description: 'Path → content. Packages lie under node_modules/, or under .cordon/packages/' }),
  code: z.string().optional().openapi({ description: 'The whole function, in place of files' }),
  entry: z.string().optional().openapi({ description: 'The file to start from; not needed when there is one file' }),
  handler: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'The export called as handler(event, context)' }),
  handlerKind: z.enum(['module', 'script']).optional(),
  timeoutMs: z.number().optional(),
  memoryMb: z.number().optional(),
  limits: limitsSchema.optional().openapi({ description: "Within the operator's bounds" }),
  runtime: z
    .enum(RUNTIME_WORDS)
    .optional()
    .openapi({ description: "The language; default: what the entry's name says. A number is a wish" }),
  tier: z
    .enum(TIER_WORDS)
    .optional()
    .openapi({ description: '`auto`: another host where one is configured, else the best wall that works here' }),
  cordon: z.enum(['function', 'tenant', 'shared']).optional(),
  env: z.record(z.string(), z.string()).optional(),
  grant: z.array(z.string()).nullable().optional(),
  requestBody: z.enum(['buffer', 'stream']).optional(),
  passAuthorization: z.boolean().optional(),
  verifyJwt: z.boolean().optional().openapi({ description: 'On /functions/v1; default true' }),
  cors: corsSchema.nullable().optional(),
  egress: egressSchema.optional(),
  capabilities: z
    .array(z.enum(CAPABILITY_NAMES))
    .optional()
    .openapi({ description: `Host services that it may call by ctx; default ${DEFAULT_CAPABILITIES.join(', ')}` }),
  codeGeneration: z.boolean().optional().openapi({ description: 'Allows eval, Function and WebAssembly of bytes' }),
  minimumWall: z.enum(WALL_LEVELS).nullable().optional().openapi({ description: 'Not run behind a weaker wall' }),
  active: z.boolean().optional(),
  trigger: triggerSchema.optional(),
  publicDomain: z.string().nullable().optional(),
  live: z.boolean().optional().openapi({ description: 'False: kept, and reached by its number or alias only' }),
  alias: z.string().optional().openapi({ description: 'Points this alias at the new version' }),
  tenant: z.string().optional().openapi({ description: "Default: the token's own tenant, else `default`" }),
};

export const deploymentBody: z.ZodType<DeploymentBody> = z.strictObject(fields).openapi('Deployment');

export const namedDeploymentBody: z.ZodType<NamedDeploymentBody> = z
  .strictObject({ name: z.string(), ...fields })
  .openapi('NamedDeployment');

export const functionUpdateBody: z.ZodType<FunctionUpdateBody> = z
  .strictObject({
    active: z.boolean().optional(),
    trigger: triggerSchema.optional(),
    publicDomain: z.string().nullable().optional(),
    publicDomainApproved: z.boolean().optional().openapi({ description: 'For the operator alone' }),
  })
  .openapi('FunctionUpdate');

/** Throws BAD_REQUEST. */
export function deploymentOf(tenant: string, name: string, body: DeploymentBody): Deployment {
  const { tenant: _tenant, files, code, entry, handler, egress, limits, ...rest } = body;
  return {
    ...withoutUndefined(rest),
    ...(handler === undefined ? {} : { handlerName: handler }),
    ...(egress === undefined ? {} : { egress: withoutUndefined(egress) }),
    ...(limits === undefined ? {} : { limits: withoutUndefined(limits) }),
    ...sourceFiles({ files, code, entry: entry ?? entryOfCode(body) }),
    tenant,
    name,
  };
}

/** Code in one piece has no name that tells its language. */
const entryOfCode = ({ code, runtime }: DeploymentBody): string | undefined =>
  code !== undefined && runtime !== undefined && runtimeOf(runtime) === 'python' ? 'main.py' : undefined;

export const updateOf = (body: FunctionUpdateBody): FunctionUpdate => withoutUndefined(body);

type WithoutUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** With exactOptionalPropertyTypes a field is absent, not undefined. */
function withoutUndefined<T extends object>(value: T): Partial<WithoutUndefined<T>> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<
    WithoutUndefined<T>
  >;
}
