/**
 * Manifest: the file that says how a project's functions are to run: `cordon.toml`, or the `config.toml` of a Supabase
 * project. The schema below is all that it may hold; `schema/cordon.schema.json` is made of it, for editors.
 */

import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { requireName } from '../../core/function.ts';
import type { CordonKind, HandlerKind } from '../../core/function.ts';
import { CHOICES, type ChosenLimits } from '../../core/limits.ts';
import { WALL_LEVELS, type WallLevel } from '../../core/wall-level.ts';
import { CAPABILITY_NAMES, DEFAULT_CAPABILITIES } from '../../core/grants.ts';
import type { CapabilityName } from '../../core/grants.ts';
import { RUNTIME_WORDS } from '../../core/runtime.ts';
import type { RuntimeWord } from '../../core/runtime.ts';
import { TIER_WORDS } from '../../core/tier.ts';
import type { TierWord } from '../../core/tier.ts';
import { CliError } from '../command.ts';
import { didYouMean } from '../suggest.ts';
import { lineOf } from './toml-lines.ts';

const text = (description: string): z.ZodString => z.string().min(1).meta({ description });
const texts = (description: string): z.ZodArray<z.ZodString> => z.array(z.string().min(1)).meta({ description });
const flag = (description: string): z.ZodBoolean => z.boolean().meta({ description });
const whole = (description: string): z.ZodInt => z.int().min(1).meta({ description });

const corsSchema = z
  .strictObject({
    origins: texts('`*`, or origins as a browser writes them'),
    methods: texts('Default: those that are usual').optional(),
    headers: texts('Default: authorization, x-client-info, apikey and content-type').optional(),
    credentials: flag('Whether cookies and the like may be sent (default: false)').optional(),
    max_age_seconds: z.int().min(0).meta({ description: 'How long a browser keeps the answer' }).optional(),
  })
  .meta({ description: 'Cross-origin rules that the server applies, so that the function need not' });

const egressSchema = z
  .strictObject({
    allow: texts('Hosts it may fetch: `api.example.com`, `*.cdn.io:8443`, `*`').optional(),
    refusal: z
      .enum(['throw', 'response'])
      .meta({ description: 'A refusal is a thrown TypeError (default), or a response of status 452' })
      .optional(),
  })
  .meta({ description: 'What the function may reach outside' });

const atLeast = (name: keyof ChosenLimits, description: string): z.ZodOptional<z.ZodInt> =>
  z.int().min(CHOICES[name].least).meta({ description }).optional();

const limitsSchema = z
  .strictObject({
    cpu_ms: atLeast('cpuMs', 'CPU time of one call'),
    process_memory_mb: atLeast('processMemoryMb', 'Memory of its whole process'),
    subrequests: atLeast('subrequests', 'Calls of fetch and ctx.* in one call of the function'),
    open_streams: atLeast('openStreams', 'Of these, open at a time'),
    egress_bytes: atLeast('egressBytes', 'Bytes that these may send and receive'),
    pending_timers: atLeast('pendingTimers', 'Timers that may be waiting'),
    min_replicas: z.int().min(0).meta({ description: 'Sandboxes that stand ready without a call' }).optional(),
    max_replicas: whole('The most sandboxes, by load').optional(),
    cpu_shares: z.int().min(2).meta({ description: 'Of a contended CPU: 1024 is the usual share' }).optional(),
  })
  .meta({ description: "What it may use, within the operator's bounds" });

