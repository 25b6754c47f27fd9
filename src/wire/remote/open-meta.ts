/**
 * Remote OPEN: what another host needs to run a version. The code travels apart from it and once, by its hash: the far side
 * asks for what it lacks.
 */

import { createHash } from 'node:crypto';
import { CAPABILITY_NAMES, type CapabilityName } from '../../core/grants.ts';
import { DEFAULT_EGRESS } from '../../core/egress.ts';
import {
  ARTIFACT_FORMATS,
  type Artifact,
  type CordonKind,
  type FunctionVersion,
  type HandlerKind,
} from '../../core/function.ts';
import type { Limits } from '../../core/limits.ts';
import { RUNTIMES, type Runtime } from '../../core/runtime.ts';
import { TIER_NAMES, type TierName } from '../../core/tier.ts';
import { WALL_LEVELS, type WallLevel } from '../../core/wall-level.ts';
import { ProtocolError } from '../meta.ts';

export interface ContentMeta {
  /** SHA-256 of the rest of this and of the content: the code, then its cache. */
  readonly hash: string;
  readonly format: Artifact['format'];
  readonly interleaves: boolean;
  readonly codeBytes: number;
  readonly cacheBytes: number;
}

/** Egress, CORS, JWTs and secrets are decided by the host that asks, so that nothing of them is here. */
export interface RemoteOpenMeta {
  readonly key: string;
  readonly tenant: string;
  readonly name: string;
  readonly number: number;
  readonly hash: string;
  /** The wall that it must be; null: the one that the executor is for. */
  readonly tier: TierName | null;
  readonly runtime: Runtime;
  readonly cordon: CordonKind;
  readonly handler: HandlerKind;
  readonly handlerName: string;
  readonly limits: Limits;
  readonly env: Readonly<Record<string, string>>;
  readonly capabilities: readonly CapabilityName[];
  readonly codeGeneration: boolean;
  readonly minimumWall: WallLevel | null;
  readonly ephemeral: boolean;
  readonly content: ContentMeta;
}

/** What follows the hash in CONTENT. */
export const contentOf = ({ code, cache }: Artifact): Uint8Array =>
  cache === null ? code : Buffer.concat([code, cache]);

const CONTENTS = new WeakMap<Artifact, ContentMeta>();

/** Hashed once for each artifact. */
export function contentMeta(artifact: Artifact): ContentMeta {
  let meta = CONTENTS.get(artifact);
  if (meta !== undefined) return meta;
  const { format, interleaves, code, cache } = artifact;
  const rest = { format, interleaves, codeBytes: code.length, cacheBytes: cache?.length ?? 0 };
  meta = { hash: contentHash(rest, cache === null ? [code] : [code, cache]), ...rest };
  CONTENTS.set(artifact, meta);
  return meta;
}

export function contentHash(rest: Omit<ContentMeta, 'hash'>, parts: readonly Uint8Array[]): string {
  const { format, interleaves, codeBytes, cacheBytes } = rest;
  const hash = createHash('sha256').update(JSON.stringify([format, interleaves, codeBytes, cacheBytes]));
  for (const part of parts) hash.update(part);
  return hash.digest('base64url');
}

export function remoteOpenMeta(version: FunctionVersion, tier: TierName | null): RemoteOpenMeta {
  const { key, tenant, name, number, hash, runtime, cordon, handler, handlerName, limits, env } = version;
  const { capabilities, codeGeneration, minimumWall, ephemeral, artifact } = version;
  const content = contentMeta(artifact);
  const own = { key, tenant, name, number, hash, tier, runtime, cordon, handler, handlerName };
  return { ...own, limits, env, capabilities, codeGeneration, minimumWall, ephemeral, content };
}

/** A version as the executor runs it. What only the asking host decides has the value that grants least. */
export function versionOf(meta: RemoteOpenMeta, tier: TierName, artifact: Artifact): FunctionVersion {
  const { tier: _asked, content: _content, ...own } = meta;
  return {
    ...own,
    tier,
    artifact,
    secrets: [],
    boundSecrets: [],
    requestBody: 'stream',
    passAuthorization: false,
    verifyJwt: true,
    cors: null,
    egress: DEFAULT_EGRESS,
  };
}

