/** Deployment: a function of a project as the operator API takes it. */

import { HTTP_TRIGGER } from '../../core/function-record.ts';
import type { Trigger } from '../../core/function-record.ts';
import type { RuntimeWord } from '../../core/runtime.ts';
import { sourceHash } from '../../core/source-hash.ts';
import type { FunctionSettings } from './manifest.ts';
import { readImportMap } from './import-map.ts';
import type { ProjectFunction } from './project.ts';
import { readSources } from './sources.ts';
import type { Sources } from './sources.ts';

/** Text as text, so that a request can be read; the rest as base64. */
export type SentFile = string | { readonly base64: string };

/** The JSON of `PUT /api/v1/functions/{name}`; what is undefined is not sent, and gets the operator's default. */
export interface DeploymentBody extends DeploymentSettings {
  readonly tenant: string | undefined;
  readonly files: Readonly<Record<string, SentFile>>;
  readonly entry: string;
  readonly live?: boolean | undefined;
  readonly alias?: string | undefined;
}

export interface DeploymentSettings {
  readonly handler?: string | undefined;
  readonly handlerKind?: 'module' | 'script' | undefined;
  readonly timeoutMs?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly limits?: Readonly<Record<string, unknown>> | undefined;
  readonly minimumWall?: string | undefined;
  readonly runtime?: RuntimeWord | undefined;
  readonly tier?: string | undefined;
  readonly cordon?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly grant?: readonly string[] | undefined;
  readonly requestBody?: 'buffer' | 'stream' | undefined;
  readonly passAuthorization?: boolean | undefined;
  readonly verifyJwt?: boolean | undefined;
  readonly cors?: Readonly<Record<string, unknown>> | undefined;
  readonly egress?: Readonly<Record<string, unknown>> | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly codeGeneration?: boolean | undefined;
  readonly active?: boolean | undefined;
  readonly trigger?: Trigger | undefined;
  readonly publicDomain?: string | undefined;
}

/** A function that is ready to be sent. */
export interface Prepared {
  readonly name: string;
  readonly settings: DeploymentSettings;
  readonly sources: Sources;
  /** What the server names these sources by. */
  readonly hash: string;
}

/** `env` wins over the manifest's; for `root`, see {@link readSources}, which this rejects like. */
export async function prepare(
  { name, entry, settings, importMap }: ProjectFunction,
  env: Readonly<Record<string, string>>,
  root: string,
): Promise<Prepared> {
  const sources = await readSources(entry, {
    importMap: importMap === null ? null : readImportMap(importMap),
    within: root,
  });
  return preparedOf(name, sources, settingsOf(settings, env));
}

export function preparedOf(name: string, sources: Sources, settings: DeploymentSettings): Prepared {
  return { name, sources, settings, hash: sourceHash(sources.files, sources.entry) };
}

export function bodyOf(
  { settings, sources: { files, entry } }: Prepared,
  how: Pick<DeploymentBody, 'tenant' | 'live' | 'alias'>,
): DeploymentBody {
  return {
    ...how,
    ...settings,
    files: Object.fromEntries([...files].map(([path, bytes]) => [path, sent(bytes)])),
    entry,
  };
}

function settingsOf(settings: FunctionSettings, env: Readonly<Record<string, string>>): DeploymentSettings {
  const { cors, limits } = settings;
  return {
    handler: settings.handler,
    handlerKind: settings.handler_kind,
    timeoutMs: settings.timeout_ms,
    memoryMb: settings.memory_mb,
    limits: limits && {
      cpuMs: limits.cpu_ms,
      processMemoryMb: limits.process_memory_mb,
      subrequests: limits.subrequests,
      openStreams: limits.open_streams,
      egressBytes: limits.egress_bytes,
      pendingTimers: limits.pending_timers,
      minReplicas: limits.min_replicas,
      maxReplicas: limits.max_replicas,
      cpuShares: limits.cpu_shares,
    },
    minimumWall: settings.minimum_wall,
    runtime: settings.runtime,
    tier: settings.tier,
    cordon: settings.cordon,
    env: { ...settings.env, ...env },
    grant: settings.grant,
    requestBody: settings.request_body,
    passAuthorization: settings.pass_authorization,
    verifyJwt: settings.verify_jwt,
    cors: cors && {
      origins: cors.origins,
      methods: cors.methods,
      headers: cors.headers,
      credentials: cors.credentials,
      maxAgeSeconds: cors.max_age_seconds,
    },
    egress: settings.egress,
    capabilities: settings.capabilities,
    codeGeneration: settings.code_generation,
    active: settings.active,
    trigger: triggerOf(settings),
    publicDomain: settings.public_domain,
  };
}

/** Always said: a schedule that was taken out of the manifest must not go on. */
function triggerOf({ schedule, event }: FunctionSettings): Trigger {
  if (schedule !== undefined) return { kind: 'cron', pattern: schedule };
  return event === undefined ? HTTP_TRIGGER : { kind: 'event', pattern: event };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function sent(bytes: Uint8Array): SentFile {
  try {
    return decoder.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}
