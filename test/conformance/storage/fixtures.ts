/** What the tests of storage put into it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DeploymentRecord, SourceFiles } from '../../../src/core/deployment.ts';
import type { NewVersion, StoredVersion } from '../../../src/core/function-record.ts';
import type { InvocationResult } from '../../../src/core/invocation-result.ts';
import { DEFAULT_CHOSEN } from '../../../src/core/limits.ts';
import type { LogLine } from '../../../src/core/log-line.ts';
import type { ServiceRecord } from '../../../src/core/service.ts';
import type { StoredToken } from '../../../src/core/token.ts';
import type { StoredKey, StoredVariable } from '../../../src/core/variable.ts';
import type { UsageHour, UsageTotals } from '../../../src/core/usage.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { newJob } from './queue-fixtures.ts';

export interface StorageEngine {
  readonly name: string;
  /** A module that exports `openStorage(place)`. */
  readonly module: URL;
  /** A new and empty one, gone with the test: a data directory, or a URL. */
  place(t: TestContext): Promise<string>;
}

export async function openAt(engine: StorageEngine, place: string): Promise<Storage> {
  return ((await import(engine.module.href)) as { openStorage(place: string): Promise<Storage> }).openStorage(place);
}

/** Closed with the test. */
export async function open(engine: StorageEngine, t: TestContext, place?: string): Promise<Storage> {
  const storage = await openAt(engine, place ?? (await engine.place(t)));
  t.after(() => storage.close());
  return storage;
}

/** Makes a version live. */
export function newVersion(changes: Partial<NewVersion> = {}): NewVersion {
  return {
    tenant: 'acme',
    name: 'hello',
    hash: 'sha256-abc',
    tier: 'isolate',
    runtime: 'javascript',
    cordon: 'tenant',
    handler: 'module',
    handlerName: 'handler',
    limits: {
      timeoutMs: 30_000,
      memoryMb: 128,
      requestBytes: 1,
      responseBytes: 2,
      logBytes: 3,
      concurrency: 4,
      ...DEFAULT_CHOSEN,
    },
    env: { KEY: 'välue\n', B: '' },
    grant: ['TENANT_KEY'],
    requestBody: 'buffer',
    passAuthorization: false,
    verifyJwt: true,
    cors: { origins: ['*'], methods: ['GET'], headers: [], credentials: false, maxAgeSeconds: 5 },
    egress: { allow: ['*.cdn.io'], refusal: 'response' },
    capabilities: ['kv', 'db:write'],
    codeGeneration: true,
    minimumWall: 'landlock',
    createdBy: 'operator',
    reviewed: true,
    artifact: {
      format: 'script',
      code: bytes('code'),
      cache: Uint8Array.of(0, 255),
      interleaves: true,
      map: Uint8Array.of(31),
    },
    initial: { active: true, trigger: { kind: 'http', pattern: null } },
    change: { live: true, alias: null },
    ...changes,
  };
}

export function notLive(changes: Partial<NewVersion> = {}): NewVersion {
  return newVersion({ change: { live: false, alias: null }, ...changes });
}

export const FILES: SourceFiles = new Map([
  ['b/index.ts', bytes('export default 1')],
  ['a.json', Uint8Array.of(0, 1, 2)],
]);

export function logLine(id: number, changes: Partial<LogLine> = {}): LogLine {
  return {
    id,
    tenant: 'acme',
    name: 'hello',
    version: 1,
    invocation: 'i1',
    level: 'info',
    message: `line ${id}`,
    timeMs: 1000 + id,
    ...changes,
  };
}

export function deployment(changes: Partial<DeploymentRecord> = {}): DeploymentRecord {
  return {
    id: 'd1',
    tenant: 'acme',
    functionName: 'hello',
    version: null,
    status: 'running',
    phase: 'build',
    error: null,
    log: '',
    createdMs: 1,
    finishedMs: null,
    ...changes,
  };
}

export function service(changes: Partial<ServiceRecord> = {}): ServiceRecord {
  return {
    id: 's1',
    tenant: 'acme',
    name: 'shop',
    functionName: 'hello',
    runtime: 'node18',
    handler: 'handler',
    publicDomain: null,
    memoryMb: 128,
    cpuShares: null,
    minReplicas: 0,
    maxReplicas: 2,
    createdMs: 1,
    updatedMs: 2,
    ...changes,
  };
}

export function token(changes: Partial<StoredToken> = {}): StoredToken {
  return {
    id: 't1',
    name: 'ci',
    tenant: 'acme',
    role: 'admin',
    createdMs: 1,
    expiresMs: null,
    revokedMs: null,
    lastUsedMs: null,
    hash: 'aa',
    ...changes,
  };
}