const functionSchema = z.strictObject({
  enabled: flag('false: it is not deployed').optional(),
  entrypoint: text(
    'The file to start from, relative to this file (default: index.ts and its like, main.py)',
  ).optional(),
  import_map: text(
    'A file with `imports`, relative to this file (default: a deno.json beside the function)',
  ).optional(),
  verify_jwt: flag('On /functions/v1: refuse a request without a valid JWT (default: true)').optional(),
  pass_authorization: flag('Whether the Authorization header reaches the function (default: false)').optional(),
  runtime: z
    .enum(RUNTIME_WORDS)
    .meta({ description: "The language (default: what the file's name says); the machine's own version runs it" })
    .optional(),
  tier: z
    .enum(TIER_WORDS)
    .meta({ description: 'The kind of wall (default: isolate, for Python container); auto: the best that there is' })
    .optional(),
  cordon: z
    .enum(['function', 'tenant', 'shared'])
    .meta({ description: 'The set of functions that may share a process with it' })
    .optional(),
  handler: text('The export that handler(event, context) is looked up by (default: handler)').optional(),
  handler_kind: z
    .enum(['module', 'script'])
    .meta({ description: 'module: exports decide (default); script: a body with a top-level return' })
    .optional(),
  timeout_ms: whole('How long one call may take').optional(),
  memory_mb: whole('How much memory one sandbox may use').optional(),
  limits: limitsSchema.optional(),
  minimum_wall: z
    .enum(WALL_LEVELS)
    .meta({ description: 'It is not run behind a weaker wall (default: whatever the operator finds enough)' })
    .optional(),
  request_body: z
    .enum(['buffer', 'stream'])
    .meta({ description: 'stream: it starts before the request body has ended' })
    .optional(),
  env: z
    .record(z.string(), z.string())
    .meta({ description: 'Variables of its environment. Secrets belong into `cordon secrets set`' })
    .optional(),
  grant: texts("Names of the platform's and the tenant's variables that it gets (default: all)").optional(),
  cors: corsSchema.optional(),
  egress: egressSchema.optional(),
  capabilities: z
    .array(z.enum(CAPABILITY_NAMES))
    .meta({ description: `Host services that it may call by ctx (default: ${DEFAULT_CAPABILITIES.join(', ')})` })
    .optional(),
  code_generation: flag('Whether eval, Function and WebAssembly of bytes work (default: false)').optional(),
  schedule: text('Five fields of cron: it runs then').optional(),
  event: text('A pattern of channels, `items:posts:*`: it runs at those events').optional(),
  public_domain: text('A domain that reaches this function and no other').optional(),
  active: flag('false: it is deployed, and never run').optional(),
});

const manifestSchema = z
  .strictObject({
    tenant: text('Whose functions these are (default: the one of the token, else default)').optional(),
    functions_dir: text('Where they lie, relative to this file (default: functions)').optional(),
    functions: z
      .record(z.string(), functionSchema)
      .meta({ description: 'What is to be said of a function, under its name' })
      .optional(),
  })
  .meta({ title: 'cordon.toml', description: 'A project of functions for Cordon' });

/** As it is written; what is left out gets the operator's default. */
export interface FunctionSettings {
  readonly enabled?: boolean | undefined;
  readonly entrypoint?: string | undefined;
  readonly import_map?: string | undefined;
  readonly verify_jwt?: boolean | undefined;
  readonly pass_authorization?: boolean | undefined;
  readonly runtime?: RuntimeWord | undefined;
  readonly tier?: TierWord | undefined;
  readonly cordon?: CordonKind | undefined;
  readonly handler?: string | undefined;
  readonly handler_kind?: HandlerKind | undefined;
  readonly timeout_ms?: number | undefined;
  readonly memory_mb?: number | undefined;
  readonly limits?: LimitSettings | undefined;
  readonly minimum_wall?: WallLevel | undefined;
  readonly request_body?: 'buffer' | 'stream' | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly grant?: readonly string[] | undefined;
  readonly cors?: CorsSettings | undefined;
  readonly egress?:
    | { readonly allow?: string[] | undefined; readonly refusal?: 'throw' | 'response' | undefined }
    | undefined;
  readonly capabilities?: readonly CapabilityName[] | undefined;
  readonly code_generation?: boolean | undefined;
  readonly schedule?: string | undefined;
  readonly event?: string | undefined;
  readonly public_domain?: string | undefined;
  readonly active?: boolean | undefined;
}