const MAX_CONTENT_BYTES = 64 * 1024 * 1024;
const MAX_TEXT = 1_024;
const MAX_ENTRIES = 10_000;

/** Throws a ProtocolError for what no host of ours says. */
export function readRemoteOpen(parsed: unknown): RemoteOpenMeta {
  const of = record(parsed, 'an OPEN');
  const text = (name: string): string => requireText(of[name], name);
  const content = record(of['content'], 'its content');
  return {
    key: text('key'),
    tenant: text('tenant'),
    name: text('name'),
    number: requireCount(of['number'], 'number', Number.MAX_SAFE_INTEGER),
    hash: text('hash'),
    tier: of['tier'] === null ? null : oneOf(of['tier'], TIER_NAMES, 'tier'),
    runtime: oneOf(of['runtime'], RUNTIMES, 'runtime'),
    cordon: oneOf(of['cordon'], ['function', 'tenant', 'shared'] as const, 'cordon'),
    handler: oneOf(of['handler'], ['module', 'script'] as const, 'handler'),
    handlerName: text('handlerName'),
    limits: readLimits(of['limits']),
    env: readEnv(of['env']),
    capabilities: readCapabilities(of['capabilities']),
    codeGeneration: of['codeGeneration'] === true,
    minimumWall: of['minimumWall'] === null ? null : oneOf(of['minimumWall'], WALL_LEVELS, 'minimumWall'),
    ephemeral: of['ephemeral'] === true,
    content: {
      hash: requireText(content['hash'], 'content.hash'),
      format: oneOf(content['format'], ARTIFACT_FORMATS, 'content.format'),
      interleaves: content['interleaves'] === true,
      codeBytes: requireCount(content['codeBytes'], 'content.codeBytes', MAX_CONTENT_BYTES),
      cacheBytes: requireCount(content['cacheBytes'], 'content.cacheBytes', MAX_CONTENT_BYTES),
    },
  };
}

/** All of them are counts, whichever there are; the two without which nothing ends must be there. */
function readLimits(parsed: unknown): Limits {
  const limits = record(parsed, 'its limits');
  for (const [name, value] of Object.entries(limits)) requireCount(value, `limits.${name}`, Number.MAX_SAFE_INTEGER);
  requireCount(limits['timeoutMs'], 'limits.timeoutMs', MAX_WAIT_MS);
  requireCount(limits['memoryMb'], 'limits.memoryMb', Number.MAX_SAFE_INTEGER);
  return limits as unknown as Limits;
}

const MAX_WAIT_MS = 3_600_000;

function readEnv(parsed: unknown): Readonly<Record<string, string>> {
  const env = record(parsed, 'its environment');
  const entries = Object.entries(env);
  if (entries.length > MAX_ENTRIES || entries.some(([, value]) => typeof value !== 'string'))
    throw new ProtocolError('an environment that is not made of texts');
  return env as Readonly<Record<string, string>>;
}

function readCapabilities(parsed: unknown): readonly CapabilityName[] {
  if (!Array.isArray(parsed) || parsed.length > CAPABILITY_NAMES.length)
    throw new ProtocolError('capabilities that are no list');
  return parsed.map((name: unknown) => oneOf(name, CAPABILITY_NAMES, 'capabilities'));
}

function record(parsed: unknown, what: string): Record<string, unknown> {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new ProtocolError(`${what} that is no object`);
  return parsed as Record<string, unknown>;
}

function requireText(value: unknown, name: string): string {
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value;
  throw new ProtocolError(`${name} is no text of at most ${MAX_TEXT} characters`);
}

function requireCount(value: unknown, name: string, max: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= max) return value;
  throw new ProtocolError(`${name} is no number from 0 to ${max}`);
}

function oneOf<const T extends string>(value: unknown, choices: readonly T[], name: string): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new ProtocolError(`${name} is none of ${choices.join(', ')}`);
  return found;
}