export function variable(changes: Partial<StoredVariable> = {}): StoredVariable {
  return {
    tenant: 'acme',
    functionName: null,
    name: 'KEY',
    isSecret: true,
    hosts: ['api.example.com'],
    updatedMs: 1,
    keyId: 'k1',
    value: Uint8Array.of(0, 1, 255),
    ...changes,
  };
}

export function dataKey(changes: Partial<StoredKey> = {}): StoredKey {
  return { id: 'k1', masterKeyId: 'm1', sealed: Uint8Array.of(9, 0), createdMs: 1, retiredMs: null, ...changes };
}

export function result(changes: Partial<InvocationResult> = {}): InvocationResult {
  return {
    id: 'r1',
    tenant: 'acme',
    functionName: 'hello',
    version: 1,
    status: 'succeeded',
    response: { status: 201, headers: ['a', 'b'], body: Uint8Array.of(0, 200) },
    fault: null,
    createdMs: 1,
    finishedMs: 2,
    ...changes,
  };
}

/** Something in every table, for a tenant. */
export const HOUR_MS = 3_600_000;
export const FIRST_HOUR_MS: number = 1_700_000_000_000 - (1_700_000_000_000 % HOUR_MS);

export const usageTotals = (): UsageTotals => ({
  invocations: 1,
  coldStarts: 0,
  wallMs: 2.5,
  cpuMs: 1.25,
  mbSeconds: 0.5,
  sentBytes: 3_000_000_000,
  receivedBytes: 0,
  faults: 1,
});

export const usageHour = (changes: Partial<UsageHour> = {}): UsageHour => ({
  tenant: 'acme',
  name: 'hello',
  hourMs: FIRST_HOUR_MS,
  totals: usageTotals(),
  faultsByCode: { TIMED_OUT: 1 },
  ...changes,
});

export async function fill(storage: Storage, tenant: string): Promise<void> {
  await storage.functions.addVersion(
    newVersion({ tenant, change: { live: true, alias: 'stable', publicDomain: `${tenant}.example` } }),
    FILES,
  );
  await storage.functions.addVersion(notLive({ tenant }), new Map());
  await storage.functions.change(tenant, 'hello', { canary: { number: 2, weight: 0.05, startedMs: 7 } }, null);
  await storage.deployments.put(deployment({ tenant, id: `d-${tenant}` }));
  await storage.services.add(service({ tenant, id: `s-${tenant}` }));
  await storage.tokens.add(token({ tenant, id: `t-${tenant}`, hash: tenant }));
  await storage.variables.put([variable({ tenant }), variable({ tenant, functionName: 'hello', keyId: null })]);
  await storage.audit.append([
    { timeMs: 1, actor: 'operator', action: 'a.b', tenant, target: 'x', outcome: 'ok', details: { deep: [1, null] } },
  ]);
  await storage.idempotency.claim(tenant, 'key', 'print', 1);
  await storage.results.put(result({ tenant, id: `r-${tenant}` }));
  await storage.kv.set({
    tenant,
    key: 'key',
    value: '{"a":[1,null]}',
    expiresMs: 9e12,
    ifRevision: null,
    quota: { entries: 10, bytes: 1_000 },
    nowMs: 1,
  });
  const permissions = { read: 'public', create: 'none', update: 'none', delete: 'none' };
  await storage.items.putCollection({ tenant, slug: 'posts', permissions }, 10, 1);
  const item = { id: `i-${tenant}`, owner: 'ann', data: { title: 'é' }, createdMs: 1, updatedMs: 2 };
  await storage.items.insert({ tenant, slug: 'posts', ...item }, { entries: 10, bytes: 1_000 });
  await storage.usage.add([usageHour({ tenant })]);
  await storage.queue.add([newJob({ tenant, id: `q-${tenant}` })]);
  const cron = { paused: true, overlap: 'skip', catchUp: 'all', lastTickMs: 5, finishedMs: null } as const;
  await storage.cron.create([{ tenant, name: 'hello', pattern: '@daily', ...cron }]);
  const base = (await storage.logs.lastId()) + 1;
  await storage.logs.append([
    logLine(base, { tenant }),
    logLine(base + 1, { tenant, name: 'other', invocation: null }),
  ]);
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Of one prototype: PostgreSQL's bytes are Buffers, and SQLite's rows have no prototype. */
export function plain<T>(value: T): T {
  if (value instanceof Uint8Array) return Uint8Array.from(value) as T;
  if (Array.isArray(value)) return value.map(plain) as T;
  if (value instanceof Map) return new Map([...value].map(([key, of]) => [key, plain(of)])) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, plain(of)])) as T;
}

export const keyOf = ({ tenant, name, number }: StoredVersion): string => `${tenant}/${name}@${number}`;

export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cordon-storage-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
