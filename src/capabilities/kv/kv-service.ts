/** Kv service: `ctx.kv`: a tenant's values by key, with revisions, time to live and quotas. */

import type { CapabilityCaller } from '../../core/capability.ts';
import type { DataQuota } from '../../core/data-quota.ts';
import { MAX_KEY_BYTES, MAX_KEYS_LISTED, MAX_VALUE_BYTES } from '../../core/kv.ts';
import type { KvKey, KvStore } from '../../core/kv.ts';
import type { RpcMethod, RpcService } from '../../core/rpc.ts';
import { bad, paramsOf, textOf, wholeOf } from '../params.ts';
import { TenantTurns } from '../turns.ts';

export interface KvOptions {
  readonly store: KvStore;
  /** Of each tenant. */
  readonly quota: DataQuota;
  readonly nowMs?: () => number;
}

const DEFAULT_KEYS_LISTED = 100;
const MAX_TTL_SECONDS = 10 * 365 * 86_400;

/** A time is shown as ISO text. */
interface ShownKey {
  readonly key: string;
  readonly revision: number;
  readonly expiresAt: string | null;
}

export function createKvService({ store, quota, nowMs = Date.now }: KvOptions): RpcService {
  const writes = new TenantTurns(0);
  const get: RpcMethod = async (caller, given) => {
    const { key } = paramsOf(given, ['key'], 'kv.get');
    const found = await store.get(tenantOf(caller), keyOf(key), nowMs());
    if (found === null) return null;
    const { revision, expiresAt } = shownOf(found);
    return { value: JSON.parse(found.value) as unknown, revision, expiresAt };
  };

  const set: RpcMethod = (caller, given) => {
    const params = paramsOf(given, ['key', 'value', 'ttlSeconds', 'ifRevision'], 'kv.set');
    const now = nowMs();
    const write = {
      tenant: tenantOf(caller),
      key: keyOf(params['key']),
      value: valueOf(params['value']),
      expiresMs: expiryOf(params['ttlSeconds'], now),
      ifRevision: revisionOf(params['ifRevision']),
      quota,
      nowMs: now,
    };
    return writes.take(write.tenant, () => store.set(write));
  };

  const remove: RpcMethod = (caller, given) => {
    const { key, ifRevision } = paramsOf(given, ['key', 'ifRevision'], 'kv.delete');
    const [tenant, wanted, revision] = [tenantOf(caller), keyOf(key), revisionOf(ifRevision)];
    return writes.take(tenant, () => store.delete(tenant, wanted, revision, nowMs()));
  };

  const list: RpcMethod = async (caller, given) => {
    const params = paramsOf(given, ['prefix', 'cursor', 'limit'], 'kv.list');
    const { prefix = '', cursor = null, limit = DEFAULT_KEYS_LISTED } = params;
    const wanted = wholeOf('limit', limit, 1, MAX_KEYS_LISTED);
    const found = await store.list({
      tenant: tenantOf(caller),
      prefix: textOf('prefix', prefix, MAX_KEY_BYTES),
      after: cursor === null ? null : textOf('cursor', cursor, MAX_KEY_BYTES),
      // One more tells whether there is another page.
      limit: wanted + 1,
      nowMs: nowMs(),
    });
    const keys = found.slice(0, wanted).map(shownOf);
    return { keys, cursor: found.length > wanted ? (keys.at(-1) as ShownKey).key : null };
  };

  return {
    methods: {
      get: { grant: 'kv', run: get },
      set: { grant: 'kv', run: set },
      delete: { grant: 'kv', run: remove },
      list: { grant: 'kv', run: list },
    },
  };
}

/** The host's word; a guest never names its tenant. */
const tenantOf = ({ version }: CapabilityCaller): string => version.tenant;

function keyOf(value: unknown): string {
  const key = textOf('key', value, MAX_KEY_BYTES);
  if (key === '') throw bad('key', 'at least one character', value);
  return key;
}

function valueOf(value: unknown): string {
  if (value === undefined) throw bad('value', 'any JSON', value);
  const json = JSON.stringify(value);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_VALUE_BYTES) throw bad('value', `at most ${MAX_VALUE_BYTES} bytes of JSON`, bytes);
  // JSON spells NUL and halves of surrogate pairs, so this text is always fit to be kept.
  return json;
}

function expiryOf(ttlSeconds: unknown, nowMs: number): number | null {
  if (ttlSeconds === undefined || ttlSeconds === null) return null;
  if (typeof ttlSeconds === 'number' && ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)
    return Math.ceil(nowMs + ttlSeconds * 1_000);
  throw bad('ttlSeconds', `a number of seconds above 0 and at most ${MAX_TTL_SECONDS}`, ttlSeconds);
}

function revisionOf(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  return wholeOf('ifRevision', value, 0, Number.MAX_SAFE_INTEGER);
}

const shownOf = ({ key, revision, expiresMs }: KvKey): ShownKey => ({
  key,
  revision,
  expiresAt: expiresMs === null ? null : new Date(expiresMs).toISOString(),
});