export interface LimitSettings {
  readonly cpu_ms?: number | undefined;
  readonly process_memory_mb?: number | undefined;
  readonly subrequests?: number | undefined;
  readonly open_streams?: number | undefined;
  readonly egress_bytes?: number | undefined;
  readonly pending_timers?: number | undefined;
  readonly min_replicas?: number | undefined;
  readonly max_replicas?: number | undefined;
  readonly cpu_shares?: number | undefined;
}

export interface CorsSettings {
  readonly origins: readonly string[];
  readonly methods?: readonly string[] | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly credentials?: boolean | undefined;
  readonly max_age_seconds?: number | undefined;
}

export interface Manifest {
  readonly tenant?: string | undefined;
  readonly functions_dir?: string | undefined;
  readonly functions?: Readonly<Record<string, FunctionSettings>> | undefined;
}

/** In a Supabase project only the tables of the functions are ours; the rest of the file is for others. */
export type ManifestKind = 'cordon' | 'supabase';

/** Throws a {@link CliError} that names file and line for what is not TOML, not known or not valid. */
export function readManifest(path: string, kind: ManifestKind): Manifest {
  const source = readFileSync(path, 'utf8');
  return parseManifest(source, path, kind);
}

/** `path` is for messages only. */
export function parseManifest(source: string, path: string, kind: ManifestKind): Manifest {
  const document = parseToml(source, path);
  const table = kind === 'cordon' ? document : { functions: document['functions'] };
  const result = manifestSchema.safeParse(table);
  const issues = result.success ? nameIssues(result.data) : result.error.issues.flatMap(issuesOf);
  if (result.success && issues.length === 0) return result.data;
  const lines = issues.map(({ at, message }) => {
    const line = lineOf(source, at);
    return `${path}${line === null ? '' : `:${line}`}: ${message}`;
  });
  throw new CliError(lines.join('\n'));
}

/** What `schema/cordon.schema.json` and a project's own copy of it hold. */
export function schemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(manifestSchema, { target: 'draft-7', io: 'input' }), null, 2)}\n`;
}

function parseToml(source: string, path: string): Record<string, unknown> {
  try {
    return parse(source, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split('\n')[0]!.replace('Invalid TOML document: ', '');
    throw new CliError(`${path}:${error.line}:${error.column}: ${message}`);
  }
}

interface ManifestIssue {
  readonly at: readonly string[];
  readonly message: string;
}

function issuesOf(issue: z.core.$ZodIssue): ManifestIssue[] {
  const at = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys')
    return [{ at, message: `${at.join('.')}: ${issue.message.replace('Invalid input: ', '')}` }];
  return issue.keys.map((key) => {
    const hint = didYouMean(key, knownKeys(at));
    return { at: [...at, key], message: `there is no key ${[...at, key].join('.')}${hint}` };
  });
}

const INNER: Readonly<Record<string, { readonly shape: object }>> = {
  cors: corsSchema,
  egress: egressSchema,
  limits: limitsSchema,
};

/** What a table at that place may hold. */
function knownKeys(at: readonly string[]): string[] {
  const [top, , inner] = at;
  if (top === undefined) return Object.keys(manifestSchema.shape);
  if (inner === undefined) return Object.keys(functionSchema.shape);
  return Object.keys(INNER[inner]?.shape ?? {});
}

function nameIssues({ functions = {} }: Manifest): ManifestIssue[] {
  return Object.entries(functions).flatMap(([name, { schedule, event }]) => {
    const at = ['functions', name];
    const both = schedule !== undefined && event !== undefined;
    return [
      ...nameIssue(name, at),
      ...(both ? [{ at: [...at, 'event'], message: `functions.${name}: schedule and event exclude each other` }] : []),
    ];
  });
}

function nameIssue(name: string, at: readonly string[]): ManifestIssue[] {
  try {
    requireName('function', name);
    return [];
  } catch (error) {
    return [{ at, message: (error as Error).message }];
  }
}
