/** Rows of functions and versions, and the records of `core/` that they stand for. */

import type { Insertable, Selectable } from 'kysely';
import type { FunctionRecord, NewVersion, StoredVersion, Trigger, VersionRecord } from '../../core/function-record.ts';
import type { Artifact, CorsRule } from '../../core/function.ts';
import type { EgressRule } from '../../core/egress.ts';
import type { CapabilityName } from '../../core/grants.ts';
import { DEFAULT_CHOSEN, type Limits } from '../../core/limits.ts';
import type { ArtifactsTable, FunctionsTable, VersionsTable } from '../schema.ts';

export type FunctionRow = Selectable<FunctionsTable>;
export type VersionRow = Selectable<VersionsTable>;
export type ArtifactColumns = Pick<Selectable<ArtifactsTable>, 'code' | 'cache' | 'map'>;

/** By their names. */
export type Aliases = Readonly<Record<string, number>>;

export const NO_ALIASES: Aliases = Object.freeze({});

export function functionRecordOf(row: FunctionRow, live: VersionRecord | null, aliases: Aliases): FunctionRecord {
  return {
    id: row.id!,
    tenant: row.tenant,
    name: row.name,
    active: row.active === 1,
    trigger: { kind: row.trigger_kind as Trigger['kind'], pattern: row.trigger_pattern },
    publicDomain: row.public_domain,
    publicDomainApproved: row.public_domain_approved === 1,
    live,
    canary:
      row.canary_number === null
        ? null
        : { number: row.canary_number, weight: row.canary_weight!, startedMs: row.canary_started_ms! },
    aliases,
    previousNumber: row.previous_number,
    revision: row.revision,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}

/** The database is the host's own, so its words are taken for what they are in the types. */
export function versionRecordOf(row: VersionRow): VersionRecord {
  return {
    number: row.number,
    hash: row.hash,
    tier: row.tier as VersionRecord['tier'],
    runtime: row.runtime as VersionRecord['runtime'],
    cordon: row.cordon as VersionRecord['cordon'],
    handler: row.handler as VersionRecord['handler'],
    handlerName: row.handler_name,
    limits: { ...DEFAULT_CHOSEN, ...(JSON.parse(row.limits) as Limits) },
    requestBody: row.request_body as VersionRecord['requestBody'],
    passAuthorization: row.pass_authorization === 1,
    verifyJwt: row.verify_jwt === 1,
    cors: row.cors === null ? null : (JSON.parse(row.cors) as CorsRule),
    egress: JSON.parse(row.egress) as EgressRule,
    capabilities: JSON.parse(row.capabilities) as CapabilityName[],
    codeGeneration: row.code_generation === 1,
    minimumWall: row.minimum_wall as VersionRecord['minimumWall'],
    env: JSON.parse(row.env) as Record<string, string>,
    grant: row.env_grant === null ? null : (JSON.parse(row.env_grant) as string[]),
    codeBytes: row.code_bytes,
    createdBy: row.created_by,
    reviewed: row.reviewed === 1,
    createdMs: row.deployed_ms,
  };
}

export function storedVersionOf(row: VersionRow & ArtifactColumns): StoredVersion {
  const artifact: Artifact = {
    format: row.artifact_format as Artifact['format'],
    code: row.code,
    cache: row.cache,
    ...(row.map === null ? {} : { map: row.map }),
    interleaves: row.artifact_interleaves === 1,
  };
  return { ...versionRecordOf(row), tenant: row.tenant, name: row.name, artifact };
}

export function versionRow(version: NewVersion, number: number, nowMs: number): Insertable<VersionsTable> {
  return {
    tenant: version.tenant,
    name: version.name,
    number,
    hash: version.hash,
    tier: version.tier,
    runtime: version.runtime,
    cordon: version.cordon,
    handler: version.handler,
    handler_name: version.handlerName,
    limits: JSON.stringify(version.limits),
    env: JSON.stringify(version.env),
    env_grant: version.grant === null ? null : JSON.stringify(version.grant),
    request_body: version.requestBody,
    pass_authorization: Number(version.passAuthorization),
    verify_jwt: Number(version.verifyJwt),
    cors: version.cors === null ? null : JSON.stringify(version.cors),
    egress: JSON.stringify(version.egress),
    capabilities: JSON.stringify(version.capabilities),
    code_generation: Number(version.codeGeneration),
    minimum_wall: version.minimumWall,
    artifact_format: version.artifact.format,
    artifact_interleaves: Number(version.artifact.interleaves),
    code_bytes: version.artifact.code.byteLength,
    created_by: version.createdBy,
    reviewed: Number(version.reviewed),
    deployed_ms: nowMs,
  };
}
